/** Mutants of the runtime. */
import type { Mutant } from './mutant.ts';

const RUNTIME = 'src/pipeline/pipeline.test.ts';
const LETTERS = 'src/pipeline/dead-letters/dead-letters.test.ts';

export const runtimeMutants: readonly Mutant[] = [
  {
    // Acknowledged before it is durable.
    invariant: 1,
    file: 'src/pipeline/source-output.ts',
    find: `    failpoint('source.before-commit');
    const ends = await transaction.commit();`,
    replace: `    this.#options.acknowledge(position);
    failpoint('source.before-commit');
    const ends = await transaction.commit();`,
    test: [RUNTIME, 'invariant 1'],
  },
  {
    // Offsets committed before the sink has flushed.
    invariant: 2,
    file: 'src/pipeline/sink-task.ts',
    find: `    failpoint('sink.after-write');`,
    replace: `    await this.#commit(next, [], epoch);
    failpoint('sink.after-write');`,
    test: [RUNTIME, 'invariant 2'],
  },
  {
    // A poison record forgotten instead of kept.
    invariant: 6,
    file: 'src/pipeline/sink-task.ts',
    find: `    await this.#letters.write(letters, applied);`,
    replace: '',
    test: [RUNTIME, 'invariant 6'],
  },
  {
    // What does not say all of its row passes the refused change that it builds on.
    invariant: 6,
    file: 'src/pipeline/dead-letters/letters.ts',
    find: `    if (this.#blocksKey || !isWhole(change)) return true;`,
    replace: `    if (this.#blocksKey) return true;`,
    test: [LETTERS, 'invariant 6: a change that does not say all'],
  },
  {
    // Under block_key whole rows pass the refused one.
    invariant: 6,
    file: 'src/pipeline/dead-letters/letters.ts',
    find: `    if (this.#blocksKey || !isWhole(change)) return true;`,
    replace: `    if (!isWhole(change)) return true;`,
    test: [LETTERS, 'invariant 6: block_key'],
  },
  {
    // A delete leaves older dead letters of its row as they were.
    invariant: 7,
    file: 'src/pipeline/dead-letters/letters.ts',
    find: `      if (versionOf(entry) < change.version || isItself) yield id;`,
    replace: `      if (change.after !== null && (versionOf(entry) < change.version || isItself)) yield id;`,
    test: [LETTERS, 'invariant 7: cannot bring back'],
  },
  {
    // The positions that the target keeps win over a replay: nothing is read again.
    invariant: 2,
    file: 'src/pipeline/sink-control.ts',
    find: `String(generation + 1)`,
    replace: `String(generation)`,
    test: ['src/pipeline/replay.test.ts', 'invariant 2: a replay goes on after a crash at'],
  },
  {
    // A sweep takes the rows whose newer state is a dead letter.
    invariant: 7,
    file: 'src/pipeline/dead-letters/sort-out.ts',
    find: `rules.apply(sparing(record, change, deadLetters, letters))`,
    replace: `rules.apply(change)`,
    test: [LETTERS, 'invariant 7: the sweep of a snapshot leaves alone'],
  },
  {
    // A target is taken over without a clock above its versions.
    invariant: 7,
    file: 'src/pipeline/adoption.ts',
    find: `BigInt(checkpoint.version) >= held.version`,
    replace: `BigInt(checkpoint.version) >= 0n`,
    test: ['test/e2e/other-log.test.ts', 'invariant 7: a target of another log is taken over'],
  },
  {
    // A sink reads on where compaction has removed deletes that it has not read.
    invariant: 5,
    file: 'src/pipeline/read-guard.ts',
    find: `    if (next >= removedTo || removedTo <= (this.#began.get(this.#name(place)) ?? 0n)) return;`,
    replace: `    if (next >= 0n) return;`,
    test: ['src/pipeline/read-guard.test.ts', 'invariant 5'],
  },
  {
    // The status shows keys of rows.
    invariant: 12,
    file: 'src/pipeline/shown-position.ts',
    find: `  const { private: _, ...shown } = position;`,
    replace: `  const { ...shown } = position;`,
    test: ['src/pipeline/shown-position.test.ts', 'invariant 12: keys of rows in a position'],
  },
  {
    // What was renamed leaves behind what it has done under the new name.
    invariant: 5,
    file: 'src/pipeline/stored-names.ts',
    find: `if (this.#exists(kind, recorded ?? name)) throw`,
    replace: `if (this.#exists(kind, '')) throw`,
    test: ['src/pipeline/stored-names.test.ts', 'invariant 5'],
  },
  {
    // Behind a step that looks at old rows a change is passed over.
    invariant: 6,
    file: 'src/pipeline/sink-task.ts',
    find: ` || rules.needEveryChange?.(steps) === true;`,
    replace: `;`,
    test: ['src/pipeline/pipeline.test.ts', 'invariant 6: behind a step that needs every change'],
  },
];
