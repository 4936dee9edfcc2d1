import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../demo/servers/postgres.ts';
import type { Value } from '../../src/contracts/row.ts';
import type { Column, Kind } from '../../src/contracts/schema.ts';
import { batch, change, column, openOptions, table } from '../../test/support/changes.ts';
import { openSink } from './sink.ts';
import { sinkConfig } from './sink-config.ts';
import { holds, meansKind, typeOfKind } from './sink-types.ts';

let server: PostgresServer;
let client: pg.Client;
beforeAll(async () => {
  server = await startPostgres();
  client = new pg.Client({ connectionString: server.url });
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await server?.stop();
});

const signal = new AbortController().signal;
const bytes = (...values: number[]) => new Uint8Array(values);

/** Kind, native type, value as a source gives it, the type made for it, and its text there (default: the value's). */
type Case = readonly [
  kind: Kind,
  native: string,
  value: Value,
  type?: string | undefined,
  text?: string | undefined,
  more?: Partial<Column>,
];
const CASES: readonly Case[] = [
  ['bool', 'boolean', true],
  ['bool', 'boolean', false],
  ['int16', 'smallint', -32768],
  ['int32', 'integer', 2147483647],
  ['int64', 'bigint', -9223372036854775808n],
  ['uint64', 'bigint unsigned', 18446744073709551615n, 'numeric(20,0)'],
  ['float32', 'real', 0.1],
  ['float32', 'real', 3.4028235e38, 'real', '3.4028235e+38'],
  ['float64', 'double precision', 5e-324],
  ['float64', 'double precision', 1.7976931348623157e308],
  ['float64', 'double precision', 123456789012345680, undefined, '1.2345678901234568e+17'],
  ['float64', 'double precision', -0, 'double precision', '-0'],
  ['float64', 'double precision', Number.NaN],
  ['float64', 'double precision', Number.NEGATIVE_INFINITY],
  ['decimal', 'numeric', '123456789012345678901234567890.0123456780'],
  ['decimal', 'numeric(10,2)', '-12345678.90'],
  ['decimal', 'numeric(3,-2)', '12300'],
  ['decimal', 'numeric', 'NaN'],
  ['decimal', 'numeric', '-Infinity'],
  [
    'decimal',
    'DECIMAL(65,30)',
    '1.100000000000000000000000000000',
    'numeric(65,30)',
    undefined,
    { precision: 65, scale: 30 },
  ],
  ['text', 'text', 'ü 𝄞 "q" \\ \t\n\r \u0001 {a,NULL}'],
  ['text', 'text', ''],
  ['text', 'text', 'NULL'],
  ['text', 'character varying(5)', 'ab\u00e9 '],
  ['text', 'varchar(5)', 'abc', 'character varying(5)'],
  ['text', 'character(5)', 'ab   ', 'character(5)', 'ab'],
  ['text', '"char"', 'x'],
  ['text', 'name', 'a name'],
  ['text', 'longtext', 'from elsewhere', 'text'],
  ['bytes', 'bytea', bytes(0, 1, 92, 39, 255), 'bytea', '\\x00015c27ff'],
  ['bytes', 'bytea', bytes(), 'bytea', '\\x'],
  ['bytes', 'blob', bytes(1), 'bytea', '\\x01'],
  ['date', 'date', '2024-02-29'],
  ['date', 'date', '0044-03-15 BC'],
  ['date', 'date', '5874897-12-31'],
  ['date', 'date', 'infinity'],
  ['time', 'time without time zone', '24:00:00'],
  ['time', 'time without time zone', '12:00:00.123456'],
  ['time', 'time(3) without time zone', '12:00:00.123'],
  ['timetz', 'time with time zone', '12:00:00.123456+02', 'time with time zone'],
  ['timetz', 'time with time zone', '23:59:59.999999-15:59:59'],
  ['timestamp', 'timestamp without time zone', '2024-02-29T12:00:00.123456', undefined, '2024-02-29 12:00:00.123456'],
  [
    'timestamp',
    'timestamp without time zone',
    '0044-03-15T00:00:00.000001 BC',
    undefined,
    '0044-03-15 00:00:00.000001 BC',
  ],
  [
    'timestamp',
    'timestamp without time zone',
    '294276-12-31T23:59:59.999999',
    undefined,
    '294276-12-31 23:59:59.999999',
  ],
  ['timestamp', 'timestamp without time zone', '-infinity'],
  ['timestamp', 'timestamp(3) without time zone', '2024-02-29T12:00:00.123000', undefined, '2024-02-29 12:00:00.123'],
  [
    'timestamptz',
    'timestamp with time zone',
    '2024-02-29T12:00:00.123456Z',
    undefined,
    '2024-02-29 12:00:00.123456+00',
  ],
  ['timestamptz', 'timestamp with time zone', '4713-11-24T00:00:00.000000Z BC', undefined, '4713-11-24 00:00:00+00 BC'],
  ['timestamptz', 'timestamp with time zone', 'infinity'],
  ['timestamptz', 'timestamp', '2024-02-29T12:00:00.000000Z', 'timestamp with time zone', '2024-02-29 12:00:00+00'],
  ['interval', 'interval', 'P-1Y-2M3DT-4H5M-6.789012S', undefined, '-1 years -2 mons +3 days -03:55:06.789012'],
  ['interval', 'interval', 'PT0S', undefined, '00:00:00'],
  ['uuid', 'uuid', '0af7651d-23b3-4a67-9f0c-1f2a3b4c5d6e'],
  ['json', 'json', '{"b": 1,  "a":[1e400, "\\u0041"], "b":2}'],
  ['json', 'jsonb', '{"a": [1, null], "b": "x"}'],
  ['json', 'JSON_OF_OTHERS', '{ }', 'json'],
  ['enum', 'mood', 'happy', 'text'],
  ['enum', 'sink_mood', 'sad', 'text'],
  ['bits', 'bit(3)', '010'],
  ['bits', 'bit varying(8)', '0101'],
  ['bits', 'bit varying', ''],
  ['bits', 'BIT(64)', '1'.repeat(64), 'bit(64)'],
  ['range', 'int4range', '[1,10)'],
  ['range', 'nummultirange', '{[1.5,2.5)}'],
  ['geometry', 'point', '(1.5,-2)'],
  ['geometry', 'box', '(1,1),(0,0)'],
  ['geometry', 'GEOMETRY', 'POINT(1 2)', 'text'],
  ['composite', 'sink_pair', '(1,"a b")'],
  ['composite', 'nowhere.pair', '(1,2)', 'text'],
  ['vector', 'vector(3)', '[1,2,3]', 'text'],
  ['other', 'inet', '10.0.0.1/8'],
  ['other', 'macaddr', '08:00:2b:01:02:03'],
  ['other', 'tsvector', "'a' 'b'"],
  ['other', 'pg_lsn', '16/B374D848'],
  ['other', 'xml', '<a>&amp;</a>'],
  ['other', 'money', '$1,234.50'],
  ['array', 'integer[]', [1, null, -3], undefined, '{1,NULL,-3}', { element: 'int32' }],
  ['array', 'bigint[]', [9223372036854775807n], undefined, '{9223372036854775807}', { element: 'int64' }],
  [
    'array',
    'text[]',
    ['a"b', '\\', '', 'NULL', null, '{,}'],
    undefined,
    '{"a\\"b","\\\\","","NULL",NULL,"{,}"}',
    { element: 'text' },
  ],
  ['array', 'text[]', [], undefined, '{}', { element: 'text' }],
  [
    'array',
    'integer[]',
    [
      [1, 2],
      [3, 4],
    ],
    undefined,
    '{{1,2},{3,4}}',
    { element: 'int32' },
  ],
  ['array', 'double precision[]', [Number.NaN, -0, 0.5], undefined, '{NaN,-0,0.5}', { element: 'float64' }],
  ['array', 'numeric(10,2)[]', ['1.10', 'NaN'], undefined, '{1.10,NaN}', { element: 'decimal' }],
  ['array', 'boolean[]', [true, false], undefined, '{t,f}', { element: 'bool' }],
  ['array', 'bytea[]', [bytes(255)], undefined, '{"\\\\xff"}', { element: 'bytes' }],
  [
    'array',
    'timestamp with time zone[]',
    ['2024-02-29T12:00:00.500000Z'],
    undefined,
    '{"2024-02-29 12:00:00.5+00"}',
    { element: 'timestamptz' },
  ],
  ['array', 'json[]', ['{"a":1}'], undefined, '{"{\\"a\\":1}"}', { element: 'json' }],
  ['array', 'sink_mood[]', ['sad'], 'text[]', '{sad}', { element: 'enum' }],
  ['array', 'box[]', ['(1,1),(0,0)', '(2,2),(0,0)'], undefined, '{(1,1),(0,0);(2,2),(0,0)}', { element: 'geometry' }],
];

describe('types', () => {
  test('invariant 9: every type and its odd values read back as they were, by insert, update and partial update', async () => {
    await client.query(`CREATE TYPE sink_mood AS ENUM ('sad', 'happy'); CREATE TYPE sink_pair AS (a int, b text)`);
    // Each value twice, beside NULL: 180 columns, more than a function may have arguments.
    const columns = CASES.flatMap(([kind, native, , , , more], i) => [
      column(`v${i}`, kind, native, more),
      column(`n${i}`, kind, native, more),
    ]);
    const wide = table('wide', [column('id', 'int32', 'integer', { key: 1 }), ...columns]);
    const values = CASES.flatMap(([, , value]) => [value, null]);
    const opened = await openSink(openOptions(sinkConfig.parse({ url: server.url })));
    const nulls = columns.map(() => null);
    const rejections = await opened.sink.write(
      batch([
        change(wide, { op: 'insert', version: 1, after: [1, ...values] }),
        change(wide, { op: 'insert', version: 2, after: [2, ...nulls] }),
        change(wide, { op: 'insert', version: 3, after: [3, ...nulls] }),
      ]),
      signal,
    );
    expect(rejections).toEqual([]);
    const last = column('extra', 'text', 'text');
    const wider = table('wide', [...wide.columns, last]);
    const more = [
      change(wide, { op: 'update', version: 4, after: [2, ...values] }),
      change(wider, { op: 'update', version: 5, after: [3, ...values] }),
    ];
    expect(await opened.sink.write(batch(more, { from: 3 }), signal)).toEqual([]);
    await opened.sink.flush(signal);
    await opened.sink.close();
    await client.query(`SET datestyle = ISO; SET timezone = 'UTC'; SET intervalstyle = postgres`);
    for (const id of [1, 2, 3]) await expectRow(id);
  });

  async function expectRow(id: number): Promise<void> {
    const list = CASES.map((_, i) => `v${i}::text, pg_typeof(v${i})::text AS t${i}, n${i} IS NULL AS n${i}`);
    const { rows } = await client.query(`SELECT ${list.join(', ')} FROM wide WHERE id = $1`, [id]);
    const { rows: types } = await client.query(
      `SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'wide'::regclass`,
    );
    for (const [i, [kind, native, value, type, text]] of CASES.entries()) {
      const made = types.find(({ attname }) => attname === `v${i}`)?.type;
      const seen = [kind, native, made, rows[0][`v${i}`], rows[0][`n${i}`]];
      expect(seen).toEqual([kind, native, type ?? native, text ?? String(value), true]);
    }
  }

  test.each([
    ['integer', 'smallint', true],
    ['smallint', 'integer', false],
    ['numeric(12,2)', 'numeric(10,2)', true],
    ['numeric(12,2)', 'numeric(12,3)', false],
    ['numeric(10,2)', 'numeric', false],
    ['numeric', 'bigint', true],
    ['numeric(18,0)', 'bigint', false],
    ['integer', 'numeric(5,0)', false],
    ['text', 'integer[]', true],
    ['integer', 'text', false],
    ['character varying(5)', 'text', true],
    ['character(5)', 'text', false],
    ['character(5)', 'character(4)', true],
    ['name', 'text', false],
    ['double precision', 'integer', true],
    ['double precision', 'bigint', false],
    ['real', 'double precision', false],
    ['timestamp(3) without time zone', 'timestamp without time zone', false],
    ['timestamp without time zone', 'timestamp without time zone(3)', true],
    ['timestamp without time zone', 'timestamp with time zone', false],
    ['date', 'timestamp without time zone', false],
    ['jsonb', 'json', true],
    ['citext', 'text', true],
    ['integer[]', 'integer', false],
    ['bigint[]', 'integer[]', true],
    ['boolean', 'text', false],
  ])('%s holds %s: %s', (actual, wanted, expected) => {
    expect(holds(actual, wanted)).toBe(expected);
  });

  test('a native name is only used for what it means', () => {
    expect(meansKind('timestamp without time zone', column('c', 'timestamptz', 'timestamp'))).toBe(false);
    expect(meansKind('numeric', column('c', 'text', 'numeric(10,2)'))).toBe(false);
    expect(meansKind('inet', column('c', 'other', 'inet'))).toBe(true);
    expect(meansKind('integer[]', column('c', 'array', 'int[]', { element: 'int32' }))).toBe(true);
    expect(typeOfKind(column('c', 'array', 'x', { element: 'uint64' }))).toBe('numeric(20,0)[]');
  });
});
