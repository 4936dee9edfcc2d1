/** Mutants of what is filled in where updates leave out columns. */
import type { Mutant } from './mutant.ts';

const PROGRAMS: Mutant['test'] = ['src/pipeline/rehydrate/rehydration.test.ts', 'invariant 9'];
const WRITER: Mutant['test'] = ['src/envelope/kept-columns.test.ts', 'invariant 9'];
const POSTGRES = 'connectors/postgres/rehydrate.test.ts';

export const rehydrateMutants: readonly Mutant[] = [
  {
    // A transaction is held in memory, however large it is.
    invariant: 10,
    file: 'src/pipeline/derived-database.ts',
    find: 'PRAGMA cache_size = -${Math.ceil(cacheBytes / 1024)};',
    replace: `PRAGMA cache_size = -1000000;`,
    test: ['src/pipeline/rehydrate/column-store.test.ts', 'invariant 10: what an open transaction has'],
  },
  {
    // What was sent by a small row is left in the store, and recalled when the row is written again.
    invariant: 9,
    file: 'src/pipeline/rehydrate/table-memory.ts',
    find: `      this.#rows.removeRow(key);
      return;`,
    replace: `      return;`,
    test: ['src/pipeline/rehydrate/log-follower.test.ts', 'invariant 9: what a row sends replaces what was kept of it'],
  },
  {
    // A value that was left out once is dropped as soon as its row is small.
    invariant: 9,
    file: 'src/pipeline/rehydrate/table-memory.ts',
    find: `      if (recalled[place] === true) {`,
    replace: `      if (recalled[place] === true && !isSmall) {`,
    test: ['src/pipeline/rehydrate/log-follower.test.ts', 'invariant 9: what was left out once'],
  },
  {
    // A row under a changed key does not take its values along.
    invariant: 9,
    file: 'src/pipeline/rehydrate/table-memory.ts',
    find: `        if (op === 'c') this.#rows.put(key, id, bytes.subarray(start, end));`,
    replace: '',
    test: PROGRAMS,
  },
  {
    // The store keeps what did not become durable in the log.
    invariant: 9,
    file: 'src/pipeline/rehydrate/rehydration.ts',
    find: `      if (isDurable && this.#hasNews) this.#commit();`,
    replace: `      this.#commit();`,
    test: ['src/pipeline/rehydrate/output-rest.test.ts', 'invariant 9'],
  },
  {
    // What the log says is taken for what was sent.
    invariant: 9,
    file: 'src/pipeline/rehydrate/log-follower.ts',
    find: `    const mayEqual = isWhole && former !== null && unsent.isSmallRow(together);`,
    replace: `    const mayEqual = isWhole && former === null;`,
    test: ['src/pipeline/rehydrate/log-follower.test.ts', 'invariant 9: a small row'],
  },
  {
    // What was kept before the source began anew is recalled afterwards.
    invariant: 9,
    file: 'src/pipeline/rehydrate/log-follower.ts',
    find: `    if (since > 0n && cover <= since) return null;`,
    replace: '',
    test: ['src/pipeline/rehydrate/log-follower.test.ts', 'invariant 9: where the store is behind'],
  },
  {
    // The store's transaction ends while rows are not durable.
    invariant: 9,
    file: 'src/pipeline/source-output.ts',
    find: `    return !this.#inTransaction && this.#open === null && this.#encoder.pendingBytes === 0 && this.#error === null;`,
    replace: `    return this.#error === null;`,
    test: ['src/pipeline/rehydrate/output-rest.test.ts', 'invariant 9'],
  },
  {
    // A value is put into the place of another.
    invariant: 9,
    file: 'src/envelope/kept-columns.ts',
    find: `      for (const { at, head, value } of found) if (at <= from) by += head.length + value.length;
      this.#from[slot] = from + by;`,
    replace: `      for (const { at, head, value } of found) if (at < 0) by += head.length + value.length;
      this.#from[slot] = from + by;`,
    test: WRITER,
  },
  {
    // The size of a row is taken for that of its text.
    invariant: 9,
    file: 'connectors/postgres/unsent-columns.ts',
    find: `  return Math.max(-1, Math.floor(room / factor));`,
    replace: `  return Math.max(-1, Math.floor(2 * room));`,
    test: [POSTGRES, 'invariant 9: how long stored values are'],
  },
  {
    // A row read by a snapshot is taken for one that was written just now.
    invariant: 9,
    file: 'src/envelope/direct-row-writer.ts',
    find: `streamed || transaction?.sendsAll === true`,
    replace: `true`,
    test: [POSTGRES, 'invariant 9: a value that lies out of line in a row that has become small'],
  },
];
