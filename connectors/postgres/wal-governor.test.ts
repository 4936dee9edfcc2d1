/** What the server keeps for a slot that nobody reads, and how long it will. */
import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { postgresScenes, read } from '../../test/support/postgres-source.ts';
import { SqlSession } from './connections.ts';
import { slotOf } from './names.ts';
import { WalGovernor } from './wal-governor.ts';

const scene = postgresScenes({ max_slot_wal_keep_size: '96MB', max_wal_size: '2GB', wal_keep_size: '0' });

const MB = 1 << 20;

test('retained and safe bytes, the time that is left, and a warning before the slot is lost', async () => {
  const made = await scene(['public.t'], 'create table t (id int primary key)');
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === 1);
  await reading.stop();
  const clock = new ManualClock();
  const told: string[] = [];
  const sql = new SqlSession(made.options);
  const slot = slotOf(made.options);
  const governor = new WalGovernor({ sql, slot, clock, log: (level, message) => told.push(`${level} ${message}`) });
  const write = (megabytes: number) =>
    made.client.query(`select pg_logical_emit_message(false, 'load', repeat('x', ${MB})) from generate_series(1, $1)`, [
      megabytes,
    ]);
  await governor.look();
  const before = governor.retention!;
  expect(before).toMatchObject({ secondsUntilLost: null });
  expect(before.safeBytes).toBeGreaterThan(80 * MB);
  await write(10);
  clock.advance(10_000);
  await governor.look();
  const after = governor.retention!;
  expect(after.retainedBytes - before.retainedBytes).toBeGreaterThanOrEqual(10 * MB);
  // A megabyte a second into what is left.
  expect(after.secondsUntilLost! / (after.safeBytes! / MB)).toBeCloseTo(1, 1);
  expect(governor.warnings.map(({ message }) => message)).toEqual([
    `at the present rate the replication slot ${slot} is lost in less than 10 minutes`,
  ]);
  for (let i = 0; i < 8; i++) {
    await write(16);
    clock.advance(10_000);
    await governor.look();
    if (governor.warnings.some(({ message }) => message.includes('at its next checkpoint'))) break;
  }
  expect(governor.warnings[0]!.message).toContain('at its next checkpoint');
  expect(governor.warnings[0]!.remedy).toContain('max_slot_wal_keep_size (96MB now)');
  expect(told.every((line) => /^(warn|info over:) /.test(line))).toBe(true);
  await sql.close();
});

test('a source at work tells of it, and its slot moves though its tables are idle', async () => {
  const made = await scene(['public.t'], 'create table t (id int primary key); create table busy (v text)');
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === 1);
  const heartbeats = reading.output.heartbeats.length;
  await made.client.query(`insert into busy select repeat('x', 1000) from generate_series(1, 20000)`);
  const { rows } = await made.client.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
  const reached = `select confirmed_flush_lsn >= $1::pg_lsn as yes from pg_replication_slots where slot_name = $2`;
  const isReached = async () =>
    (await made.client.query(reached, [rows[0]!.lsn, slotOf(made.options)])).rows[0]?.yes === true;
  while (!(await isReached())) await new Promise((resolve) => setImmediate(resolve));
  expect(reading.output.heartbeats.length).toBeGreaterThan(heartbeats);
  expect(reading.reader.upstream()).toMatchObject({ snapshots: [], retention: { secondsUntilLost: null } });
});
