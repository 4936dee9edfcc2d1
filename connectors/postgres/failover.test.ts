/** A primary and a standby that takes over with the slot. */
import { expect, onTestFinished, test } from 'vitest';
import { startPostgres } from '../../demo/servers/postgres.ts';
import { lastPosition, postgresScenes, read, rowTexts, sourceOptions } from '../../test/support/postgres-source.ts';
import { connect, standbyOf } from '../../test/support/standby.ts';
import { SqlSession } from './connections.ts';
import { FailoverWatch } from './failover.ts';
import { slotOf } from './names.ts';
import { openClient } from './open-client.ts';
import { checkSource } from './source-check.ts';

const scene = postgresScenes();

test('a slot that fails over: what is lacking is said, then the stream goes on at the promoted standby', async ({
  skip,
}) => {
  const primary = await startPostgres();
  onTestFinished(() => primary.stop());
  if (primary.major < 17) skip();
  let client = await connect(primary.url);
  await client.query(
    `create table t (id int primary key); select pg_create_physical_replication_slot('standby', true)`,
  );
  await client.end();
  const standby = await standbyOf(primary);
  client = await connect(primary.url);
  const other = await connect(standby.url);
  const config = { failover: true, standby_url: standby.url };
  // The standby is named first: it is used when it has been promoted.
  const both = primary.url.replace('127.0.0.1', `127.0.0.1:${standby.port},127.0.0.1`);
  const options = sourceOptions(both, 's', ['public.t'], {}, config);
  await expectSessions(both);
  // Made without at first: it is altered at the next start.
  const before = read(sourceOptions(both, 's', ['public.t']));
  await before.until(() => before.output.transactions.length === 1);
  await before.stop();
  const sql = new SqlSession(options);
  const watch = new FailoverWatch(options, sql);
  onTestFinished(() => Promise.all([sql.close(), watch.close()]).then(() => {}));
  const lack = async () => (await watch.look())?.message.replace(/.*ready: /, '') ?? null;
  expect(await lack()).toBe('it was made without');
  const reading = read(options, lastPosition(before.output));
  await reading.until(() => reading.output.heartbeats.length > 0);
  expect(await lack()).toMatch(/waits for no standby/);
  await client.query(`alter system set synchronized_standby_slots = 'standby'`);
  await client.query('select pg_reload_conf()');
  while ((await lack())?.includes('waits for')) await client.query('select 1');
  expect(await lack()).toBe('the standby has no copy of it');
  await other.query('alter system set sync_replication_slots = on');
  await other.query('select pg_reload_conf()');
  for (let i = 1; (await lack()) !== null; i++) {
    await client.query('insert into t values ($1)', [i]);
    await client.query('select pg_log_standby_snapshot()');
    expect(await lack()).toSatisfy((text) => text === null || /has no copy|has not caught up/.test(String(text)));
  }
  await reading.until(() => reading.output.rows().length > 0);
  const { rows } = await client.query('select count(*)::int as count from t');
  await reading.until(() => reading.output.rows().length === rows[0].count);
  await reading.stop();
  await client.query('insert into t values (1000001)');
  const { rows: ends } = await client.query('select pg_current_wal_lsn()::text as lsn');
  while (!(await other.query('select pg_last_wal_replay_lsn() >= $1::pg_lsn as yes', [ends[0].lsn])).rows[0].yes);
  await primary.kill();
  await other.query('select pg_promote()');
  await other.query('insert into t values (1000002)');
  const after = read(sourceOptions(both, 's', ['public.t']), lastPosition(reading.output));
  await after.until(() => after.output.rows().length === 2);
  expect(rowTexts(after.output)).toEqual(['c null {"id":"1000001"}', 'c null {"id":"1000002"}']);
});

/** @param url of a standby and, behind it, its primary */
async function expectSessions(url: string): Promise<void> {
  const inRecovery = async (session: string, of = url) => {
    const to = `${of}?target_session_attrs=${session}`;
    const client = await openClient({ url: to, side: 'source', applicationName: 'x' });
    const { rows } = await client.query<{ standby: boolean }>('select pg_is_in_recovery() as standby');
    await client.end();
    return rows[0]!.standby;
  };
  for (const session of ['any', 'standby', 'read-only', 'prefer-standby']) expect(await inRecovery(session)).toBe(true);
  for (const session of ['primary', 'read-write']) expect(await inRecovery(session)).toBe(false);
  // Nobody listens at the first.
  const absent = url.replace('127.0.0.1', '127.0.0.1:1,127.0.0.1');
  expect(await inRecovery('any', absent)).toBe(true);
  expect(await inRecovery('primary', absent)).toBe(false);
  const alone = url.replace(/,[^/]*/, '');
  await expect(inRecovery('primary', alone)).rejects.toMatchObject({ code: 'source.unreachable' });
  expect(await inRecovery('prefer-standby', url.replace(/@[^,]*,/, '@'))).toBe(false);
  await expect(inRecovery('any', url.replace(/@.*/, '@127.0.0.1:1,127.0.0.1:2/postgres'))).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  });
  // What one refuses is not tried at another.
  const wrong = url.replace(/:[^:@/]*@/, ':wrong@');
  await expect(inRecovery('any', wrong)).rejects.toMatchObject({ code: '28P01' });
}

test('without a standby to look at, and on servers that cannot', async () => {
  const made = await scene(['public.t'], 'create table t (id int primary key)', { config: { failover: true } });
  const reading = read(made.options);
  if (made.server.major < 17) {
    expect(await reading.failed).toMatchObject({ code: 'source.not_ready', remedy: expect.stringMatching(/failover/) });
    expect(await checkSource(made.options)).toContainEqual(expect.objectContaining({ path: ['failover'] }));
    return;
  }
  await reading.until(() => reading.output.transactions.length === 1);
  const { rows } = await made.client.query('select failover from pg_replication_slots where slot_name = $1', [
    slotOf(made.options),
  ]);
  expect(rows).toEqual([{ failover: true }]);
  const warned = () => reading.reader.upstream()?.warnings.map(({ message }) => message);
  while (!warned()?.length) await made.client.query('select 1');
  expect(warned()).toEqual([expect.stringMatching(/is not failover-ready: the server waits for no standby/)]);
});
