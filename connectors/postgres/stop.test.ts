/** A reader that is stopped at any moment ends at once and leaves no connection behind. */
import { expect, test } from 'vitest';
import { postgresScenes, type Scene } from '../../test/support/postgres-source.ts';
import { RecordingOutput } from '../../test/support/recording-output.ts';
import { PostgresReader } from './reader.ts';

const scene = postgresScenes();
const full = process.env.TAILRACE_FULL !== undefined;

/** Resolves when no backend of the source is there. */
async function untilGone({ client, options }: Scene): Promise<void> {
  const sql = 'select from pg_stat_activity where application_name = $1';
  while ((await client.query(sql, [`tailrace ${options.name}`])).rowCount !== 0);
}

test('stopped any number of milliseconds after its start', async () => {
  const made = await scene(
    ['public.t'],
    'create table t (id int primary key); insert into t select generate_series(1, 5000)',
  );
  let streamed = 0;
  for (let ms = 0; streamed < 3; ms += full ? 1 : 2) {
    const reader = new PostgresReader(made.options);
    const output = new RecordingOutput();
    const abort = new AbortController();
    const running = reader.run(null, output, abort.signal);
    await new Promise((resolve) => setTimeout(resolve, ms));
    abort.abort();
    const given = output.transactions.length;
    await running;
    await reader.close();
    await reader.close();

    await untilGone(made);
    expect(output.transactions, 'nothing is written after the stop').toHaveLength(given);
    if (output.heartbeats.length > 1) streamed++;
  }
});

test('stopped while a statement waits for a lock', async () => {
  const made = await scene(['public.t'], 'create table t (id int primary key)');
  const holder = await made.connect();
  await holder.query('begin; insert into t values (1)');
  const reader = new PostgresReader(made.options);
  const abort = new AbortController();
  const running = reader.run(null, new RecordingOutput(), abort.signal);
  const waiting = `select from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'`;
  while ((await made.client.query(waiting, [`tailrace ${made.options.name}`])).rowCount === 0);
  const started = performance.now();
  abort.abort();
  await running;
  await reader.close();
  expect(performance.now() - started).toBeLessThan(1_000);
  await holder.query('commit');
  await untilGone(made);
});
