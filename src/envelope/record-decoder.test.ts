import { describe, expect, test } from 'vitest';
import {
  changesOf,
  envelope,
  newEncoder,
  recordsOf,
  type SentRow,
  SNAPSHOT,
  TRANSACTION,
  valueJson,
  writeRows,
} from '../../test/support/encoded.ts';
import fc from '../../test/support/fast-check.ts';
import type { Envelope } from '../contracts/envelope.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { LogRecord } from '../contracts/log.ts';
import type { Change } from '../contracts/row.ts';
import type { Column } from '../contracts/schema.ts';
import { createEnvelope } from './index.ts';

const TOPIC = 'shop.public.t';
const COLUMNS: readonly Column[] = [
  { name: 'id', kind: 'int32', native: 'integer', nullable: false, keyOrdinal: 1 },
  { name: 'big', kind: 'int64', native: 'bigint', nullable: true },
  { name: 'op', kind: 'text', native: 'text', nullable: true },
  { name: 'a"b', kind: 'float64', native: 'double precision', nullable: true },
  { name: 'list', kind: 'array', element: 'text', native: 'text[]', nullable: true },
];

const ROWS: readonly SentRow[] = [
  { op: 'c', after: [{ text: '1' }, { text: '9007199254740993' }, { text: '"op":"x"' }, { text: '1e+20' }, null] },
  { op: 'u', after: [{ text: '2' }, null, undefined, { text: 'NaN' }, { json: '["a",null,["\\u0041"]]' }] },
  {
    op: 'u',
    before: [{ text: '3' }, undefined, { text: 'old' }, undefined, undefined],
    after: [{ text: '3' }, { text: '-1' }, { text: `long ${'x\\"'.repeat(60)}` }, { text: '-0' }, { json: '[]' }],
  },
  { op: 'd', before: [{ text: '4' }, undefined, undefined, undefined, undefined] },
];

const encoder = newEncoder();
const table = encoder.register({ source: 'shop', schema: 'public', table: 't', columns: COLUMNS });
writeRows(encoder, table, ROWS);
writeRows(encoder, table, [{ op: 'r', after: [{ text: '5' }, null, null, null, null] }], SNAPSHOT);
writeRows(encoder, table, ROWS, { ...TRANSACTION, id: 'gtid:7', timeUs: 1_000, position: 'binlog.7:12' });
const batches = encoder.take();
const schemas = envelope.schemas();
for (const record of recordsOf(batches, 'shop.__schemas')) schemas.add(record);
const records = recordsOf(batches, TOPIC).filter(({ value }) => value !== null);

/** Everything of a change, values read. */
function whole(change: Change | null) {
  return { ...change, before: change?.before?.toObject() ?? null, after: change?.after?.toObject() ?? null };
}

function withValue(record: LogRecord, value: string | Uint8Array): LogRecord {
  const { offset, timestamp, key, headers } = record;
  return { offset, timestamp, key, headers, value: Buffer.from(value) };
}

const expected = changesOf(batches, TOPIC).filter((change) => change !== null);

test('facts of each transaction, whichever came before', () => {
  const facts = expected.map(({ transaction, position, timeUs }) => [transaction, position, timeUs]);
  const first = ['740', '16/B374D848', TRANSACTION.timeUs];
  const snapshot = ['', '16/B374D848', TRANSACTION.timeUs];
  const last = ['gtid:7', 'binlog.7:12', 1_000];
  expect(facts).toEqual([first, first, first, first, snapshot, last, last, last, last]);
  expect(expected.map(({ op }) => op)).toEqual([
    ...['insert', 'update', 'update', 'delete', 'snapshot'],
    ...['insert', 'update', 'update', 'delete'],
  ]);
  for (const i of [0, 8, 4, 0, 7, 4, 4])
    expect(whole(envelope.decode(records[i]!, schemas))).toEqual(whole(expected[i]!));
});

test.each([
  '16/B374D848',
  '0/0',
  'FFFFF/FFFFFFFF',
  '16/0B374D848',
  '16/b374d848',
  '/1',
  '1/',
  'x',
  '',
  '7',
  'FFFFFFFF/1',
])('the position "%s" comes back as it was', (position) => {
  writeRows(encoder, table, [ROWS[0]!], { ...TRANSACTION, position });
  const [record] = recordsOf(encoder.take(), TOPIC);
  expect(envelope.decode(record!, schemas)!.position).toBe(position);
});

test.each(['0', '740', '00', '999999999999999', '18446744073709551615', '-1', 'a"b', '0-1-2'])(
  'the transaction "%s" comes back as it was',
  (id) => {
    writeRows(encoder, table, [ROWS[0]!], { ...TRANSACTION, id });
    const [record] = recordsOf(encoder.take(), TOPIC);
    expect(envelope.decode(record!, schemas)!.transaction).toBe(id);
    expect(valueJson(record!).transaction).toMatchObject({ id });
  },
);

describe('other layouts', () => {
  /** JSON with members in another order, spaces, escapes in names; numbers as they stood. */
  function rewritten(text: string, random: () => number): string {
    const space = () => [' ', '\n\t', '', ''][Math.floor(random() * 4)]!;
    const source = new Map<string, string>();
    const read = function (this: unknown, _: string, value: unknown, context?: { source?: string }) {
      if (typeof value !== 'number') return value;
      const name = `\u0000${source.size}`;
      source.set(name, context!.source!);
      return name;
    };
    const write = (value: unknown): string => {
      if (typeof value === 'string') return source.get(value) ?? JSON.stringify(value);
      if (Array.isArray(value)) return `[${space()}${value.map(write).join(`${space()},${space()}`)}${space()}]`;
      if (value === null || typeof value !== 'object') return JSON.stringify(value);
      const members = Object.entries(value).map(([name, item]) => {
        return { order: random(), text: `${JSON.stringify(name)}${space()}:${space()}${write(item)}` };
      });
      members.sort((a, b) => a.order - b.order);
      return `{${space()}${members.map((member) => member.text).join(`${space()},${space()}`)}${space()}}`;
    };
    return `${space()}${write(JSON.parse(text, read as (this: unknown, name: string, value: unknown) => unknown))}${space()}`;
  }

  test('members in any order, with spaces', () => {
    fc.assert(
      fc.property(
        fc.nat(records.length - 1),
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        (i, stream) => {
          const record = records[i]!;
          const random = () => stream.next().value as number;
          const value = rewritten(Buffer.from(record.value!).toString(), random);
          expect(whole(envelope.decode(withValue(record, value), schemas))).toEqual(whole(expected[i]!));
          // Nothing of the other layout is taken for the next record in ours.
          expect(whole(envelope.decode(record, schemas))).toEqual(whole(expected[i]!));
        },
      ),
      { numRuns: 500 },
    );
  });

  test('columns in reverse order, more than are looked for ahead', () => {
    const many = Array.from(
      { length: 60 },
      (_, i): Column => ({ name: `c${i}`, kind: 'int32', native: 'int', nullable: true }),
    );
    const wide = encoder.register({ source: 'shop', schema: 'public', table: 't', columns: many });
    writeRows(encoder, wide, [{ op: 'c', after: many.map((_, i) => ({ text: String(i) })) }]);
    const taken = encoder.take();
    for (const record of recordsOf(taken, 'shop.__schemas')) schemas.add(record);
    const [record] = recordsOf(taken, TOPIC);
    const value = valueJson(record!);
    const reversed = { ...value, after: Object.fromEntries(Object.entries(value.after as object).reverse()) };
    const change = envelope.decode(withValue(record!, JSON.stringify(reversed)), schemas)!;
    expect(many.map((_, i) => change.after!.get(i))).toEqual(many.map((_, i) => i));
  });
});

test('what only some records say is not taken over from the record before', () => {
  const record = records[3]!;
  const value = '{"before":{"id":4},"after":null,"op":"d","dropped":true,"source":{"ts_us":1,"txId":7,"lsn":null}}';
  for (let i = 0; i < 2; i++) {
    expect(envelope.decode(withValue(record, value), schemas)).toMatchObject({ dropped: true, transaction: '7' });
  }
  expect(envelope.decode(record, schemas)).not.toHaveProperty('dropped');
});

describe('what is not ours', () => {
  const poison = expect.objectContaining({ code: 'rule.failed' }) as unknown as Error;

  test('no headers, an unknown schema, a tombstone', () => {
    const record = records[0]!;
    expect(() => envelope.decode({ ...withValue(record, record.value!), headers: [] }, schemas)).toThrow(poison);
    const short = record.headers.map(({ key }) => ({ key, value: Buffer.from('1234567') }));
    expect(() => envelope.decode({ ...withValue(record, record.value!), headers: short }, schemas)).toThrow(poison);
    expect(() => envelope.decode(record, envelope.schemas())).toThrow(
      expect.objectContaining({ code: 'source.unsupported' }) as unknown as Error,
    );
    expect(envelope.decode({ ...withValue(record, ''), value: null }, schemas)).toBeNull();
  });

  const source = '"source":{"ts_us":1}';
  test.each([
    '',
    'null',
    '[]',
    '{}',
    '{"op":"c"}',
    `{"op":"c",${source}}`,
    `{"op":"d","after":{},${source}}`,
    `{"op":"x","after":{},${source}}`,
    `{"op":"m",${source}}`,
    `{"op":"c","after":{"nope":1},${source}}`,
    `{"op":"c","after":[],${source}}`,
    `{"op":"c","after":{},"source":{"ts_us":"1"}}`,
    `{"op":"c","after":{},"source":{}}`,
    `{"op":"c","after":{},${source}} x`,
    `{"op":"c","after":{},${source}`,
    `{"op":"c","after":{"id":},${source}}`,
    `{"op":"c","after":{"id":1 "op":2},${source}}`,
    `{"op":"c","after":{"op":"x},${source}}`,
    `{"op":"m","marker":{"sweepBelow":"-1"},${source}}`,
  ])('%s', (value) => {
    expect(() => envelope.decode(withValue(records[0]!, value), schemas)).toThrow(poison);
  });

  test.each([
    ['id', '1.5'],
    ['id', '"1"'],
    ['id', 'nul'],
    ['big', '01'],
    ['big', '{}'],
    ['op', 'tru'],
    ['op', '{"$bytes":1}'],
    ['op', '{"$bytes":"","x":1}'],
    ['op', '"\\x"'],
    ['op', '"a\u0001"'.replace('a', '\\')],
    ['a"b', '"nan"'],
    ['a"b', '1e'],
    ['list', `${'['.repeat(40)}${']'.repeat(40)}`],
    ['list', '[1,]'],
    ['list', '["a" "b"]'],
  ])('column %s with %s', (name, json) => {
    const value = `{"op":"c",${source},"after":{${JSON.stringify(name)}:${json}}}`;
    const row = () => envelope.decode(withValue(records[0]!, value), schemas)!.after!.toObject();
    expect(row).toThrow(poison);
  });

  /** What a decoder makes of a record: all of the change, or the error's code. */
  function outcome(decoder: Envelope, record: LogRecord): unknown {
    try {
      return whole(decoder.decode(record, schemas));
    } catch (error) {
      if (!(error instanceof TailraceError)) throw error;
      expect(error.message).not.toMatch(/long|9007/);
      return error.code;
    }
  }

  const edit = fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[]",:\\0 ')));
  const edits = fc.array(fc.tuple(fc.nat(), edit), { maxLength: 3 });

  test('changed bytes: a change or a typed error that does not show them, whatever was read before', () => {
    fc.assert(
      fc.property(
        fc.nat(records.length - 1),
        edits,
        fc.constantFrom('', '', '}', ' ', ',"x":1', '1', '"'),
        fc.boolean(),
        (i, changes, more, cut) => {
          const record = records[i]!;
          const value = Buffer.from(Buffer.from(record.value!).toString() + more);
          for (const [place, byte] of changes) value[place % value.length] = byte;
          const bytes = cut ? value.subarray(0, value.length - ((changes[0]?.[0] ?? 1) % 40)) : value;
          const warm = createEnvelope({ productVersion: '' });
          warm.decode(record, schemas);
          const changed = withValue(record, bytes);
          const fresh = outcome(createEnvelope({ productVersion: '' }), changed);
          expect(outcome(warm, changed)).toEqual(fresh);
          if (typeof fresh === 'string') expect(fresh).toBe('rule.failed');
        },
      ),
      { numRuns: 4_000 },
    );
  });
});
