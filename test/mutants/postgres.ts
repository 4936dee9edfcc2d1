/** Mutants of the postgres source. */
import type { Mutant } from './mutant.ts';

const CUTS = 'connectors/postgres/cuts.test.ts';
const GAPS = 'connectors/postgres/gaps.test.ts';
const CHUNKS = 'connectors/postgres/snapshot-chunks.test.ts';
const DDL = 'connectors/postgres/ddl.test.ts';

export const postgresMutants: readonly Mutant[] = [
  {
    // A publication that was made anew is taken for the former one, though nobody says so.
    invariant: 5,
    file: 'connectors/postgres/continuity.ts',
    find: `publication.comment === vouching(publication);`,
    replace: `publication.comment === vouching(publication) || true;`,
    test: [GAPS, 'invariant 5: a publication that was dropped'],
  },
  {
    // What was left out for a while is forgotten.
    invariant: 5,
    file: 'connectors/postgres/continuity.ts',
    find: `position.altered !== null && xmin !== position.altered) return`,
    replace: `position.altered === 'never') return`,
    test: [GAPS, 'invariant 5: a publication that was altered'],
  },
  {
    // The position of a transaction is given out when it begins.
    invariant: 4,
    file: 'connectors/postgres/stream-decoder.ts',
    find: `        this.#transaction = pgoutput.readBegin(buf, from + 1, to);`,
    replace: `        this.#output.heartbeat(this.#progress.at(pgoutput.readBegin(buf, from + 1, to).commitLsn + 1n));
        this.#transaction = pgoutput.readBegin(buf, from + 1, to);`,
    test: [CUTS, 'invariant 4'],
  },
  {
    // The end of the commit record and one: adjacent commits are lost.
    invariant: 4,
    file: 'connectors/postgres/stream-decoder.ts',
    find: `    const position = this.#progress.at(end);`,
    replace: `    const position = this.#progress.at(end + 1n);`,
    test: ['connectors/postgres/resume.test.ts', 'commit records next to each other'],
  },
  {
    // Snapshot and stream joined by LSN instead of visibility.
    invariant: 5,
    file: 'connectors/postgres/coverage.ts',
    find: `commitLsn < one.until && one.sees(xid)`,
    replace: `commitLsn < one.until && (one.sees(xid) || true)`,
    test: ['connectors/postgres/coverage.test.ts', 'invariant 4: what a range has'],
  },
  {
    // A range is read though a streamed commit cannot be seen yet.
    invariant: 5,
    file: 'connectors/postgres/snapshot-round.ts',
    find: `return progress.touched?.size === 0;`,
    replace: `return true;`,
    test: [CHUNKS, 'a commit that sessions do not see yet'],
  },
  {
    // Every key is taken for one that was not read yet.
    invariant: 4,
    file: 'connectors/postgres/coverage.ts',
    find: `      if (order <= 0) return i;`,
    replace: '',
    test: ['connectors/postgres/coverage.test.ts', 'invariant 4: what a range has'],
  },
  {
    // A resumed table is begun anew without saying so.
    invariant: 4,
    file: 'connectors/postgres/snapshot-state.ts',
    find: `ranges.at(-1)?.to ?? null;`,
    replace: `ranges.at(-2)?.to ?? null;`,
    test: [CHUNKS, 'invariant 4: stopped after any step'],
  },
  {
    // A publication that the server cannot find is only a warning.
    invariant: 5,
    file: 'connectors/postgres/replication-stream.ts',
    find: `severity === 'WARNING' && code === '55000'`,
    replace: `severity === 'WARNING' && code === '0'`,
    test: [GAPS, 'invariant 5: a publication that the server itself misses'],
  },
  {
    // A table that was unpublished for a while is taken for one that always was.
    invariant: 5,
    file: 'connectors/postgres/continuity.ts',
    find: `    if (entry !== position.tables[label]!.entry) {`,
    replace: `    if (label === '') {`,
    test: [GAPS, 'invariant 5: a table that left the publication'],
  },
  {
    // A slot that is gone is made anew.
    invariant: 5,
    file: 'connectors/postgres/set-up.ts',
    find: `  checkSlot(await findSlot(sql, slot), slot, from);`,
    replace: `  if ((await findSlot(sql, slot)) === undefined) await createSlot(sql, slot);
  else checkSlot(await findSlot(sql, slot), slot, from);`,
    test: [GAPS, 'invariant 5: a slot that was dropped'],
  },
  {
    // A column that was not sent becomes NULL.
    invariant: 9,
    file: 'connectors/postgres/stream-tables.ts',
    find: `  else if (value === undefined) writer.unchanged(i);`,
    replace: `  else if (value === undefined) writer.null(i);`,
    test: [DDL, 'invariant 9: large columns'],
  },
  {
    // The snapshot's escapes are not undone.
    invariant: 9,
    file: 'connectors/postgres/copy-row.ts',
    find: `  [0x74, 0x09],`,
    replace: '',
    test: ['connectors/postgres/types.test.ts', 'invariant 9: arrays of any shape'],
  },
  {
    // A server is taken for the one that the position belongs to.
    invariant: 11,
    file: 'connectors/postgres/incarnation.ts',
    find: `  if (position.system !== now.system) {`,
    replace: `  if (position.system === '') {`,
    test: [GAPS, 'invariant 11: another server'],
  },
  {
    // A slot that has given up what follows the position is read all the same.
    invariant: 11,
    file: 'connectors/postgres/slot.ts',
    find: `parseLsn(slot.confirmed) > parseLsn(position.lsn)`,
    replace: `parseLsn(slot.confirmed) < parseLsn(position.lsn) && slot.confirmed === ''`,
    test: [GAPS, 'invariant 11: a position older'],
  },
  {
    // The first keepalive of a connection takes the position back: what follows comes twice.
    invariant: 4,
    file: 'connectors/postgres/stream-decoder.ts',
    find: `lsn >= this.#progress.lsn`,
    replace: `lsn >= 0n`,
    test: ['connectors/postgres/stream-decoder.test.ts', 'invariant 4: a keepalive below'],
  },
  {
    // A table that is rewritten between snapshot and COPY reads as empty.
    invariant: 5,
    file: 'connectors/postgres/snapshot-round.ts',
    find: `  await leader.query(BEGIN);
  try {`,
    replace: `  await leader.query(\`\${BEGIN}; SELECT 1\`);
  try {`,
    test: ['connectors/postgres/visibility.test.ts', 'a table that is rewritten while a step of its snapshot begins'],
  },
  {
    // Fractions of a second as long as PostgreSQL writes them.
    invariant: 9,
    file: 'connectors/postgres/column-text.ts',
    find: `  for (; digits < MICROSECOND_DIGITS; digits++) out[written++] = 0x30;`,
    replace: '',
    test: ['connectors/postgres/types.test.ts', 'invariant 9: every type'],
  },
  {
    // A log that holds back does not stop the reading.
    invariant: 10,
    file: 'connectors/postgres/message-socket.ts',
    find: `    this.#handle()?.readStop();`,
    replace: '',
    test: ['connectors/postgres/slow-consumer.test.ts', 'invariant 10: held back'],
  },
  {
    // A row whose transaction is not visible yet is taken to be gone.
    invariant: 9,
    file: 'connectors/postgres/stream-tables.ts',
    find: `.sees(xid)) this.#visible = xid;`,
    replace: `.sees(xid) || true) this.#visible = xid;`,
    test: ['connectors/postgres/visibility.test.ts', 'invariant 9: a column that is read for a changed key'],
  },
  {
    // Running transactions stay in memory, however many there are.
    invariant: 10,
    file: 'connectors/postgres/spill-space.ts',
    find: `    return largest?.toDisk();`,
    replace: `    return undefined;`,
    test: ['connectors/postgres/spill-space.test.ts', 'invariant 10: what is put aside'],
  },
  {
    // Rows lie on the disk as they came.
    invariant: 12,
    file: 'connectors/postgres/spill-file.ts',
    find: `[cipher.update(content), `,
    replace: `[content, cipher.update(content).subarray(0, 0), `,
    test: ['connectors/postgres/spill-space.test.ts', 'invariant 12: nothing of a row'],
  },
  {
    // What a subtransaction undid is published.
    invariant: 4,
    file: 'connectors/postgres/streamed-transactions.ts',
    find: `pause(spill.truncate(offset));`,
    replace: `pause(spill.truncate(spill.bytes));`,
    test: ['connectors/postgres/streamed.test.ts', 'invariant 4: what was streamed'],
  },
  {
    // Each connection looks for a server of its own.
    invariant: 11,
    file: 'connectors/postgres/connections.ts',
    find: `found.set(options, looking);`,
    replace: ``,
    test: ['connectors/postgres/connections.test.ts', 'invariant 11: of several servers all connections'],
  },
  {
    // What a second reading of a table has seen is left out, deletes of rows that it did not find included.
    invariant: 7,
    file: 'connectors/postgres/coverage.ts',
    find: `state?.kind === 'refresh' && keys === null`,
    replace: `state?.kind === 'initial' && keys === undefined`,
    test: ['connectors/postgres/coverage.test.ts', 'invariant 7: of a table that is streamed'],
  },
];
