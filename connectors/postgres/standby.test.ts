/** Capture from a standby, and servers that take another's place: promoted without the slot, restored from a backup. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { startPostgres } from '../../demo/servers/postgres.ts';
import { lastPosition, read, rowTexts, sourceOptions } from '../../test/support/postgres-source.ts';
import { caughtUp, coldCopy, connect, primaryAndStandby } from '../../test/support/standby.ts';
import { source } from './index.ts';
import { parseLsn } from './lsn.ts';
import { slotOf } from './names.ts';
import { takeOnStandby } from './standby-snapshot.ts';

const SNAPSHOTS = process.env.TAILRACE_FULL === undefined ? 100 : 2_000;
const TABLE = 'create table t (id int primary key, v text)';

/** Transactions that overlap, each with a row of its own before or behind those of the table, until told to stop. */
function overlap(clients: readonly pg.Client[], first: number) {
  const ids: number[] = [];
  let isOver = false;
  const run = async (client: pg.Client, lane: number) => {
    for (let i = 0; !isOver; i++) {
      const id = (first + i * clients.length + lane) * (lane % 2 === 0 ? 1 : -1);
      await client.query(`begin; insert into t values (${id}, 'new')`);
      await client.query(`savepoint s; update t set v = v || 'er' where id = ${id}; release s`);
      await client.query(i % 5 === 4 ? 'rollback' : 'commit');
      if (i % 5 !== 4) ids.push(id);
    }
  };
  const done = Promise.all(clients.map(run));
  const stop = async () => {
    isOver = true;
    await done;
  };
  done.catch(() => {});
  onTestFinished(() => {
    isOver = true;
  });
  return { ids, stop };
}

test('tables read and streamed from a standby, beside transactions on the primary: each row comes once', async ({
  skip,
}) => {
  const seeded = `${TABLE}; create publication p for table t; insert into t select i, 'old' from generate_series(1, 4000) i`;
  const { primary, standby } = await primaryAndStandby(seeded);
  skip(primary.major < 16);
  const client = await connect(primary.url);
  const writers = await Promise.all([1, 2, 3, 4].map(() => connect(primary.url)));
  const config = { publication: 'p', snapshot_chunk_rows: 150, snapshot_connections: 1 };
  const options = sourceOptions(standby.url, 's', ['public.t'], {}, config);
  expect(await source.check(options as never)).toMatchObject([{ level: 'ok' }]);
  const work = overlap(writers, 10_000);
  const reading = read(options);
  // The slot is made when the primary says which transactions run, which it does every 15 seconds.
  const spur = setInterval(() => void client.query('select pg_log_standby_snapshot()').catch(() => {}), 200);
  onTestFinished(() => clearInterval(spur));
  const isEnd = () => reading.output.transactions.some(({ markers }) => markers.includes('snapshot-end public.t'));
  await reading.until(isEnd);
  clearInterval(spur);
  await work.stop();
  expect(reading.output.transactions.filter(({ kind }) => kind === 'snapshot').length).toBeGreaterThan(10);
  await client.query(`insert into t values (1000000, 'end'); delete from t where id = 1`);
  await reading.until(() => reading.output.rows().some(({ op }) => op === 'd'));
  await reading.stop();
  const created = reading.output.rows().filter(({ op }) => op === 'c' || op === 'r');
  const times = new Map<number, number>();
  for (const { after } of created) times.set(Number(after!.id), (times.get(Number(after!.id)) ?? 0) + 1);
  const wanted = [...Array.from({ length: 4_000 }, (_, i) => i + 1), ...work.ids, 1_000_000];
  expect(wanted.filter((id) => times.get(id) !== 1)).toEqual([]);
  expect(times.size).toBe(wanted.length);
  const last = new Map(reading.output.rows().map(({ after, before }) => [(after ?? before)!.id, after?.v]));
  expect(work.ids.filter((id) => last.get(`${id}`) !== 'newer')).toEqual([]);
  await source.teardown!(options as never);
});

test('a snapshot on a standby sees just what was committed below the position that it is told with', async ({
  skip,
}) => {
  const { primary, standby } = await primaryAndStandby(`${TABLE}; create publication p for table t`);
  skip(primary.major < 16);
  const client = await connect(primary.url);
  const reading = read(sourceOptions(standby.url, 's', ['public.t'], {}, { publication: 'p' }));
  const spur = setInterval(() => void client.query('select pg_log_standby_snapshot()').catch(() => {}), 200);
  onTestFinished(() => clearInterval(spur));
  await reading.until(() => reading.output.transactions.length === 1);
  const work = overlap(await Promise.all([1, 2, 3, 4].map(() => connect(primary.url))), 1);
  const [taker, leader] = [await connect(standby.url), await connect(standby.url)];
  const seen: { readonly until: bigint; readonly ids: ReadonlySet<string> }[] = [];
  for (let i = 0; seen.length < SNAPSHOTS && i < 10 * SNAPSHOTS; i++) {
    const taken = await takeOnStandby(taker);
    if (taken !== null) {
      await leader.query(`begin isolation level repeatable read; set transaction snapshot '${taken.exported}'`);
      const { rows } = await leader.query<{ ids: string[] | null }>('select array_agg(id::text) as ids from t');
      await leader.query('commit');
      seen.push({ until: parseLsn(taken.until), ids: new Set(rows[0]?.ids ?? []) });
    }
    await taker.query('commit');
  }
  expect(seen).toHaveLength(SNAPSHOTS);
  await work.stop();
  await client.query(`insert into t values (1000000, 'end')`);
  await reading.until(() => reading.output.rows().some(({ after }) => after!.id === '1000000'));
  const committed = reading.output.transactions.flatMap(({ position, rows }) =>
    rows.filter(({ op }) => op === 'c').map(({ after }) => ({ id: String(after!.id), at: parseLsn(position) })),
  );
  for (const { until, ids } of seen) {
    expect(committed.filter(({ id, at }) => ids.has(id) !== at < until)).toEqual([]);
  }
  expect(seen.at(-1)!.ids.size).toBeGreaterThan(100);
});

test('a standby without the publication: what to run on the primary', async ({ skip }) => {
  const { primary, standby } = await primaryAndStandby(TABLE);
  skip(primary.major < 16);
  const client = await connect(primary.url);
  const options = sourceOptions(standby.url, 's', ['public.t']);
  const [, found, ...others] = await source.check(options as never);
  expect(others).toEqual([]);
  expect(found).toMatchObject({ level: 'problem', message: expect.stringMatching(/standby/) });
  expect(await read(options).failed).toMatchObject({
    code: 'source.not_ready',
    message: expect.stringMatching(/standby/),
  });
  await client.query(/CREATE PUBLICATION .*;/.exec(found!.remedy!)![0]);
  await caughtUp(client, await connect(standby.url));
  expect(await source.check(options as never)).toMatchObject([{ level: 'ok' }]);
  // It stays: only the primary can drop it.
  await source.teardown!(options as never);
  await source.teardown!(options as never);
});

test('invariant 5: a standby that was promoted without the slot', async () => {
  const { primary, standby } = await primaryAndStandby(TABLE);
  const client = await connect(primary.url);
  const other = await connect(standby.url);
  const reading = read(sourceOptions(primary.url, 's', ['public.t']));
  await reading.until(() => reading.output.transactions.length === 1);
  await client.query('insert into t values (1)');
  await reading.until(() => reading.output.transactions.length === 2);
  await reading.stop();
  await caughtUp(client, other);
  await primary.kill();
  await other.query('select pg_promote()');
  const after = read(sourceOptions(standby.url, 's', ['public.t']), lastPosition(reading.output));
  expect(await after.failed).toMatchObject({
    code: 'source.gap',
    message: expect.stringContaining('does not exist any more'),
  });
  const { rowCount } = await other.query('select from pg_replication_slots where slot_name = $1', [
    slotOf(sourceOptions(standby.url, 's', [])),
  ]);
  expect(rowCount).toBe(0);
});

test('invariant 11: a backup that was put back, and a restore to a point in time', async () => {
  const server = await startPostgres();
  onTestFinished(() => server.stop());
  const url = server.url;
  const client = await connect(url);
  await client.query(TABLE);
  const options = sourceOptions(url, 's', ['public.t']);
  const reading = read(options);
  await reading.until(() => reading.output.transactions.length === 1);
  await reading.stop();
  const [backup, restore] = [await coldCopy(server), await coldCopy(server)];
  const writer = await connect(url);
  const second = read(options, lastPosition(reading.output));
  const insert = async (id: number) => {
    await writer.query('insert into t values ($1)', [id]);
    await second.until(() => second.output.rows().some(({ after }) => after!.id === `${id}`));
    return lastPosition(second.output);
  };
  const early = await insert(1);
  const { rows } = await writer.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
  const late = await insert(2);
  await second.stop();
  await writer.query('select pg_switch_wal()');
  await server.kill();
  const old = await startPostgres({ dataDir: backup });
  onTestFinished(() => old.stop());
  const onBackup = read(sourceOptions(old.url, 's', ['public.t']), late);
  expect(await onBackup.failed).toMatchObject({
    code: 'source.gap',
    message: expect.stringContaining('put back to an earlier state'),
  });
  await old.stop();
  await writeFile(join(restore, 'recovery.signal'), '');
  const restored = await startPostgres({
    dataDir: restore,
    settings: {
      restore_command: `cp "${server.dataDir}/pg_wal/%f" "%p"`,
      recovery_target_lsn: rows[0]!.lsn,
      recovery_target_action: 'promote',
      hot_standby: 'off',
    },
  });
  onTestFinished(() => restored.stop());
  const again = await connect(restored.url);
  await again.query('insert into t values (3)');
  const beyond = read(sourceOptions(restored.url, 's', ['public.t']), late);
  expect(await beyond.failed).toMatchObject({
    code: 'source.gap',
    message: expect.stringContaining('does not go through the position'),
  });
  // What was saved before that point is part of both histories.
  const before = read(sourceOptions(restored.url, 's', ['public.t']), early);
  await before.until(() => before.output.rows().length === 1);
  expect(rowTexts(before.output)).toEqual(['c null {"id":"3","v":null}']);
});
