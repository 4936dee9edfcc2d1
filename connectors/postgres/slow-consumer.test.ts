/** The log does not take rows for longer than the server waits for a sign of life. */
import type pg from 'pg';
import { expect, test } from 'vitest';
import { postgresScenes, read } from '../../test/support/postgres-source.ts';

const scene = postgresScenes({ wal_sender_timeout: '2s' });

const MIB = 1 << 20;

async function untilStreaming(client: pg.Client): Promise<void> {
  const sql = `select from pg_stat_replication where state = 'streaming'`;
  while ((await client.query(sql)).rowCount === 0);
}

test('invariant 10: held back for three times wal_sender_timeout, the connection lives and memory stays', async () => {
  const { client, options } = await scene(['public.t'], 'create table t (id int primary key, v text)');
  const reading = read(options);
  const { output, until } = reading;
  await until(() => output.transactions.length === 1);
  await untilStreaming(client);
  const held = Promise.withResolvers<void>();
  let rows = 0;
  let holding = true;
  // Rows are counted, not kept: what is measured is the source's own memory.
  const writer = output.writer.bind(output);
  output.writer = (table) =>
    Object.assign(writer(table), { begin: () => void rows++, text: () => {}, side: () => {}, end: () => {} });
  output.onDrain = () => (holding ? held.promise : undefined);
  await client.query(`insert into t select i, repeat(md5(i::text), 64) from generate_series(1, 50000) i`);
  const before = process.memoryUsage();
  const walsender = `select pid, backend_start < clock_timestamp() - interval '7 s' as old, reply_time > backend_start + interval '6 s' as answering
    from pg_stat_replication where application_name = $1`;
  let pid = 0;
  let largest = 0;
  for (;;) {
    const [sender] = (await client.query(walsender, [`tailrace ${options.name}`])).rows;
    expect(sender, 'the server still has the connection').toBeDefined();
    if (pid === 0) pid = sender.pid;
    largest = Math.max(largest, process.memoryUsage().arrayBuffers - before.arrayBuffers);
    if (sender.old && sender.answering) break;
  }
  const taken = rows;
  expect(taken).toBeLessThan(5_000);
  expect(largest).toBeLessThan(8 * MIB);
  holding = false;
  held.resolve();
  await until(() => output.transactions.length === 2);
  expect(rows).toBe(50_000);
  const [sender] = (await client.query(walsender, [`tailrace ${options.name}`])).rows;
  expect(sender.pid, 'never broken').toBe(pid);
});

test('a reader that is stopped while it is held back ends at once, and the slot is free', async () => {
  const { client, options } = await scene(['public.t'], 'create table t (id int primary key)');
  const { output, until, stop } = read(options);
  await until(() => output.transactions.length === 1);
  await untilStreaming(client);
  output.onDrain = () => new Promise(() => {});
  await client.query('insert into t select generate_series(1, 100000)');
  const started = performance.now();
  await stop();
  expect(performance.now() - started).toBeLessThan(1_500);
  while ((await client.query('select from pg_replication_slots where active')).rowCount !== 0);
});
