/** Mutants of the mysql connector. */
import type { Mutant } from './mutant.ts';

const CRASH = 'connectors/mysql/crash.test.ts';
const GAPS = 'connectors/mysql/gaps.test.ts';
const SNAPSHOT = 'connectors/mysql/snapshot.test.ts';
const RESUME = 'connectors/mysql/resume.test.ts';
const SINK = 'connectors/mysql/sink.test.ts';
const XA = 'connectors/mysql/xa.test.ts';
const TYPES = 'connectors/mysql/types.test.ts';

export const mysqlMutants: readonly Mutant[] = [
  {
    // The position of a transaction is given out when it begins.
    invariant: 4,
    file: 'connectors/mysql/stream-transactions.ts',
    find: `    if (start.prepares) this.#xa.begin();`,
    replace: `    if (start.prepares) this.#xa.begin();
    if (start.gtid !== null) this.#executed?.add(start.gtid);
    this.#output.heartbeat(this.#passed());`,
    test: [RESUME, 'invariant 4: the stream cut'],
  },
  {
    // What cannot be read is passed over.
    invariant: 5,
    file: 'connectors/mysql/unreadable-events.ts',
    find: `if ((flags & IGNORABLE) !== 0) return undefined;`,
    replace: `if (flags >= 0) return undefined;`,
    test: ['connectors/mysql/stream-decoder.test.ts', 'invariant 5: stops the source'],
  },
  {
    // Statements in place of rows are taken for DDL.
    invariant: 5,
    file: 'connectors/mysql/statements.ts',
    find: `if (DML.has(verb)) return { kind: 'dml', verb };`,
    replace: `if (DML.has(verb)) return { kind: 'none' };`,
    test: [GAPS, 'invariant 5: a statement in place of rows'],
  },
  {
    // A statement that cannot be read is passed over.
    invariant: 5,
    file: 'connectors/mysql/statement-events.ts',
    find: `if (!whole && effect.kind !== 'none')`,
    replace: `if (!whole && effect.kind === 'dml')`,
    test: ['connectors/mysql/stream-decoder.test.ts', 'invariant 5: a statement'],
  },
  {
    // Statements are taken for UTF-8, whatever their client wrote.
    invariant: 9,
    file: 'connectors/mysql/statement-text.ts',
    find: `if (charset.name === 'binary' ||`,
    replace: `if (charset.name !== '' ||`,
    test: ['connectors/mysql/stream-decoder.test.ts', 'invariant 5: a statement'],
  },
  {
    // A table under the captured name is taken for the one that was.
    invariant: 5,
    file: 'connectors/mysql/statement-events.ts',
    find: `      if (found === undefined) continue;`,
    replace: `      if (found?.label !== '') continue;`,
    test: [GAPS, 'invariant 5: a renamed table'],
  },
  {
    // XA transactions that are prepared are forgotten with the reader.
    invariant: 4,
    file: 'connectors/mysql/stream-transactions.ts',
    find: `[...this.#awaited.values(), ...this.#xa.places(true)]`,
    replace: `[]`,
    test: [XA, 'invariant 4: published with XA COMMIT'],
  },
  {
    // A snapshot is taken before sessions see what was streamed already.
    invariant: 4,
    file: 'connectors/mysql/chunk-reader.ts',
    find: `'gtid_executed'), false).covers(streamed)) {`,
    replace: `'gtid_executed'), false).covers(streamed) && streamed === null) {`,
    test: [SNAPSHOT, 'invariant 4: a commit that is streamed before sessions see it'],
  },
  {
    // What the stream says of a range while it is read is forgotten.
    invariant: 4,
    file: 'connectors/mysql/coverage.ts',
    find: `if (chunk?.isStale === false) {`,
    replace: `if (chunk?.isStale === true) {`,
    test: [SNAPSHOT, 'invariant 4: stopped after any step'],
  },
  {
    // A range is written before the stream is past what its snapshot may have seen.
    invariant: 4,
    file: 'connectors/mysql/table-turn.ts',
    find: `if (!head.chunk.isStale) await this.#reached(head.chunk, signal);`,
    replace: `if (head.chunk.isStale) await this.#reached(head.chunk, signal);`,
    test: [SNAPSHOT, 'invariant 4: stopped after any step'],
  },
  {
    // A server that may have lost transactions is taken for one that keeps them.
    invariant: 5,
    file: 'connectors/mysql/server-crash.ts',
    find: `if (unsafe.length === 0 || after === 'continue') return;`,
    replace: `if (unsafe.length >= 0 || after === 'continue') return;`,
    test: [CRASH, 'invariant 5: of one that may have lost transactions'],
  },
  {
    // Numbers that others got are taken for those of transactions that were seen.
    invariant: 5,
    file: 'connectors/mysql/server-crash.ts',
    find: `if (!theirs.covers(ours)) {`,
    replace: `if (theirs === ours) {`,
    test: [CRASH, 'invariant 5: numbers of lost transactions'],
  },
  {
    // FLOAT as the server prints it, with six digits.
    invariant: 9,
    file: 'connectors/mysql/column-text.ts',
    find: "return base === 'float' || base === 'double' ? `${quoteName(name)} * 1E0` : quoteName(name);",
    replace: "return base === 'double' ? `${quoteName(name)} * 1E0` : quoteName(name);",
    test: [TYPES, 'invariant 9: snapshot and stream give the same exact texts'],
  },
  {
    // A YEAR is not counted among the numbers: the signs of the columns behind it are those of others.
    invariant: 9,
    file: 'connectors/mysql/table-map.ts',
    find: `8, 9, ColumnType.YEAR, ColumnType.NEWDECIMAL]`,
    replace: `8, 9, ColumnType.NEWDECIMAL]`,
    test: [TYPES, 'invariant 9: types beside each other'],
  },
  {
    // A log that was begun anew is told by the numbers of its transactions alone.
    invariant: 11,
    file: 'connectors/mysql/set-up.ts',
    find: `(await asked(reader, () => fileBegun(reader, from))) !== begun`,
    replace: `(await asked(reader, () => fileBegun(reader, from))) === -1`,
    test: [GAPS, 'invariant 11'],
  },
  {
    // Late writes overwrite newer rows.
    invariant: 7,
    file: 'connectors/mysql/sink-rows.ts',
    find: '`${name} = IF(${of(VERSION)} >= ${stored}, ${of(name)}, ${table.name}.${name})`',
    replace: '`${name} = ${of(name)}`',
    test: [SINK, 'invariant 7: rows of one statement are each held against their own'],
  },
  {
    // Members of a changed document are kept in the order in which they came.
    invariant: 9,
    file: 'connectors/mysql/json-tree.ts',
    find: `a.key.length - b.key.length ||`,
    replace: ``,
    test: ['connectors/mysql/partial-json.test.ts', 'invariant 9: each document'],
  },
  {
    // The last element of an array is not the one that is meant.
    invariant: 9,
    file: 'connectors/mysql/json-diffs.ts',
    find: `leg < 0 ? items.length + leg : leg`,
    replace: `Math.abs(leg)`,
    test: ['connectors/mysql/partial-json.test.ts', 'invariant 9: each document'],
  },
];
