/** Mutants of the stage of a pipeline. */
import type { Mutant } from './mutant.ts';

const LOOKUP = 'src/pipeline/stage/lookup.test.ts';

export const stageMutants: readonly Mutant[] = [
  {
    // What a snapshot did not see any more is forgotten at the target alone: the next change of the other table sends it again.
    invariant: 7,
    file: 'src/pipeline/stage/lookup.ts',
    find: '        rows.removeOur(our);\n',
    replace: '',
    test: [LOOKUP, 'invariant 7: the end of a snapshot'],
  },
  {
    // A truncate passes by what is kept.
    invariant: 7,
    file: 'src/pipeline/stage/lookup.ts',
    find: '    if (shape !== null && removesAll) rows.clearOurs(tableName(table));\n',
    replace: '',
    test: [LOOKUP, 'invariant 7: rows of a table that was truncated'],
  },
  {
    // What the other table did not send is forgotten.
    invariant: 9,
    file: 'src/pipeline/stage/lookup.ts',
    find: 'row!.bytes(column)) ?? old?.cells[i]);',
    replace: 'row!.bytes(column)) ?? Buffer.from("null"));',
    test: [LOOKUP, 'invariant 9: a column that an update leaves out'],
  },
  {
    // What was read is written, and where it stands is not.
    invariant: 3,
    file: 'src/pipeline/stage/stage-output.ts',
    find: '    transaction.checkpoint(stageCheckpoint(this.#options.pipeline), JSON.stringify(saved));\n',
    replace: '',
    test: ['src/pipeline/stage/dedupe.test.ts', 'invariant 3: what passes is the same'],
  },
  {
    // Versions of the stage begin anew with each of its lives.
    invariant: 7,
    file: 'src/envelope/version-clock.ts',
    find: '    const value = BigInt(last ?? 0);',
    replace: '    const value = 0n;',
    test: ['src/envelope/written-changes.test.ts', 'invariant 7: versions rise'],
  },
];
