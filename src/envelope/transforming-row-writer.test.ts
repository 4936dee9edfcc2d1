/** Rows that pass steps before the log; the steps here are made by hand, so that what they return is known. */
import { describe, expect, test } from 'vitest';
import { row } from '../../test/support/changes.ts';
import {
  changesOf,
  newEncoder,
  recordsOf,
  type SentRow,
  TRANSACTION,
  valueJson,
  writeRows,
} from '../../test/support/encoded.ts';
import { type Change, NOT_SENT, type Value } from '../contracts/row.ts';
import type { RowTransform } from '../contracts/rules.ts';
import type { Column, TableDescription, TableSchema } from '../contracts/schema.ts';

const TOPIC = 'shop.public.t';
const ID: Column = { name: 'id', kind: 'int64', native: 'bigint', nullable: false, keyOrdinal: 1 };
const NAME: Column = { name: 'name', kind: 'text', native: 'text', nullable: true };
const SECRET: Column = { name: 'secret', kind: 'text', native: 'text', nullable: true };
const TAGS: Column = { name: 'tags', kind: 'array', element: 'text', native: 'text[]', nullable: true };
const TABLE: TableDescription = { source: 'shop', schema: 'public', table: 't', columns: [ID, NAME, SECRET, TAGS] };

const RENAMED: readonly Column[] = [{ ...ID, name: 'number' }, NAME, TAGS];

/** Renames the key and drops `secret`; `change` may do more. */
function steps(change: (change: Change, renamed: Change) => readonly Change[] = (_, renamed) => [renamed]) {
  const seen: Change[] = [];
  const compile = (table: TableSchema): RowTransform => {
    const output: TableSchema = { ...table, id: 'feedfacecafebeef', columns: RENAMED };
    const picked = (side: Change['after']) => {
      const values = [0, 1, 3].map((i) => side?.get(i) ?? NOT_SENT) as (Value | typeof NOT_SENT)[];
      return side === null
        ? null
        : row(
            RENAMED,
            values.map((value, i) => (side.bytes([0, 1, 3][i]!) ? value : NOT_SENT)),
          );
    };
    return {
      output,
      apply(input) {
        // Views are only good while the row is written: what is looked at later is copied.
        seen.push({ ...input, before: copy(input.before), after: copy(input.after) });
        const key = input.key.replace('"id"', '"number"');
        const renamed = { ...input, table: output, key, before: picked(input.before), after: picked(input.after) };
        return change(input, renamed);
      },
    };
  };
  return { seen, compile };
}

function copy(side: Change['after']): Change['after'] {
  return side === null
    ? null
    : row(
        side.columns,
        side.columns.map((_, i) => side.get(i)),
      );
}

const sent = (id: string, name: string | undefined, secret: string | undefined) => [
  { text: id },
  name === undefined ? undefined : { text: name },
  secret === undefined ? undefined : { text: secret },
  { json: '["x",null]' },
];

function encode(rows: readonly SentRow[], compile: (table: TableSchema) => RowTransform) {
  const encoder = newEncoder({ transform: compile });
  writeRows(encoder, encoder.register(TABLE), rows);
  return { batches: encoder.take(), version: encoder.version() };
}

const ROWS: readonly SentRow[] = [
  { op: 'c', after: sent('9007199254740993', 'Ann', 'hidden-1') },
  { op: 'u', before: sent('2', undefined, 'hidden-2'), after: sent('2', 'Bob', undefined) },
  { op: 'd', before: [{ text: '3' }, undefined, undefined, undefined] },
];

test('steps see the row exactly as it was sent', () => {
  const { seen, compile } = steps();
  encode(ROWS, compile);
  const facts = { timeUs: TRANSACTION.timeUs, position: TRANSACTION.position, transaction: TRANSACTION.id };
  const version = BigInt(TRANSACTION.timeUs) * 256n;
  expect(seen).toMatchObject([
    { op: 'insert', key: '{"id":9007199254740993}', version, before: null, ...facts },
    { op: 'update', key: '{"id":2}', version: version + 1n, ...facts },
    { op: 'delete', key: '{"id":3}', version: version + 2n, after: null, ...facts },
  ]);
  expect(seen[0]!.table).toMatchObject(TABLE);
  expect(seen.map(({ before, after }) => [before?.toObject() ?? null, after?.toObject() ?? null])).toEqual([
    [null, { id: 9_007_199_254_740_993n, name: 'Ann', secret: 'hidden-1', tags: ['x', null] }],
    [
      { id: 2n, secret: 'hidden-2', tags: ['x', null] },
      { id: 2n, name: 'Bob', tags: ['x', null] },
    ],
    [{ id: 3n }, null],
  ]);
});

test('what they drop is nowhere in the log, what they keep is exact', () => {
  const { batches, version } = encode(ROWS, steps().compile);
  for (const { bytes } of batches) expect(Buffer.from(bytes).includes('hidden')).toBe(false);
  const changes = changesWith(batches);
  expect(changes.map((change) => change?.version)).toEqual(
    [0n, 1n, 2n].map((i) => BigInt(TRANSACTION.timeUs) * 256n + i).concat(undefined as never),
  );
  expect(version).toBe(String(changes[2]!.version));
  expect(changes.map((change) => [change?.key, change?.after?.toObject(), change?.before?.toObject()])).toEqual([
    ['{"number":9007199254740993}', { number: 9_007_199_254_740_993n, name: 'Ann', tags: ['x', null] }, undefined],
    ['{"number":2}', { number: 2n, name: 'Bob', tags: ['x', null] }, { number: 2n, tags: ['x', null] }],
    ['{"number":3}', undefined, { number: 3n }],
    [undefined, undefined, undefined],
  ]);
  expect(recordsOf(batches, TOPIC).map(({ key }) => Buffer.from(key!).toString())).toEqual([
    '{"number":9007199254740993}',
    '{"number":2}',
    '{"number":3}',
    '{"number":3}',
  ]);
});

/** The hand-made output has a made-up id: the decoder must find it under that. */
function changesWith(batches: Parameters<typeof changesOf>[0]) {
  const output: TableSchema = { ...TABLE, id: 'feedfacecafebeef', columns: RENAMED };
  return changesOf(batches, TOPIC, 'shop', { get: (id) => (id === output.id ? output : undefined), add: () => {} });
}

describe('a filter', () => {
  const refuse = (dropped: boolean, keepBefore: boolean) =>
    steps((_, renamed) => {
      const before = keepBefore ? renamed.before : null;
      return [{ ...renamed, op: 'delete', before, after: null, ...(dropped && { dropped }) }];
    }).compile;

  test('makes of a refused row a delete with a tombstone, also without a before side', () => {
    const { batches } = encode([ROWS[1]!], refuse(false, false));
    const changes = changesWith(batches);
    expect(changes).toMatchObject([{ op: 'delete', key: '{"number":2}', before: null, after: null }, null]);
    expect(changes[0]).not.toHaveProperty('dropped');
    const keys = recordsOf(batches, TOPIC).map(({ key }) => Buffer.from(key!).toString());
    expect(keys).toEqual(['{"number":2}', '{"number":2}']);
  });

  test('keeps the before side that there is', () => {
    const { batches } = encode([ROWS[1]!], refuse(false, true));
    expect(changesWith(batches)[0]!.before!.toObject()).toEqual({ number: 2n, tags: ['x', null] });
  });

  test('a row that never matched is marked so, for sinks that append', () => {
    const { batches } = encode([ROWS[0]!], refuse(true, false));
    expect(changesWith(batches)).toMatchObject([
      { op: 'delete', key: '{"number":9007199254740993}', dropped: true },
      null,
    ]);
    expect(valueJson(recordsOf(batches, TOPIC)[0]!)).toMatchObject({
      op: 'd',
      before: null,
      after: null,
      dropped: true,
    });
  });

  test('nothing and several', () => {
    const { compile } = steps((input, renamed) => (input.op === 'insert' ? [] : [renamed, renamed]));
    const { batches } = encode(ROWS, compile);
    const changes = changesWith(batches).filter((change) => change !== null);
    expect(changes.map(({ op }) => op)).toEqual(['update', 'update', 'delete', 'delete']);
    const versions = changes.map(({ version }) => version);
    expect(versions).toEqual([...versions].sort((a, b) => (a < b ? -1 : 1)));
    expect(new Set(versions).size).toBe(4);
  });

  test('a row left out altogether leaves no record, no schema and no version', () => {
    const { batches, version } = encode(ROWS, steps(() => []).compile);
    expect([batches, version]).toEqual([[], '0']);
  });
});

test('markers pass under the schema of the output', () => {
  const encoder = newEncoder({ transform: steps().compile });
  const table = encoder.register(TABLE);
  encoder.begin(TRANSACTION);
  encoder.marker({ op: 'truncate', table });
  encoder.end();
  expect(changesWith(encoder.take())).toMatchObject([{ op: 'truncate', table: { id: 'feedfacecafebeef' } }]);
});

test('a failing step fails the row', () => {
  const { compile } = steps(() => {
    throw new Error('cast failed');
  });
  expect(() => encode(ROWS, compile)).toThrow('cast failed');
});

test('rows larger than the scratch, and after one another', () => {
  const large = 'x'.repeat(300_000);
  const rows: SentRow[] = [large, 'a', large].map((name, i) => ({ op: 'c', after: sent(String(i), name, 'hidden') }));
  const changes = changesWith(encode(rows, steps().compile).batches);
  expect(changes.map((change) => change!.after!.get(1))).toEqual([large, 'a', large]);
});
