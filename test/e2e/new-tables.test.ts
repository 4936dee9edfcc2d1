/** Tables that come and go while a pipeline with a pattern runs: nothing restarts but what has to, and every row is there once. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { sink as sqlite } from '../../connectors/sqlite/index.ts';
import { holdCommits } from '../support/held-commits.ts';
import { postgresScenes, type Scene } from '../support/postgres-source.ts';
import { until } from '../support/project.ts';
import { testSeed } from '../support/seed.ts';
import { ConstantLoad, seeded, verificationScene } from '../support/verification-scene.ts';

const scenes = postgresScenes();

const DDL = `
  create table items (id int primary key, name text, price numeric(12,2), at timestamptz);
  insert into items select i, 'item ' || i, i, now() from generate_series(1, 300) i;
  create schema other; create table other.t (id int primary key)`;

async function patterned(pattern: string) {
  const made = await scenes([], DDL);
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-new-tables-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const path = join(dir, 'copy.db');
  const scene = await verificationScene(made.url, [pattern], [{ name: 'copy', manifest: sqlite, config: { path } }]);
  await scene.caughtUp();
  const source = () => scene.instance.status().pipelines[0]!.sources[0]!;
  const captured = () => scene.instance.plans[0]!.sources[0]!.tables;
  const rows = (sql: string) => {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
    try {
      return database
        .prepare(sql)
        .all()
        .map((row) => Object.values(row).join());
    } catch {
      return [];
    } finally {
      database.close();
    }
  };
  const expectEqual = async () => {
    const [status] = await scene.verify();
    expect(status).toMatchObject({ state: 'done', problem: null, counts: { missing: 0, different: 0, extra: 0 } });
  };
  const reload = (...tables: string[]) => {
    const [pipeline] = scene.instance.plans;
    return scene.instance.reload([{ ...pipeline!, sources: [{ ...pipeline!.sources[0]!, tables }] }]);
  };
  return { ...scene, made, captured, source, rows, expectEqual, reload };
}

test('a table that is made is read beside the stream of the others, which goes on', async () => {
  const { made, client, captured, source, rows, expectEqual, caughtUp } = await patterned('public.*');
  expect(captured()).toEqual(['public.items']);
  const load = ConstantLoad.start(made.url, seeded(testSeed), 1);
  const seen = new Set<string>();
  const isThere = (table: string, count: number) =>
    until(`${table} is copied`, async () => {
      for (const snapshot of source().upstream?.snapshots ?? []) seen.add(snapshot.table);
      expect(source().state).not.toBe('gap');
      return captured().includes(`public.${table}`) && rows(`select count(*) from ${table}`)[0] === String(count);
    });
  // Beside a transaction that has changed it already and ends later than it is found.
  const other = await made.connect();
  await client.query('create table a (id int primary key, v int)');
  await other.query('begin; insert into a select i, 0 from generate_series(1, 50) i');
  await client.query('insert into a values (100, 0); create table nokey (id int)');
  await until('it is found', async () => captured().includes('public.a'));
  await client.query('insert into a values (101, 0); update a set v = 1 where id = 100');
  await other.query('commit');
  await client.query('update a set v = 2 where id = 50; delete from a where id = 49');
  await isThere('a', 51);
  expect(captured()).toEqual(['public.items', 'public.a']);
  await client.query('alter table nokey add primary key (id); insert into nokey values (1)');
  await isThere('nokey', 1);
  const before = load.transactions;
  await until('the load went on', async () => load.transactions > before + 5);
  await load.stop();
  expect([...seen].filter((table) => table === 'public.items')).toEqual([]);
  await caughtUp();
  await expectEqual();
});

test('invariant 5: what was committed before it is published and cannot be seen yet is waited for', async () => {
  const { made, client, rows, reload } = await patterned('public.items');
  const isCopied = (id: number) =>
    until(`the others go on to ${id}`, async () => rows(`select id from items where id = ${id}`).length === 1);
  const held = await holdCommits(made);
  // Of the sessions that are opened from now on, the source's own among them, only one waits.
  const database = new URL(made.url).pathname.slice(1);
  await client.query(`set synchronous_commit = local; alter database ${database} set synchronous_commit = local`);
  const committing = await made.connect();
  await client.query('create table h (id int primary key)');
  await committing.query('set synchronous_commit = on');
  const commit = committing.query('insert into h values (1)').catch(() => {});
  await held.until(1);
  // The stream is past it, and had no reason to tell of it.
  await client.query('insert into items values (1000)');
  await isCopied(1000);
  await reload('public.items', 'public.h');
  await until('it is published', async () => (await published(made)).includes('h'));
  await client.query('insert into h values (2); insert into items values (1001)');
  await isCopied(1001);
  await held.release();
  await commit;
  await until('all of it is there', async () => rows('select id from h order by id').join() === '1,2');
});

test('invariant 5: a table that is dropped, made anew or renamed: the others go on, and what has its name now is read', async () => {
  const { made, client, captured, source, rows } = await patterned('public.*');
  await client.query(`create table a (id int primary key, v int); insert into a select i, 0 from generate_series(1, 9) i;
    create table b (id int primary key, v int); insert into b values (1, 1)`);
  const isCopy = (table: string, ids: string) =>
    until(`${table} holds ${ids}`, async () => rows(`select id from ${table} order by id`).join(' ') === ids);
  await isCopy('a', '1 2 3 4 5 6 7 8 9');
  await isCopy('b', '1');
  await client.query(
    'insert into a values (10, 0); drop table a; alter table b rename to c; insert into c values (2, 2)',
  );
  await client.query('create table a (id int primary key, v int); insert into a values (7, 7), (20, 7)');
  await isCopy('a', '7 20');
  await isCopy('c', '1 2');
  await client.query('insert into a values (21, 0); insert into c values (3, 3); insert into items values (1001)');
  await isCopy('a', '7 20 21');
  await isCopy('c', '1 2 3');
  await until('the others go on', async () => rows('select id from items where id = 1001').length === 1);
  await client.query('drop table c; insert into items values (1002)');
  // Longer than the source needs to find out.
  await until('it is not published', async () => (await published(made)).join() === 'a,items');
  await until('the others go on', async () => rows('select id from items where id = 1002').length === 1);
  expect(source().state).toBe('streaming');
  expect(captured()).toEqual(['public.items', 'public.a', 'public.b', 'public.c']);
});

async function published({ client }: Scene): Promise<string[]> {
  const { rows } = await client.query<{ tablename: string }>('select tablename from pg_publication_tables order by 1');
  return rows.map(({ tablename }) => tablename);
}

test('tables are added and taken out by a reload: what was deleted while one was out is gone when it is back', async () => {
  const { made, client, rows, expectEqual, caughtUp, reload } = await patterned('public.items');
  await client.query(
    'create table a (id int primary key, v int); insert into a select i, 0 from generate_series(1, 2000) i',
  );
  const load = ConstantLoad.start(made.url, seeded(testSeed), 1);
  expect(await reload('public.items', 'public.a')).toMatchObject({ restarted: ['source p', 'sink p/copy'] });
  await client.query('update a set v = 1 where id % 2 = 0');
  await until('it is copied', async () => rows('select count(*), sum(v) from a')[0] === '2000,1000');
  await reload('public.items');
  await until('it is not published', async () => (await published(made)).join() === 'items');
  await client.query('delete from a where id > 10; update a set v = 5');
  await reload('public.a', 'public.items');
  await until('it is as it is now', async () => rows('select count(*), sum(v) from a')[0] === '10,50');
  await load.stop();
  await caughtUp();
  await expectEqual();
});
