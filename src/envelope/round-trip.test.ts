/** Whatever goes in through a row writer comes out of `decode` exactly, and as any JSON reader would read it. */

import { describe, expect, test } from 'vitest';
import {
  changesOf,
  envelope,
  newEncoder,
  recordsOf,
  type SentColumn,
  type SentRow,
  SNAPSHOT,
  TRANSACTION,
  valueJson,
  writeRows,
} from '../../test/support/encoded.ts';
import fc from '../../test/support/fast-check.ts';
import { NOT_SENT, type Row, type Value } from '../contracts/row.ts';
import type { Column, Kind, TableDescription } from '../contracts/schema.ts';

/** What a source sends, the value it stands for, and the JSON that a reader without schema finds. */
interface Cell {
  readonly sent: SentColumn;
  readonly value: Value | typeof NOT_SENT;
  readonly json: unknown;
}

const NULL: Cell = { sent: null, value: null, json: null };
const UNSENT: Cell = { sent: undefined, value: NOT_SENT, json: undefined };

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const cell = (text: string, value: Value, json: unknown): Cell => ({ sent: { text }, value, json });

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 80 }),
  fc.string({ unit: fc.integer({ min: 0, max: 0x2ff }).map((code) => String.fromCodePoint(code)), maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom('"', '\\', '\n', '\u0000', '\u001f', '\u007f', 'é', '€', '😀', 'a'),
    maxLength: 20,
  }),
);

const rawText = fc.uint8Array({ maxLength: 12 }).map((bytes): Cell => {
  // A strict decoder, unlike Buffer's, which replaces.
  try {
    const value = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { sent: { text: bytes }, value, json: value };
  } catch {
    return { sent: { text: bytes }, value: Buffer.from(bytes), json: { $bytes: base64(bytes) } };
  }
});

const float = fc.oneof(fc.double(), fc.float(), fc.integer()).map((value) => {
  const text = Object.is(value, -0) ? '-0' : String(value);
  return cell(text, value, Number.isFinite(value) ? value : text);
});

const integer = (min: number, max: number) => fc.integer({ min, max }).map((n) => cell(String(n), n, String(n)));
const bigInteger = (min: bigint, max: bigint) => fc.bigInt({ min, max }).map((n) => cell(String(n), n, String(n)));
const text = anyText.map((value) => cell(value, value, value));
const bytes = fc.uint8Array({ maxLength: 50 }).map((raw) => cell(base64(raw), Buffer.from(raw), base64(raw)));
const decimal = fc
  .oneof(
    fc.constantFrom('NaN', 'Infinity', '-Infinity', '0.00'),
    fc.bigInt().map((n) => `${n}.10`),
  )
  .map((digits) => cell(digits, digits, digits));

const byKind: Partial<Record<Kind, fc.Arbitrary<Cell>>> = {
  bool: fc.boolean().map((value) => cell(String(value), value, value)),
  int16: integer(-32_768, 32_767),
  int32: integer(-(2 ** 31), 2 ** 31 - 1),
  int64: bigInteger(-(2n ** 63n), 2n ** 63n - 1n),
  uint64: bigInteger(0n, 2n ** 64n - 1n),
  float32: float,
  float64: float,
  decimal,
  bytes,
};

/** Elements as JSON, of up to three dimensions. */
function arrays(element: Kind): fc.Arbitrary<Cell> {
  const scalars = (byKind[element] ?? text).map(({ value, json }) => ({
    value,
    json: element.includes('int') ? (json as string) : JSON.stringify(json),
  }));
  const { array } = fc.letrec<{ array: { value: Value[]; json: string } }>((tie) => ({
    array: fc
      .array(
        fc.oneof({ maxDepth: 2 }, scalars, fc.constant({ value: null, json: 'null' }), tie('array')) as fc.Arbitrary<{
          value: Value;
          json: string;
        }>,
        { maxLength: 4 },
      )
      .map((items) => ({
        value: items.map(({ value }) => value),
        json: `[${items.map(({ json }) => json).join(',')}]`,
      })),
  }));
  return array.map(({ value, json }) => ({ sent: { json }, value, json: JSON.parse(json) as unknown }));
}

const kinds = fc.constantFrom<Kind>(
  ...(Object.keys(byKind) as Kind[]),
  'text',
  'date',
  'timestamptz',
  'json',
  'uuid',
  'enum',
  'interval',
  'array',
  'other',
);
const elements = fc.constantFrom<Kind>('bool', 'int32', 'int64', 'float64', 'decimal', 'text', 'bytes', 'json');
const names = fc.oneof(
  fc.constantFrom('id', '__proto__', 'constructor', '', 'a"b', '名前', '\ud800', 'x\ny'),
  fc.string(),
);

const columns = fc
  .uniqueArray(fc.tuple(names, kinds, elements), { minLength: 1, maxLength: 8, selector: ([name]) => name })
  .map((parts) =>
    parts.map(
      ([name, kind, element]): Column => ({
        name,
        kind,
        native: 'x',
        nullable: true,
        ...(kind === 'array' && { element }),
      }),
    ),
  );

/** Key columns at the front, at the back or none, in column order or against it. */
const tables = fc
  .tuple(columns, fc.nat(2), fc.boolean(), fc.boolean())
  .map(([all, keyed, atEnd, backwards]): TableDescription => {
    const count = Math.min(keyed, all.length);
    return {
      source: 'shop',
      schema: 'public',
      table: 't',
      columns: all.map((column, i) => {
        const place = atEnd ? all.length - 1 - i : i;
        if (place >= count) return column;
        return { ...column, keyOrdinal: backwards ? count - place : place + 1 };
      }),
    };
  });

function cells(table: TableDescription, side: 'identity' | 'other'): fc.Arbitrary<Cell[]> {
  return fc.tuple(
    ...table.columns.map(({ kind, element, keyOrdinal }) => {
      const value = kind === 'array' ? arrays(element!) : (byKind[kind] ?? fc.oneof(text, rawText));
      const sent = fc.oneof({ weight: 6, arbitrary: value }, { weight: 1, arbitrary: fc.constant(NULL) });
      if (keyOrdinal !== undefined && side === 'identity') return sent;
      return fc.oneof({ weight: 6, arbitrary: sent }, { weight: 1, arbitrary: fc.constant(UNSENT) });
    }),
  );
}

interface Written {
  readonly table: TableDescription;
  readonly op: SentRow['op'];
  readonly before: Cell[] | null;
  readonly after: Cell[] | null;
}

const rows: fc.Arbitrary<Written> = tables.chain((table) =>
  fc.oneof(
    fc.record({
      table: fc.constant(table),
      op: fc.constantFrom<SentRow['op']>('c', 'r'),
      before: fc.constant(null),
      after: cells(table, 'identity'),
    }),
    fc.record({
      table: fc.constant(table),
      op: fc.constant<SentRow['op']>('u'),
      before: fc.option(cells(table, 'other')),
      after: cells(table, 'identity'),
    }),
    fc.record({
      table: fc.constant(table),
      op: fc.constant<SentRow['op']>('d'),
      before: cells(table, 'identity'),
      after: fc.constant(null),
    }),
  ),
);

function written({ table, op, before, after }: Written) {
  const encoder = newEncoder();
  const sent = (side: Cell[] | null) => side?.map((one) => one.sent);
  const row = { op, before: sent(before), after: sent(after) };
  writeRows(encoder, encoder.register(table), [row as SentRow], op === 'r' ? SNAPSHOT : TRANSACTION);
  const batches = encoder.take();
  const topic = 'shop.public.t';
  return { record: recordsOf(batches, topic)[0]!, change: changesOf(batches, topic)[0]! };
}

function expectRow(row: Row | null, expected: Cell[] | null): void {
  expect(row === null).toBe(expected === null);
  if (row === null || expected === null) return;
  expected.forEach(({ value, sent }, i) => {
    expect(row.get(i)).toStrictEqual(value);
    expect(row.bytes(i) === undefined).toBe(sent === undefined);
  });
  const byName = expected.flatMap(({ value }, i) => (value === NOT_SENT ? [] : [[row.columns[i]!.name, value]]));
  expect(Object.entries(row.toObject()).sort(byKey)).toStrictEqual(byName.sort(byKey));
}

function byKey(a: readonly unknown[], b: readonly unknown[]): number {
  return String(a[0]) < String(b[0]) ? -1 : 1;
}

/** Integers as their digits: a JSON reader that keeps them sees these. */
function parsed(bytes: Uint8Array): Record<string, unknown> {
  const read = function (this: unknown, _: string, value: unknown, context?: { source?: string }) {
    return typeof value === 'number' && /^-?\d+$/.test(context!.source!) ? context!.source : value;
  };
  return JSON.parse(Buffer.from(bytes).toString(), read as (this: unknown, key: string, value: unknown) => unknown);
}

function expectJson(side: unknown, { columns: all }: TableDescription, expected: Cell[] | null): void {
  if (expected === null) expect(side).toBe(null);
  else {
    const sent = expected.flatMap(({ json, sent: given }, i) =>
      given === undefined ? [] : [[all[i]!, json] as const],
    );
    const wanted = sent.map(([{ name, kind }, json]): [string, unknown] => [name, digits(kind, json)]);
    expect(Object.entries(side as object).sort(byKey)).toEqual(wanted.sort(byKey));
  }
}

function digits(kind: Kind, json: unknown): unknown {
  if (kind === 'array') return JSON.parse(JSON.stringify(json), (_, item: unknown) => textOfInteger(item));
  return kind.startsWith('float') ? textOfInteger(json) : json;
}

function textOfInteger(value: unknown): unknown {
  if (typeof value !== 'number') return value;
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /^-?\d+$/.test(text) ? text : value;
}

describe('invariant 9: values', () => {
  test('invariant 9: what is written is read back exactly, and not sent is never null', () => {
    fc.assert(
      fc.property(rows, (row) => {
        const { change } = written(row);
        expectRow(change.before, row.before);
        expectRow(change.after, row.after);
        expect(change.table.columns).toEqual(row.table.columns);
      }),
      { numRuns: 1_000 },
    );
  });

  test('any JSON reader finds the same in the record', () => {
    fc.assert(
      fc.property(
        rows.filter(({ table }) => table.columns.every(({ kind, element }) => kind !== 'array' || element !== 'int64')),
        (row) => {
          const { record } = written(row);
          const value = parsed(record.value!);
          expectJson(value.before, row.table, row.before);
          expectJson(value.after, row.table, row.after);
          const keys = row.table.columns.flatMap(({ keyOrdinal, name }, i) =>
            keyOrdinal ? [{ keyOrdinal, name, i }] : [],
          );
          if (keys.length === 0) expect(record.key).toBe(null);
          else {
            keys.sort((a, b) => a.keyOrdinal - b.keyOrdinal);
            const members = Object.entries(parsed(record.key!));
            expect(new Set(members.map(([name]) => name))).toEqual(new Set(keys.map(({ name }) => name)));
            const side = (row.after ?? row.before)!;
            for (const { name, i } of keys) {
              const wanted = digits(row.table.columns[i]!.kind, side[i]!.json);
              expect(members.find(([member]) => member === name)![1]).toEqual(wanted);
            }
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('strings are written as JSON.stringify writes them', () => {
    const table = one('text');
    fc.assert(
      fc.property(anyText, (value) => {
        const row = written({ table, op: 'c', before: null, after: [cell(value, value, value)] }).change.after!;
        expect(Buffer.from(row.bytes(0)!).toString()).toBe(JSON.stringify(value));
      }),
    );
  });
});

function one(kind: Kind): TableDescription {
  return { source: 'shop', schema: 'public', table: 't', columns: [{ name: 'v', kind, native: kind, nullable: true }] };
}

test.each<[Kind, string]>([
  ['int32', ''],
  ['int32', '-'],
  ['int32', '007'],
  ['int64', '1.5'],
  ['int64', '12a'],
  ['float64', 'nan'],
  ['float64', '1.'],
  ['float64', '.5'],
  ['float64', '1e'],
  ['float64', '--1'],
  ['bool', 't'],
  ['bool', 'TRUE'],
])('%s refuses the text "%s" without telling it', (kind, text) => {
  const encoder = newEncoder();
  const table = encoder.register(one(kind));
  let thrown: unknown;
  try {
    writeRows(encoder, table, [{ op: 'c', after: [{ text }] }]);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({
    code: 'source.unsupported',
    message: expect.stringMatching(/^table public\.t: column v /),
  });
  expect((thrown as Error).message).not.toContain(`"${text}"`);
  if (text.length > 1) expect((thrown as Error).message).not.toContain(text);
});

test('huge values and long texts with escapes anywhere', () => {
  const table = one('text');
  for (const size of [2_047, 2_048, 2_049, 70_000, 3_000_000]) {
    const value = `${'x'.repeat(size)}"\u0001\n€${'y'.repeat(size % 7)}\\`;
    const { change, record } = written({ table, op: 'c', before: null, after: [cell(value, value, value)] });
    expect(change.after!.get(0)).toBe(value);
    expect((valueJson(record).after as { v: string }).v).toBe(value);
  }
  const controls = '\u0001'.repeat(100_000);
  expect(written({ table, op: 'c', before: null, after: [cell(controls, controls, 0)] }).change.after!.get(0)).toBe(
    controls,
  );
});

test('texts that grow sixfold wherever the buffer ends', () => {
  const encoder = newEncoder();
  const texts = Array.from({ length: 300 }, (_, i) => '\u0001'.repeat((i * 347) % 2_100));
  writeRows(
    encoder,
    encoder.register(one('text')),
    texts.map((text): SentRow => ({ op: 'c', after: [{ text }] })),
  );
  expect(changesOf(encoder.take(), 'shop.public.t').map((change) => change!.after!.get(0))).toEqual(texts);
});

test('1,600 columns, some not sent', () => {
  const all = Array.from(
    { length: 1_600 },
    (_, i): Column => ({
      name: `column_${i}`,
      kind: i % 2 === 0 ? 'int32' : 'text',
      native: 'x',
      nullable: i > 0,
      ...(i === 1_599 && { keyOrdinal: 1 }),
    }),
  );
  const table = { source: 'shop', schema: 'public', table: 't', columns: all };
  const after = all.map(
    (_, i): Cell => (i % 5 === 3 ? UNSENT : i % 2 === 0 ? cell(`${i}`, i, 0) : cell(`v${i}`, `v${i}`, 0)),
  );
  after[1_599] = cell('key', 'key', 0);
  const { change, record } = written({ table, op: 'u', before: null, after });
  expectRow(change.after, after);
  expect(Buffer.from(record.key!).toString()).toBe('{"column_1599":"key"}');
});

test('UTF-8 at every length and place, valid and not', () => {
  const good = ['é', '\u07ff', '\u0800', '€', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}'];
  const bad = [
    '80',
    'c0af',
    'c1bf',
    'c3',
    'e09fbf',
    'e282',
    'eda080',
    'edbfbf',
    'f08fbfbf',
    'f09f98',
    'f4908080',
    'f5808080',
    'ff',
  ];
  for (const prefix of ['', 'a', 'ab', 'abc', 'abcd', 'abcde']) {
    for (const character of good) {
      const value = `${prefix}${character}${prefix}`;
      expect(
        written({ table: one('text'), op: 'c', before: null, after: [cell(value, value, 0)] }).change.after!.get(0),
      ).toBe(value);
    }
    for (const hex of bad) {
      const raw = Buffer.concat([Buffer.from(prefix), Buffer.from(hex, 'hex'), Buffer.from(prefix.slice(1))]);
      const row = written({
        table: one('text'),
        op: 'c',
        before: null,
        after: [{ sent: { text: raw }, value: raw, json: 0 }],
      });
      expect(row.change.after!.get(0), hex).toStrictEqual(raw);
    }
  }
});

test('changeJson gives the value that the record has, but for what only the source knows', () => {
  fc.assert(
    fc.property(rows, (row) => {
      const { record, change } = written(row);
      const ours = JSON.parse(Buffer.from(envelope.changeJson(change)).toString()) as Record<string, unknown>;
      const { ts_ms, ts_us, ts_ns, source, ...rest } = valueJson(record);
      expect(ours).toMatchObject(rest);
      expect(ours.source).toEqual({ ...(source as object), connector: '' });
      expect(Object.keys(ours)).toEqual(Object.keys(valueJson(record)));
    }),
    { numRuns: 200 },
  );
});
