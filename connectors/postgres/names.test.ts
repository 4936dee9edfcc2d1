/** Tables with unusual names and sizes. */
import { describe, expect, test } from 'vitest';
import { foldChanges } from '../../test/support/fold-changes.ts';
import { postgresScenes, read } from '../../test/support/postgres-source.ts';

const scene = postgresScenes();

const LONG = 'x'.repeat(63);
const LONG_UNICODE = `${'é'.repeat(31)}x`;

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

describe('identifiers', () => {
  const NAMES: readonly (readonly [schema: string, table: string])[] = [
    ['public', 'UPPER'],
    ['public', 'upper'],
    ['public', 'with space'],
    ['public', 'quo"ted'],
    ['public', `it's`],
    ['public', 'back\\slash'],
    ['public', 'semi;colon -- comment'],
    ['public', '$1'],
    ['public', 'order'],
    ['public', 'dotted.table.name'],
    ['public', '漢字😀'],
    ['public', 'new\nline\ttab'],
    ['public', LONG],
    ['public', LONG_UNICODE],
    ['public', '__proto__'],
    ['public', 'constructor'],
    ['Schema "x" é', 'Table'],
    [LONG, LONG],
  ];
  const COLUMNS = [
    'Id',
    'id',
    'a b',
    'q"q',
    `it's`,
    'b\\s',
    'c.d',
    'order',
    '漢字',
    '__proto__',
    'constructor',
    'toString',
    '$1',
    LONG,
    LONG_UNICODE,
  ];

  test.each([
    ['default', ''],
    ['full', 'full'],
  ])('of schemas, tables and columns (replica identity %s)', async (_, identity) => {
    const schemas = [...new Set(NAMES.map(([schema]) => schema))].filter((name) => name !== 'public');
    const ddl = NAMES.map(([schema, table]) => {
      const name = `${quoted(schema)}.${quoted(table)}`;
      const columns = COLUMNS.map((column, i) => `${quoted(column)} ${i < 2 ? 'int' : 'text'}`).join(', ');
      const alter = identity === '' ? '' : `alter table ${name} replica identity ${identity};`;
      const list = COLUMNS.map(quoted).join(', ');
      return `create table ${name} (${columns}, primary key ("id", "Id")); ${alter}
        insert into ${name} (${list}) values (1, 2, ${COLUMNS.slice(2)
          .map(() => `'before'`)
          .join(', ')});`;
    });
    const made = await scene(
      NAMES.map((name) => name.join('.')),
      schemas.map((schema) => `create schema ${quoted(schema)};`).join('') + ddl.join('\n'),
    );
    const { output, until } = read(made.options);
    await until(() => output.transactions.length === NAMES.length);
    for (const [schema, table] of NAMES) {
      const name = `${quoted(schema)}.${quoted(table)}`;
      const set = COLUMNS.slice(2).map((column) => `${quoted(column)} = 'after'`);
      await made.client.query(`update ${name} set ${set.join(', ')}; update ${name} set "Id" = 3`);
    }
    await until(() => output.transactions.length === 2 * NAMES.length);
    for (const transaction of output.transactions)
      for (const row of transaction.rows) expect(Object.keys(row.after ?? row.before!)).toEqual(COLUMNS);
    const tables = foldChanges(
      output.transactions,
      Object.fromEntries(NAMES.map((name) => [name.join('.'), ['id', 'Id']])),
    );
    expect([...tables.keys()]).toEqual(NAMES.map((name) => name.join('.')));
    for (const rows of tables.values()) {
      expect([...rows.values()].map((row) => COLUMNS.map((column) => row[column]))).toEqual([
        ['3', '2', ...COLUMNS.slice(2).map(() => 'after')],
      ]);
    }
    expect(
      output.schemas[0]?.columns
        .filter(({ keyOrdinal }) => keyOrdinal !== undefined)
        .map(({ name, keyOrdinal }) => [name, keyOrdinal]),
    ).toEqual([
      ['Id', 2],
      ['id', 1],
    ]);
  });
});

test('a table of 1,600 columns', async () => {
  const columns = Array.from({ length: 1_599 }, (_, i) => `c${i} smallint`);
  const made = await scene(
    ['public.wide'],
    `create table wide (id int primary key, ${columns.join(', ')}); insert into wide values (1, 7)`,
  );
  const { output, until } = read(made.options);
  await until(() => output.transactions.length === 1);
  await made.client.query('update wide set c1598 = 9, c0 = null; insert into wide select 2');
  await until(() => output.transactions.length === 2);
  const rows = [...foldChanges(output.transactions).get('public.wide')!.values()];
  expect(rows.map((row) => [Object.keys(row).length, row.c0, row.c1, row.c1598])).toEqual([
    [1_600, null, null, '9'],
    [1_600, null, null, null],
  ]);
});

test('values of many megabytes', async () => {
  const size = process.env.TAILRACE_FULL === undefined ? 24 : 200;
  const made = await scene(
    ['public.t'],
    `create table t (id int primary key, v text, b bytea);
     insert into t values (1, repeat(E'0123456\\t', ${size} * 131072), decode(repeat('00ff', ${size} * 262144), 'hex'))`,
  );
  const { output, until } = read(made.options);
  await until(() => output.transactions.length === 1);
  await made.client.query('insert into t select 2, v, b from t');
  await until(() => output.transactions.length === 2);
  const [one, two] = output.rows();
  expect(one!.after!.v!.length).toBe(size << 20);
  expect(one!.after!.b!.length).toBe(Math.ceil((size << 19) / 3) * 4);
  expect(one!.after!.v === two!.after!.v && one!.after!.b === two!.after!.b).toBe(true);
});

test('idle tables beside a busy database: the server may forget its log', async () => {
  const made = await scene(['public.t'], 'create table t (id int primary key)');
  const busy = await made.connect(made.server.url);
  const { output, until } = read(made.options);
  await until(() => output.transactions.length === 1);
  await busy.query('create table if not exists busy as select generate_series(1, 20000) i');
  const { rows } = await busy.query<{ lsn: string }>('select pg_current_wal_lsn() as lsn');
  const confirmed = `select from pg_replication_slots where database = $1 and confirmed_flush_lsn >= $2`;
  while ((await busy.query(confirmed, [made.options.name, rows[0]!.lsn])).rowCount === 0);
  expect(output.transactions).toHaveLength(1);
});
