/** The pre-flight: what is wrong is named with a remedy, and the remedy, run as it stands, mends it. */
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { startPostgres } from '../../demo/servers/postgres.ts';
import type { Finding } from '../../src/contracts/plugin.ts';
import { postgresScenes, read, type Scene, sourceOptions } from '../../test/support/postgres-source.ts';
import { startRefusingPooler } from '../../test/support/refusing-pooler.ts';
import { catalogTable } from './catalog.ts';
import { SqlSession } from './connections.ts';
import { source } from './index.ts';
import { managedService, SERVICE_ROLES } from './managed-services.ts';
import type { SourceOptions } from './names.ts';
import { findTooLarge } from './too-large.ts';

const scene = postgresScenes();
const PASSWORD = 'not in any message';

const check = (options: SourceOptions) => source.check(options as never);
const problems = (findings: readonly Finding[]) => findings.filter(({ level }) => level === 'problem');

/** The scene's tables as another role sees them, which has the login and what `grants` give it. */
async function asRole(made: Scene, grants: string): Promise<SourceOptions> {
  const role = `role_${made.options.name}`;
  await made.client.query(`create role ${role} login password '${PASSWORD}'; ${grants.replaceAll('ROLE', role)}`);
  const url = new URL(made.url);
  url.username = role;
  url.password = encodeURIComponent(PASSWORD);
  return { ...made.options, config: { ...made.options.config, url: url.href } };
}

/** One problem, at that place; without it once the remedy has been run. */
async function expectMended(made: Scene, options: SourceOptions, words: string, path: readonly (string | number)[]) {
  const found = problems(await check(options));
  expect(found).toEqual([
    { level: 'problem', message: expect.stringContaining(words), remedy: expect.any(String), path },
  ]);
  await made.client.query(found[0]!.remedy!);
  expect(problems(await check(options))).toEqual([]);
}

const TABLE = 'create table t (id int primary key, v int);';

test('nothing is wrong: it says which server it found, and nothing is made', async () => {
  const { options, client } = await scene(['public.t'], TABLE);
  expect(await check(options)).toEqual([
    {
      level: 'ok',
      message: expect.stringMatching(/^PostgreSQL \d+.* at 127\.0\.0\.1:\d+\/s\d+, role postgres$/),
      path: ['url'],
    },
  ]);
  expect((await client.query('select from pg_publication')).rowCount).toBe(0);
  expect((await client.query('select from pg_replication_slots')).rowCount).toBe(0);
});

test('replication privilege', async () => {
  const made = await scene(['public.t'], TABLE);
  const options = await asRole(
    made,
    'grant create on database CURRENT to ROLE; alter table t owner to ROLE'.replace('CURRENT', made.options.name),
  );
  await expectMended(made, options, 'may not use replication', ['url']);
});

test('privilege to read a table, and the schema', async () => {
  const made = await scene(
    ['app.t'],
    `create schema app; ${TABLE.replace('t (', 'app.t (')} create publication p for table app.t`,
    {
      config: { publication: 'p' },
    },
  );
  const options = await asRole(made, 'alter role ROLE replication');
  await expectMended(made, options, 'may not read app.t', ['tables', 0]);
});

test('row-level security', async () => {
  const made = await scene(
    ['public.t'],
    `${TABLE} alter table t enable row level security; create publication p for table t`,
    {
      config: { publication: 'p' },
    },
  );
  const options = await asRole(made, 'alter role ROLE replication; grant select on t to ROLE');
  await expectMended(made, options, 'row-level security hides rows', ['tables', 0]);
});

test('the publication, for a role that may not make it', async () => {
  const made = await scene(['public.t', 'public.u'], `${TABLE} create table u (id int primary key)`);
  const options = await asRole(made, 'alter role ROLE replication; grant select on t, u to ROLE');
  const [found, ...others] = problems(await check(options));
  expect(others).toEqual([]);
  expect(found?.message).toContain('may not make the publication');
  const [, sql, name] = /superuser: (.*;) then set `publication: (.*)`/.exec(found!.remedy!)!;
  await made.client.query(sql!);
  expect(problems(await check({ ...options, config: { ...options.config, publication: name } }))).toEqual([]);
});

test('a publication of the user: not there, too narrow, without a table', async () => {
  const made = await scene(['public.t'], TABLE, { config: { publication: 'mine' } });
  await expectMended(made, made.options, 'the publication mine does not exist', ['publication']);
  await made.client.query(`alter publication mine set (publish = 'insert')`);
  await expectMended(made, made.options, 'leaves out some kinds of changes', ['publication']);
  await made.client.query('create table other (id int primary key); alter publication mine set table other');
  await expectMended(made, made.options, 'does not publish public.t', ['publication']);
});

test('a publication of the user that does not publish a partitioned table under its own name', async () => {
  const made = await scene(
    ['public.p'],
    'create table p (id int primary key) partition by range (id); create table p1 partition of p default; create publication mine for table p',
    { config: { publication: 'mine' } },
  );
  const [found] = problems(await check(made.options));
  expect(found?.message).toContain('does not publish public.p');
  await made.client.query(found!.remedy!.slice(found!.remedy!.indexOf('; ') + 2));
  expect(problems(await check(made.options))).toEqual([]);
});

const UNFIT: readonly (readonly [what: string, ddl: string, words: string])[] = [
  ['missing', 'create table "T" (id int primary key)', 'does not exist'],
  ['a view', 'create view t as select 1 as id', 'is no table'],
  ['unlogged', 'create unlogged table t (id int primary key)', 'is unlogged'],
  ['without primary key', 'create table t (id int)', 'has no key'],
  ['deferrable key', 'create table t (id int primary key deferrable)', 'has no key'],
  ['identity nothing', `${TABLE} alter table t replica identity nothing`, 'has no key'],
  ['full without primary key', 'create table t (id int); alter table t replica identity full', 'has no key'],
  [
    'odd partition',
    'create table t (id int primary key) partition by range (id); create table t1 partition of t default; alter table t1 replica identity nothing',
    'another replica identity',
  ],
];

test.each(UNFIT)('a table that cannot be captured: %s', async (_, ddl, words) => {
  const { options, client } = await scene(['public.t'], ddl);
  expect(problems(await check(options))).toEqual([
    { level: 'problem', message: expect.stringContaining(words), remedy: expect.any(String), path: ['tables', 0] },
  ]);
  // A start refuses as well, and makes nothing that would break the application's updates.
  expect(await read(options).failed).toMatchObject({
    code: 'source.not_ready',
    message: expect.stringContaining(words),
  });
  expect((await client.query('select from pg_publication')).rowCount).toBe(0);
});

test('the nearest table is named', async () => {
  const { options } = await scene(['public.orders'], 'create table "Orders" (id int primary key)');
  expect(problems(await check(options))[0]?.remedy).toBe('did you mean public.Orders?');
});

test('a unique index as replica identity, an unlogged table: the remedy mends them', async () => {
  const made = await scene(['public.t'], `${TABLE} alter table t set unlogged`);
  await expectMended(made, made.options, 'is unlogged', ['tables', 0]);
  const indexed = await scene(
    ['public.t'],
    'create table t (id int not null unique); alter table t replica identity using index t_id_key',
  );
  expect(problems(await check(indexed.options))).toEqual([]);
});

test('slots: none left, one that belongs to something else', async () => {
  const made = await scene(['public.t'], TABLE);
  const { client, options } = made;
  onTestFinished(async () => {
    await client.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots');
  });
  await client.query(`select pg_create_physical_replication_slot('taken')`);
  const named = { ...options, config: { ...options.config, slot: 'taken' } };
  expect(problems(await check(named))).toMatchObject([
    { message: expect.stringContaining('something else'), path: ['slot'] },
  ]);
  await client.query(`select pg_create_physical_replication_slot('s' || i) from generate_series(1, 19) i`);
  expect(problems(await check(options))).toMatchObject([
    { message: 'all 20 replication slots are used', remedy: expect.stringContaining('max_replication_slots = 25') },
  ]);
  expect(await read(options).failed).toMatchObject({ code: 'source.not_ready' });
});

test('wrong password, database, host: the finding names the place and no secret', async () => {
  const { server, options } = await scene(['public.t'], TABLE);
  const at = (url: string) => ({ ...options, config: { ...options.config, url } });
  const wrong: readonly (readonly [string, string])[] = [
    [`postgres://postgres:${PASSWORD}@127.0.0.1:${server.port}/postgres`, 'source.auth'],
    [`postgres://postgres:password@127.0.0.1:${server.port}/absent`, 'source.auth'],
    [`postgres://postgres@127.0.0.1:${server.port}/postgres`, 'source.auth'],
    [`postgres://postgres:${PASSWORD}@127.0.0.1:1/postgres`, 'source.unreachable'],
  ];
  for (const [url, code] of wrong) {
    const findings = await check(at(url));
    expect(findings).toMatchObject([{ level: 'problem', code, remedy: expect.any(String) }]);
    const error = await read(at(url)).failed;
    expect(error).toMatchObject({ code });
    expect(`${JSON.stringify(findings)} ${(error as Error).message}`).not.toContain(PASSWORD);
  }
});

test('wal_level', async () => {
  const server = await startPostgres({ settings: { wal_level: 'replica' } });
  onTestFinished(() => server.stop());
  const client = new pg.Client(server.url);
  await client.connect();
  await client.query(TABLE);
  await client.end();
  const options = sourceOptions(server.url, 's', ['public.t']);
  expect(problems(await check(options))).toMatchObject([
    {
      message: expect.stringContaining('wal_level is replica'),
      remedy: expect.stringContaining('ALTER SYSTEM SET wal_level'),
    },
  ]);
  expect(await read(options).failed).toMatchObject({
    code: 'source.not_ready',
    remedy: expect.stringContaining('wal_level'),
  });
});

test.each([
  ['refuses', false],
  ['ignores', true],
])('a connection pooler that %s replication', async (_, ignores) => {
  const made = await scene(['public.t'], TABLE);
  const pooler = await startRefusingPooler(Number(new URL(made.url).port), ignores);
  onTestFinished(() => void pooler.close());
  const url = new URL(made.url);
  url.port = String((pooler.address() as AddressInfo).port);
  const options = { ...made.options, config: { ...made.options.config, url: url.href } };
  const pooled = {
    message: expect.stringMatching(/takes no replication: a connection pooler$/),
    remedy: 'name the server itself in `url` of the source, not the pooler before it',
  };
  expect(problems(await check(options))).toMatchObject([{ ...pooled, path: ['url'] }]);
  expect(await read(options).failed).toMatchObject({ ...pooled, code: 'source.not_ready' });
});

test.each(SERVICE_ROLES)('a managed service, known by its role %s, has its own remedies', async (role) => {
  const made = await scene(['public.t'], `${TABLE} create role ${role}`);
  onTestFinished(() => made.client.query(`drop role ${role}`).then(() => {}));
  const grants = `grant create on database ${made.options.name} to ROLE; alter table t owner to ROLE`;
  const findings = await check(await asRole(made, grants));
  const service = managedService([role])!;
  expect(findings[0]).toMatchObject({ level: 'ok', message: expect.stringContaining(` of ${service.name} at `) });
  const remedy = service.replication(`role_${made.options.name}`);
  expect(problems(findings)).toMatchObject([{ message: expect.stringContaining('may not use replication'), remedy }]);
});

test('the columns that make a row too large are found: bytea counts twice, NULL not', async () => {
  const { client, options } = await scene(
    ['public.t'],
    `create table t (id int primary key, a bytea, b text, c text); alter table t alter a set storage external;
     insert into t values (1, decode(repeat('ab', 400), 'hex'), repeat('x', 150), 'y'), (2, null, repeat('x', 900), null)`,
  );
  const sql = new SqlSession(options);
  onTestFinished(() => sql.close());
  const rows = <T extends object>(text: string, values?: unknown[]) => sql.rows<T>(text, values);
  const name = { schema: 'public', table: 't', label: 'public.t' };
  const table = { ...name, catalog: (await catalogTable(rows, name))! };
  expect(await findTooLarge(rows, [table], { row: 900, column: 100 })).toEqual({
    table,
    columns: [
      { name: 'a', textBytes: 800 },
      { name: 'b', textBytes: 150 },
    ],
  });
  await client.query('delete from t where id = 1');
  expect(await findTooLarge(rows, [table], { row: 900, column: 100 })).toBe(null);
});

test('describe: the tables as the stream will have them', async () => {
  const { options } = await scene(
    ['public.t'],
    'create table t (a int, id int primary key, g int generated always as (a + 1) stored, v varchar(5)[])',
  );
  const described = await source.describe(options as never);
  const reading = read(options);
  await reading.until(() => reading.output.transactions.length === 1);
  expect(described).toEqual(reading.output.schemas.map(({ id: _, ...description }) => description));
});

test('teardown removes slot and publication, twice without error, and nothing that the user named', async () => {
  const { options, client } = await scene(['public.t'], `${TABLE} create publication mine for table t`);
  const count = async () => {
    const { rows } = await client.query(
      'select (select count(*)::int from pg_publication) + (select count(*)::int from pg_replication_slots where database = current_database()) as n',
    );
    return rows[0].n;
  };
  const before = await count();
  await source.teardown(options as never);
  const reading = read(options);
  await reading.until(() => reading.output.transactions.length === 1);
  await reading.stop();
  expect(await count()).toBe(before + 2);
  for (let i = 0; i < 2; i++) await source.teardown(options as never);
  expect(await count()).toBe(before);
  await source.teardown({ ...options, config: { ...options.config, publication: 'mine' } } as never);
  expect(await count()).toBe(before);
});
