/** The decoder over bytes that are made here: what no server writes when a test wants it. */
import { describe, expect, test } from 'vitest';
import { classOf } from '../../src/contracts/errors.ts';
import { RecordingOutput } from '../../test/support/recording-output.ts';
import { dumpFrom } from './binlog-dump.ts';
import { EventType } from './binlog-event.ts';
import { CutOffs } from './cut-off.ts';
import { type TableName, tableName } from './names.ts';
import type { MysqlPosition } from './position.ts';
import { SourceProgress } from './source-progress.ts';
import { StatementEvents } from './statement-events.ts';
import { StatementTexts } from './statement-text.ts';
import { StreamDecoder } from './stream-decoder.ts';
import type { StreamTables } from './stream-tables.ts';

const GIB = 2 ** 30;
const IGNORABLE = 0x80;

const at = (pos: number): MysqlPosition => ({
  ...{ v: 1, flavor: 'mariadb', server: 's', gtid: '0-1-1', file: 'binlog.000001', pos, begun: 0 },
  ...{ tables: {}, prepared: [], history: null, private: null },
});

/** As a server has them. */
const CHARSETS = new Map([
  [8, { name: 'latin1', maxBytes: 1 }],
  [12, { name: 'ujis', maxBytes: 3 }],
  [45, { name: 'utf8mb4', maxBytes: 4 }],
]);

function latin1(buf: Buffer, from: number, to: number) {
  const out = Buffer.from(buf.toString('latin1', from, to));
  return { out, end: out.length };
}

const texts = new StatementTexts({
  of: (collation) => CHARSETS.get(collation)!,
  decoding: () => Promise.resolve(latin1),
});

function decoderFrom(pos: number, captured: readonly TableName[] = []) {
  const output = new RecordingOutput();
  const decoder = new StreamDecoder({
    output,
    // None is asked for: no event is of a table.
    tables: null as unknown as StreamTables,
    texts,
    statements: new StatementEvents(captured, false, null),
    progress: new SourceProgress(at(pos), false, () => Promise.resolve([])),
    known: 'binlog.000001',
    crashed: () => {},
    cutOffs: new CutOffs(),
    failpoint: () => {},
  });
  return { decoder, output, take: (event: Buffer) => decoder.take(event, 0, event.length) };
}

/** Header: time (4), type (1), server (4), size (4), end position (4, of 64 bits the low ones), flags (2). */
function event(type: number, end: number, body: Buffer, flags = 0): Buffer {
  const header = Buffer.alloc(19);
  header[4] = type;
  header.writeUInt32LE(1, 5);
  header.writeUInt32LE(header.length + body.length, 9);
  header.writeUInt32LE(end % 2 ** 32, 13);
  header.writeUInt16LE(flags, 17);
  return Buffer.concat([header, body]);
}

function begin(number: number, end: number): Buffer {
  const body = Buffer.alloc(19);
  body.writeBigUInt64LE(BigInt(number));
  return event(EventType.MARIADB_GTID, end, body);
}
/** Thread (4), duration (4), length of the schema (1), error (2), length of the variables (2), variables, schema, 0, text. */
function query(end: number, text: Buffer, collation: number): Buffer {
  const head = Buffer.alloc(13);
  head[8] = 1;
  const variables = Buffer.from([0, 0, 0, 0, 0, 4, collation, 0, collation, 0, collation, 0]);
  head.writeUInt16LE(variables.length, 11);
  return event(EventType.QUERY, end, Buffer.concat([head, variables, Buffer.from('s\0'), text]));
}
const commit = (end: number) => event(EventType.XID, end, Buffer.alloc(8));

describe('synthetic events', () => {
  test('positions go on beyond 4 GiB of a file, in steps of up to 2 GiB', () => {
    const { output, take } = decoderFrom(3 * GIB);
    const ends = [3.5, 4, 4 + 2 ** -20, 5.5, 7.25, 9, 10.75].map((gib) => gib * GIB);
    for (const [i, end] of ends.entries()) {
      take(begin(i + 2, end - 27));
      take(commit(end));
      expect(output.lastPosition).toMatchObject({ gtid: `0-1-${i + 2}`, pos: end });
    }
  });

  test('invariant 5: beyond 4 GiB of a file only GTIDs lead', () => {
    expect(dumpFrom(1, 'binlog.000001', 2 ** 32 - 1, true).readUInt32LE(1)).toBe(2 ** 32 - 1);
    expect(() => dumpFrom(1, 'binlog.000001', 2 ** 32, true)).toThrow('beyond 4 GiB');
  });

  test.each([
    ['of an unknown type', 175],
    ['an incident', EventType.INCIDENT],
    ['a LOAD DATA as statement', EventType.BEGIN_LOAD_QUERY],
  ])('invariant 5: stops the source, and gives no position: %s', (_, type) => {
    const { output, take } = decoderFrom(100);
    take(begin(2, 200));
    const found = (() => {
      try {
        return take(event(type, 300, Buffer.alloc(8)));
      } catch (error) {
        return classOf(error);
      }
    })();
    expect(found).toBe('gap');
    expect(output.lastPosition).toBeNull();
  });

  test('an unknown one that says that it can be left out is', () => {
    const { output, take } = decoderFrom(100);
    take(begin(2, 200));
    take(event(175, 300, Buffer.alloc(8), IGNORABLE));
    take(commit(400));
    expect(output.lastPosition).toMatchObject({ gtid: '0-1-2', pos: 400 });
  });

  const LATIN1 = 8;
  const UJIS = 12;
  const SWE7 = 10;
  const LATER_ONE = 45;

  test.each([
    ['of a captured table in its character set', 'DROP TABLE `größe`', 'latin1', LATIN1, 'gap'],
    ['of another table in its character set', 'DROP TABLE `grösse`', 'latin1', LATIN1, 'passed'],
    ['in UTF-8', 'DROP TABLE `größe`', 'utf8', LATER_ONE, 'gap'],
    ['that the server made in UTF-8', 'CREATE TABLE `größe` (\n  `id` int)', 'utf8', LATIN1, 'gap'],
    [
      'that the server made in UTF-8, of another table',
      'CREATE TABLE `grösse` (\n  `id` int)',
      'utf8',
      LATIN1,
      'passed',
    ],
    ['in ASCII', 'DROP TABLE `x`', 'latin1', UJIS, 'passed'],
    ['in a character set that cannot be read', 'ALTER TABLE `größe` ADD x int', 'latin1', UJIS, 'gap'],
    ['that cannot be read, of no table', 'CREATE VIEW `größe` AS SELECT 1', 'latin1', UJIS, 'passed'],
    ['that cannot be read, and begins so', '/* größe */ CREATE VIEW v AS SELECT 1', 'latin1', UJIS, 'gap'],
    ['with letters in place of quotes', 'RENAME TABLE `gr|~e` TO x', 'latin1', SWE7, 'gap'],
    ['without one', 'RENAME TABLE x TO gr', 'latin1', SWE7, 'passed'],
  ] as const)('invariant 5: a statement %s', async (_, sql, encoding, collation, wanted) => {
    const { output, take } = decoderFrom(100, [tableName('s.größe')]);
    const body = Buffer.alloc(19);
    body.writeBigUInt64LE(2n);
    body[12] = 1; // It stands alone.
    take(event(EventType.MARIADB_GTID, 200, body));
    const found = await (async () => take(query(300, Buffer.from(sql, encoding), collation)))().then(
      () => 'passed',
      classOf,
    );
    expect(found).toBe(wanted);
    expect(output.lastPosition).toEqual(wanted === 'gap' ? null : expect.objectContaining({ pos: 300 }));
  });
});
