/** A table of every type that expressions know, and random rows of it. */
import type { Random } from '../../demo/shop/random.ts';
import type { Value } from '../../src/contracts/row.ts';
import type { Column } from '../../src/contracts/schema.ts';
import { column } from './changes.ts';

/** The table's columns, all nullable. `native` is the type in SQL. */
export const EXPRESSION_COLUMNS: readonly Column[] = [
  column('b', 'bool', 'boolean'),
  column('b2', 'bool', 'boolean'),
  column('s', 'int16', 'smallint'),
  column('i', 'int32', 'integer'),
  column('i2', 'int32', 'integer'),
  column('n', 'int64', 'bigint'),
  column('d', 'decimal', 'numeric(12,4)', { precision: 12, scale: 4 }),
  column('m', 'decimal', 'numeric'),
  column('r', 'float32', 'real'),
  column('f', 'float64', 'double precision'),
  column('t', 'text', 'text'),
  column('t2', 'text', 'text'),
  column('v', 'text', 'character varying(10)', { length: 10 }),
  column('c', 'text', 'character(5)', { length: 5 }),
  column('dt', 'date', 'date'),
  column('tm', 'time', 'time without time zone'),
  column('ts', 'timestamp', 'timestamp without time zone'),
  column('tz', 'timestamptz', 'timestamp with time zone'),
  column('u', 'uuid', 'uuid'),
  column('y', 'bytes', 'bytea'),
  column('e', 'enum', 'mood', { enum: ['sad', 'ok', 'happy'] }),
  column('j', 'json', 'json'),
  column('jb', 'json', 'jsonb'),
  column('a', 'array', 'text[]', { element: 'text' }),
  column('ia', 'array', 'integer[]', { element: 'int32' }),
];

const TEXTS = [
  '',
  'a',
  'A%',
  'ab_c',
  'Straße',
  'ΑΣΊΑΣ',
  'İstanbul',
  '𝄞x',
  '\uffff',
  'a\\b',
  ' 12 ',
  '-7',
  '1.50',
  'true',
  'ab',
];
const INT32 = [0, 1, -1, 2, 7, 100, -100, 2147483647, -2147483648, 65536];
const INT64 = [0n, 1n, -3n, 10n ** 12n, 9223372036854775807n, -9223372036854775808n, 9007199254740993n];

/** Values worth meeting, as `Row.get` gives them. */
const POOLS: Readonly<Record<string, readonly Value[]>> = {
  bool: [true, false],
  int16: [0, 1, -1, 300, 32767, -32768],
  int32: INT32,
  int64: INT64,
  'numeric(12,4)': ['0.0000', '1.5000', '-2.2500', '99999999.9999', '0.0001', '10.0000', '12.3400'],
  decimal: [
    '0',
    '1',
    '-1.50',
    '0.005',
    '123456789012345678901234567890.123',
    '1e3',
    'NaN',
    'Infinity',
    '-Infinity',
    '2.50',
  ],
  float32: [0, -0, 1.5, 0.1, -3.25, 16777216, 3.4028234e38, 1e-45, Number.NaN, Number.POSITIVE_INFINITY],
  float64: [0, -0, 1.5, 0.1, -2.5, 0.3, 1e15, 1e300, 5e-324, 123456789.125, Number.NaN, Number.NEGATIVE_INFINITY],
  text: TEXTS,
  'character varying(10)': TEXTS.map((text) => text.slice(0, 10)),
  'character(5)': ['a    ', 'AB   ', 'ab_c ', '     ', 'abcde', '12   '],
  date: ['2024-02-29', '1999-12-31', '0044-03-15 BC', '20240-01-01', 'infinity', '-infinity', '1970-01-01'],
  time: ['00:00:00.000000', '12:34:56.789000', '23:59:59.999999', '24:00:00.000000'],
  timestamp: ['2024-02-29T00:00:00.000000', '2024-02-29T12:34:56.700000', '0044-03-15T01:02:03.000000 BC', 'infinity'],
  timestamptz: [
    '2024-02-29T00:00:00.000000Z',
    '1999-12-31T23:59:59.999999Z',
    '20240-01-01T00:00:00.000000Z',
    '-infinity',
  ],
  uuid: ['00000000-0000-0000-0000-000000000000', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  bytes: [new Uint8Array(), new Uint8Array([0, 255, 97]), new Uint8Array([97])],
  enum: ['sad', 'ok', 'happy'],
  json: ['{"b": 1,  "a":[1e400]}', 'null', '"x"', '[1, {"a" : "x\\u00e9\\n"}, null]', '{"a":1,"a":{"b":[true]}}'],
  jsonb: [
    '{"a": [1, 2.50], "b": null}',
    '[{"a": "x"}, "ä\\"", -1]',
    '"a"',
    '12',
    '{"a": {"a": {"b": "c"}}, "ab": false}',
  ],
  'text[]': [[], ['a', null, 'ab_c'], ['x,y', '"', '', 'NULL', ' z']],
  'integer[]': [[], [1, null, -7], [7, 2147483647, 1, 0]],
};

export function randomRow(random: Random): Value[] {
  return EXPRESSION_COLUMNS.map((c) => {
    if (random.chance(0.15)) return null;
    return random.pick(POOLS[c.native] ?? POOLS[c.kind]!);
  });
}
