/** DDL with its text, by event triggers: what runs is told in its transaction, what is undone is not, and nothing is in its way. */
import { expect, test } from 'vitest';
import {
  lastPosition,
  postgresScenes,
  type Reading,
  read,
  type Scene,
  sourceOptions,
} from '../../test/support/postgres-source.ts';
import { checkSource, describeSource } from './source-check.ts';
import { teardownSource } from './teardown.ts';

const scene = postgresScenes();

const TABLES = ['public.t', 'audit.ddl'];
const DDL = 'create table t (id int primary key)';
const config = { ddl: { table: 'audit.ddl' } };

const isDdl = ({ table }: { table: string }) => table === 'audit.ddl';

/** Rows of each transaction: of the table its id, of DDL what ran. */
const told = ({ output }: Reading) =>
  output.transactions
    .filter(({ kind }) => kind === 'stream')
    .map(({ rows }) =>
      rows.map((row) => (isDdl(row) ? `${row.after!.tag} ${row.after!.objects} ${row.after!.text}` : row.after!.id)),
    );

const triggers = async ({ client }: Scene) =>
  (await client.query('select evtname from pg_event_trigger order by 1')).rows.map(({ evtname }) => evtname);

test('statements are rows of their transaction, with their text; what is rolled back leaves none', async () => {
  const made = await scene(TABLES, DDL, { config });
  const { client, options } = made;
  expect((await checkSource(options)).filter(({ level }) => level === 'problem')).toEqual([]);
  const reading = read(options);
  await reading.until(() => reading.output.transactions.length > 0);
  const name = `tailrace_test_${options.name}`;
  expect(await triggers(made)).toEqual([`${name}_ddl`, `${name}_ddl_drop`]);
  await client.query('begin');
  await client.query('insert into t values (1)');
  await client.query(`alter table t add v text default 'ä'`);
  await client.query('insert into t values (2)');
  await client.query('commit');
  await client.query('begin; create table undone (id int); rollback');
  await client.query('create temp table passing (id int)');
  await client.query(`create type mood as enum ('glad')`);
  await client.query('drop type mood');
  await client.query('insert into t values (3)');
  await reading.until(() => told(reading).flat().includes('3'));
  expect(told(reading)).toEqual([
    ['1', `ALTER TABLE ["public.t"] alter table t add v text default 'ä'`, '2'],
    [`CREATE TYPE ["public.mood"] create type mood as enum ('glad')`],
    [`DROP TYPE ["public.mood"] drop type mood`],
    ['3'],
  ]);
  const described = await describeSource(options);
  expect(described.map(({ schema, table }) => `${schema}.${table}`)).toEqual(['audit.ddl', 'public.t']);
  // Each once, whatever it is read from.
  await reading.stop();
  const again = read(options, lastPosition(reading.output));
  await client.query('alter table t drop v');
  await again.until(() => told(again).length === 1);
  expect(told(again)).toEqual([['ALTER TABLE ["public.t"] alter table t drop v']]);
  await again.stop();
  await teardownSource(options);
  await teardownSource(options);
  expect(await triggers(made)).toEqual([]);
  await client.query('create table after_all (id int)');
});

test('a message with its prefix that is none of its own, and one of another source', async () => {
  const made = await scene(TABLES, DDL, { config });
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length > 0);
  const prefix = `tailrace.ddl.tailrace_test_${made.options.name}`;
  await made.client.query(
    `select pg_logical_emit_message(true, $1, 'no {json'), pg_logical_emit_message(true, $1, '7'),
    pg_logical_emit_message(true, $1 || 'x', '{}')`,
    [prefix],
  );
  await reading.until(() => told(reading).length === 1);
  expect(told(reading)).toEqual([[' [] no {json', ' [] 7']]);
});

test('what cannot be told does not fail the statement', async () => {
  const made = await scene(TABLES, DDL, { config });
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length > 0);
  // Nothing of what the trigger needs can be called any more.
  await made.client.query('revoke execute on function pg_catalog.jsonb_build_object(variadic "any") from public');
  await made.client.query(
    `create role poor_${made.options.name} login password 'p'; create schema s authorization poor_${made.options.name}`,
  );
  const url = Object.assign(new URL(made.url), { username: `poor_${made.options.name}`, password: 'p' }).href;
  const poor = await made.connect(url);
  await poor.query('create table s.still (id int)');
  expect((await poor.query('select from s.still')).rowCount).toBe(0);
});

test('a role that may not make them: check prints what a superuser has to run, and that is enough', async () => {
  const made = await scene(TABLES, DDL, { config });
  await made.client.query(`create role plain_${made.options.name} login replication password 'p'; grant create on database ${made.options.name} to plain_${made.options.name};
    alter table t owner to plain_${made.options.name}`);
  const url = Object.assign(new URL(made.url), { username: `plain_${made.options.name}`, password: 'p' }).href;
  const options = sourceOptions(url, made.options.name, TABLES, {}, config);
  const problems = (await checkSource(options)).filter(({ level }) => level === 'problem');
  expect(problems).toMatchObject([
    { path: ['ddl'], remedy: expect.stringContaining('as superuser: CREATE OR REPLACE FUNCTION') },
  ]);
  // It works without, and tells.
  const reading = read(options);
  await reading.until(() => reading.output.transactions.length > 0);
  await reading.stop();
  expect(await triggers(made)).toEqual([]);
  await made.client.query(problems[0]!.remedy!.slice('as superuser: '.length));
  expect((await checkSource(options)).filter(({ level }) => level === 'problem')).toEqual([]);
  const again = read(options, lastPosition(reading.output));
  await made.client.query('create table more (id int)');
  await again.until(() => told(again).length === 1);
  expect(told(again)).toEqual([['CREATE TABLE ["public.more"] create table more (id int)']]);
});
