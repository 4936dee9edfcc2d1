/** Which transactions are in the snapshot and which in the stream: each in exactly one of them. */
import { expect, test } from 'vitest';
import { foldChanges } from '../../test/support/fold-changes.ts';
import { postgresScenes, read } from '../../test/support/postgres-source.ts';

const scene = postgresScenes();

/** Resolves when a backend of the database waits for a lock. */
async function untilBlocked(client: { query(sql: string): Promise<{ rows: unknown[] }> }): Promise<void> {
  const sql = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  while ((await client.query(sql)).rows.length === 0);
}

test('a table that is rewritten while its snapshot begins is not read as empty', async () => {
  const { client, connect, options } = await scene(
    ['public.first', 'public.t'],
    `create table first (id int primary key); insert into first values (1);
     create table t (id int primary key, v int); insert into t select i, i from generate_series(1, 100) i`,
  );
  const altering = await connect();
  const { output, until } = read(options);
  const altered = Promise.withResolvers<void>();
  output.onDrain = () => (output.transactions.length === 1 ? altered.promise : undefined);
  await until(() => output.transactions.length === 1);
  await altering.query('begin; alter table t alter v type text');
  altered.resolve();
  await untilBlocked(client);
  await altering.query('commit');
  await until(() => output.transactions.length === 2);
  expect(foldChanges(output.transactions).get('public.t')?.size).toBe(100);
});
