/** Values come back as they were written (Invariant 9). */
import assert from 'node:assert/strict';
import type { Value } from '../../contracts/row.ts';
import type { Column, Kind } from '../../contracts/schema.ts';
import { change, column, table } from '../made-changes.ts';
import { type SinkBench, type SinkCase, sinkCase } from './bench.ts';

const ID = column('id', 'int32', 'integer', { key: 1 });
const MEGABYTE = 1 << 20;

interface Values {
  readonly columns: readonly Column[];
  /** By column. */
  readonly rows: readonly (readonly Value[])[];
}

const one = (kind: Kind, native: string, values: readonly Value[], more: Partial<Column> = {}): Values => ({
  columns: [column('v', kind, native, more)],
  rows: values.map((value) => [value]),
});

async function roundTrip(bench: SinkBench, { columns, rows }: Values, name = 'kept'): Promise<void> {
  const schema = table(name, [ID, ...columns], { source: 'kit' });
  const changes = rows.map((row, i) => change(schema, { op: 'insert', version: i + 1, after: [i, ...row] }));
  await bench.run(changes);
  const found = new Map((await bench.target.rows(schema)).map(({ values }) => [values.id, values]));
  assert.equal(found.size, rows.length, 'the target has another number of rows');
  for (const [i, row] of rows.entries()) {
    for (const [c, { name: label, kind }] of columns.entries()) {
      const held = found.get(String(i))?.[label] ?? null;
      const detail = `row ${i}, column ${label} (${kind})`;
      assert.deepEqual(comparable(kind, held), comparable(kind, textOf(row[c]!)), detail);
    }
  }
}

function textOf(value: Value): string | null {
  if (value === null) return null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return Array.isArray(value) ? JSON.stringify(value) : String(value);
}

/** Spaces of JSON and the digits of an exponent are the target's. */
function comparable(kind: Kind, text: string | null): unknown {
  if (text === null) return null;
  if (kind === 'json' || kind === 'array') return JSON.parse(text);
  return kind === 'float32' || kind === 'float64' ? Number(text) : text;
}

const DECIMALS = [
  '99999999999999999999999999999999999.999999999999999999999999999999',
  '-12345678901234567890123456789012345.123456789012345678901234567890',
  '0.000000000000000000000000000001',
  '0.000000000000000000000000000000',
];
const TEXTS = ['', ' ', 'null', 'é 日本 😀', '"\'`\\%_{}$\n\r\t', '\u0001\u007f', 'a\u0301', 'NaN', '0012'];
const NAMES = ['__proto__', 'constructor', 'a"b', 'a`b', "a'b", 'a b', 'select', 'é', 'A;--', '$a', '{b}'];

export const valueCases: readonly SinkCase[] = [
  sinkCase('values/null', 'invariant 9: NULL is NULL, and no empty text or zero', (bench) => {
    const kinds = [column('t', 'text', 'text'), column('n', 'int32', 'integer'), column('b', 'bool', 'boolean')];
    return roundTrip(bench, {
      columns: kinds,
      rows: [
        [null, null, null],
        ['', 0, false],
      ],
    });
  }),
  sinkCase('values/text', 'invariant 9: text of any characters', (bench) =>
    roundTrip(bench, one('text', 'text', TEXTS)),
  ),
  sinkCase('values/names', 'columns and tables of any name', (bench) => {
    const columns = NAMES.map((name) => column(name, 'text', 'text'));
    return roundTrip(bench, { columns, rows: [NAMES.map((_, i) => `value ${i}`)] }, 'order');
  }),
  sinkCase('values/megabyte', 'invariant 9: a text of 1 MB', (bench) =>
    roundTrip(bench, one('text', 'text', ['é'.repeat(MEGABYTE / 2)])),
  ),
  sinkCase('values/decimal', 'invariant 9: decimals of 65 digits', (bench) =>
    roundTrip(bench, one('decimal', 'numeric(65,30)', DECIMALS, { precision: 65, scale: 30 })),
  ),
  sinkCase('values/int64', 'invariant 9: the ends of 64-bit integers', (bench) =>
    roundTrip(bench, one('int64', 'bigint', [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, 0n])),
  ),
  sinkCase('values/uint64', 'invariant 9: the end of unsigned 64-bit integers', (bench) =>
    roundTrip(bench, one('uint64', 'bigint unsigned', [2n ** 64n - 1n, 2n ** 63n, 0n])),
  ),
  sinkCase('values/floats', 'invariant 9: the ends of doubles', (bench) =>
    roundTrip(bench, one('float64', 'double precision', [0.1, Number.MAX_VALUE, -Number.MIN_VALUE, 1e21])),
  ),
  sinkCase('values/not-numbers', 'invariant 9: NaN and infinite doubles', (bench) =>
    roundTrip(bench, one('float64', 'double precision', [Number.NaN, Number.POSITIVE_INFINITY, -Infinity])),
  ),
  sinkCase('values/booleans', 'invariant 9: booleans', (bench) =>
    roundTrip(bench, one('bool', 'boolean', [true, false])),
  ),
  sinkCase('values/times', 'invariant 9: dates and times to the microsecond', (bench) =>
    roundTrip(bench, {
      columns: [
        column('d', 'date', 'date'),
        column('t', 'time', 'time without time zone'),
        column('ts', 'timestamp', 'timestamp without time zone'),
        column('tz', 'timestamptz', 'timestamp with time zone'),
      ],
      rows: [
        ['2024-02-29', '12:00:00.123456', '2024-02-29T12:00:00.123456', '2024-02-29T12:00:00.123456Z'],
        ['1000-01-01', '00:00:00.000000', '1000-01-01T00:00:00.000000', '1970-01-01T00:00:01.000000Z'],
        ['9999-12-31', '23:59:59.999999', '9999-12-31T23:59:59.999999', '2038-01-19T03:14:07.999999Z'],
      ],
    }),
  ),
  sinkCase('values/infinite-times', 'invariant 9: infinite times and those before Christ', (bench) =>
    roundTrip(bench, {
      columns: [column('d', 'date', 'date'), column('tz', 'timestamptz', 'timestamp with time zone')],
      rows: [
        ['infinity', '-infinity'],
        ['0044-03-15 BC', '0044-03-15T12:00:00.000000Z BC'],
      ],
    }),
  ),
  sinkCase('values/bytes', 'invariant 9: bytes of any value', (bench) =>
    roundTrip(bench, one('bytes', 'bytea', [new Uint8Array(256).map((_, i) => i), new Uint8Array()])),
  ),
  sinkCase('values/json', 'invariant 9: JSON', (bench) =>
    roundTrip(bench, one('json', 'jsonb', ['{"a": [1, "x", null], "b": {"c": true}}', '[]', '"text"', 'null'])),
  ),
  sinkCase('values/arrays', 'invariant 9: arrays', (bench) =>
    roundTrip(bench, one('array', 'text[]', [['a', 'b,"c', '{}'], [], ['null', 'é']], { element: 'text' })),
  ),
];
