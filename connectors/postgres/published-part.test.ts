/** What a publication leaves out, and what has an origin: comes as the server says, or is refused with a remedy. */
import { expect, test } from 'vitest';
import { postgresScenes, read, rowTexts } from '../../test/support/postgres-source.ts';
import { checkSource } from './source-check.ts';

const scene = postgresScenes();
const TABLE = 'create table t (id int primary key, v int, w text)';
const MINE = { config: { publication: 'mine' } };

test('rows that come into a row filter are inserts, those that leave it deletes', async ({ skip }) => {
  const made = await scene(['public.t'], `${TABLE}; alter table t replica identity full`, MINE);
  if (made.server.major < 15) skip();
  await made.client.query(`create publication mine for table t where (v > 10)`);
  await made.client.query(`insert into t values (1, 5, 'a'), (2, 50, 'b')`);
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === 1);
  for (const change of [
    'update t set v = 11 where id = 1',
    `update t set w = 'c' where v < 0`,
    `update t set w = 'c' where id = 1`,
    'update t set v = 1 where id = 1',
    'update t set v = 1 where id = 2',
    `update t set w = 'unseen'`,
    'delete from t where id = 1',
    `insert into t values (3, 99, 'end')`,
  ]) {
    await made.client.query(change);
  }
  await reading.until(() => rowTexts(reading.output).at(-1)!.includes('end'));
  expect(reading.output.rows().map(({ op, before, after }) => `${op} ${(after ?? before)!.id} ${after?.w}`)).toEqual([
    'r 2 b',
    'c 1 a',
    'u 1 c',
    'd 1 undefined',
    'd 2 undefined',
    'c 3 end',
  ]);
});

test('partitions under their own names are refused, with what mends it', async () => {
  const ddl = `create table p (id int primary key) partition by range (id); create table p1 partition of p default;
    create publication mine for table p`;
  const made = await scene(['public.p'], ddl, MINE);
  const failed = (await read(made.options).failed) as { remedy: string };
  expect(failed).toMatchObject({ code: 'source.not_ready' });
  await made.client.query(/ALTER PUBLICATION "mine" SET \(.*/.exec(failed.remedy)![0]);
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === 1);
  await made.client.query('insert into p values (1)');
  await reading.until(() => reading.output.rows().length === 1);
  expect(reading.output.rows()[0]!.table).toBe('public.p');
});

test('origin: none leaves out what was written under an origin, also in transactions sent while they run', async () => {
  const made = await scene(['public.t'], TABLE, { config: { origin: 'none' } });
  if (made.server.major < 16) {
    expect(await checkSource(made.options)).toContainEqual(expect.objectContaining({ path: ['origin'] }));
    expect(await read(made.options).failed).toMatchObject({ code: 'source.not_ready' });
    return;
  }
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === 1);
  const other = await made.connect();
  await other.query(`select pg_replication_origin_create('far_' || current_database())`);
  await other.query(`select pg_replication_origin_session_setup('far_' || current_database())`);
  await other.query('insert into t values (1)');
  await made.client.query('insert into t values (2)');
  await other.query(`begin; insert into t select i, 0, repeat('x', 3000) from generate_series(10, 30000) i; commit`);
  await made.client.query('insert into t values (3)');
  await reading.until(() => reading.output.rows().length === 2);
  expect(reading.output.rows().map(({ after }) => after!.id)).toEqual(['2', '3']);
});
