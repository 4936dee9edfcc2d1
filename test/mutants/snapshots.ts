/** Mutants of snapshots that are told what to do, and of what keeps them in step with their tables. */
import type { Mutant } from './mutant.ts';

const COMMANDS = 'src/pipeline/source-commands.test.ts';
const NEW_TABLES = 'test/e2e/new-tables.test.ts';
const SNAPSHOTS = 'test/e2e/snapshots.test.ts';

export const snapshotMutants: readonly Mutant[] = [
  {
    // A command is answered before its position is durable.
    invariant: 1,
    file: 'src/pipeline/source-task.ts',
    find: `      return output.saved();`,
    replace: `      return;`,
    test: [COMMANDS, 'invariant 1: a command is answered'],
  },
  {
    // A commit that was begun before the command stands for it.
    invariant: 1,
    file: 'src/pipeline/source-output.ts',
    find: `    const wanted = this.#commits + 1;`,
    replace: `    const wanted = this.#commits;`,
    test: [COMMANDS, 'invariant 1: a command is answered'],
  },
  {
    // A part of a table is taken for all of it: the rest is swept.
    invariant: 7,
    file: 'connectors/postgres/snapshot-round.ts',
    find: `  if (to === null && state.where === null) output.marker(`,
    replace: `  if (begins && state.where !== null) output.marker({ op: 'snapshot-begin', table: schema, snapshot: id });
  if (to === null) output.marker(`,
    test: [SNAPSHOTS, 'invariant 7: rows of a condition sweep nothing'],
  },
  {
    // Keys that are to be looked for are forgotten with the process.
    invariant: 4,
    file: 'connectors/postgres/snapshot-state.ts',
    find: `  absent: z.array(key).default([]),`,
    replace: `  absent: z.array(key).default([]).transform(() => [] as string[][]),`,
    test: [SNAPSHOTS, 'invariant 7: rows of a condition sweep nothing'],
  },
  {
    // A table that was made anew under a pattern is a gap.
    invariant: 5,
    file: 'connectors/postgres/set-up.ts',
    find: `isLoose(options, table) ? undefined : state;`,
    replace: `options.tables.length === 0 ? undefined : state;`,
    test: [NEW_TABLES, 'invariant 5: a table that is dropped, made anew or renamed'],
  },
  {
    // A table is described once.
    invariant: 9,
    file: 'connectors/postgres/stream-tables.ts',
    find: `    this.#described.delete(relation.oid);`,
    replace: '',
    test: ['connectors/postgres/programs.test.ts', 'invariant 9: random programs'],
  },
];
