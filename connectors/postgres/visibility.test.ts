/** Which transactions are in the snapshot and which in the stream: each in exactly one of them. */

import type pg from 'pg';
import { expect, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { foldChanges } from '../../test/support/fold-changes.ts';
import { holdCommits } from '../../test/support/held-commits.ts';
import { postgresScenes, type Reading, read, rowTexts, type Scene } from '../../test/support/postgres-source.ts';
import { testSeed } from '../../test/support/seed.ts';
import { readPosition } from './position.ts';

const scene = postgresScenes();
const full = process.env.TAILRACE_FULL !== undefined;

/** `first` is read before `t`: what is done while the reader waits between them lies between slot and snapshot of `t`. */
const TWO_TABLES = `
  create table first (id int primary key); insert into first values (1);
  create table t (id int primary key, v int); insert into t select i, i from generate_series(1, 100) i;`;

/** A reader that waits after the snapshot of the first table until it is let go. */
async function betweenSnapshots(made: Scene): Promise<Reading & { release(): void }> {
  const reading = read(made.options);
  const held = Promise.withResolvers<void>();
  reading.output.onDrain = () => (reading.output.transactions.length === 1 ? held.promise : undefined);
  await reading.until(() => reading.output.transactions.length === 1);
  const release = () => {
    reading.output.onDrain = () => undefined;
    held.resolve();
  };
  return { ...reading, release };
}

/** Resolves when one backend of the database waits for a lock. */
async function untilWaiting(client: pg.Client, and = ''): Promise<void> {
  const sql = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' ${and}`;
  while ((await client.query(sql)).rowCount !== 1);
}

const times = (reading: Reading, text: string) => rowTexts(reading.output).filter((row) => row.endsWith(text)).length;

test('a table that is rewritten while a step of its snapshot begins is not read as empty', async () => {
  const config = { snapshot_chunk_rows: 5, snapshot_connections: 1 };
  const made = await scene(['public.t'], TWO_TABLES, { config });
  const altering = await made.connect();
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === 3);
  await altering.query('begin; alter table t alter v type text');
  await untilWaiting(made.client, `and query like '%LOCK TABLE%'`);
  await altering.query('commit');
  await reading.until(() => reading.output.transactions.at(-1)?.markers.includes('snapshot-end public.t') === true);
  expect(foldChanges(reading.output.transactions).get('public.t')?.size).toBe(100);
});

test('a transaction that is committed in the log but not visible yet comes exactly once', async () => {
  const made = await scene(['public.first', 'public.t'], TWO_TABLES);
  const [committing, subtransactions] = [await made.connect(), await made.connect()];
  const reading = await betweenSnapshots(made);
  const commits = await holdCommits(made);
  await subtransactions.query('begin; savepoint s; insert into t values (202, 1); release s');
  const held = committing.query('insert into t values (201, 1)').catch(() => {});
  await commits.until(1);
  const heldToo = subtransactions.query('update t set v = 2 where id = 202; commit').catch(() => {});
  await commits.until(2);
  expect((await made.client.query('select from t where id > 200')).rowCount).toBe(0);
  reading.release();
  // Commits of others, which the held ones precede in the log: the stream waits for nothing.
  await made.client.query('set synchronous_commit = local; insert into first values (2)');
  await reading.until(() => times(reading, '{"id":"2"}') === 1);
  expect(times(reading, '{"id":"201","v":"1"}')).toBe(0);
  await made.client.query('insert into t values (203, 1)');
  await commits.release();
  await Promise.all([held, heldToo]);
  await reading.until(() => times(reading, '{"id":"203","v":"1"}') === 1);
  const t = foldChanges(reading.output.transactions).get('public.t')!;
  expect(t.size).toBe(103);
  expect([...t.values()].slice(-3).map(({ id, v }) => `${id} ${v}`)).toEqual(['201 1', '202 2', '203 1']);
});

test('invariant 9: a column that is read for a changed key is read once its transaction is visible', async () => {
  const made = await scene(
    ['public.t'],
    `create table t (id int primary key, v int, big text); alter table t alter big set storage external;
     insert into t values (1, 0, repeat('x', 10000))`,
  );
  const committing = await made.connect();
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === 1);
  const commits = await holdCommits(made);
  const held = committing.query('update t set id = 2').catch(() => {});
  await commits.until(1);
  // Its last question may be of before; of two more the second is asked with the answer of the first.
  const asked = `select query_start::text as at from pg_stat_activity where application_name = $1 and query ~ 'pg_current_snapshot|"big"'`;
  const questions = new Set<string>();
  while (questions.size < 3) {
    const { rows } = await made.client.query(asked, [`tailrace ${made.options.name}`]);
    for (const { at } of rows) questions.add(at);
  }
  await commits.release();
  await held;
  await reading.until(() => reading.output.transactions.length === 2);
  expect(reading.output.rows().at(-1)).toMatchObject({ op: 'c', after: { id: '2', v: '0', big: 'x'.repeat(10_000) } });
});

test('transactions that run while the slot is made come exactly once', async () => {
  const made = await scene(['public.t'], 'create table t (id int primary key, v int)');
  const [before, across] = [await made.connect(), await made.connect()];
  await before.query('begin; insert into t values (1, 0)');
  const reading = read(made.options);
  await untilWaiting(made.client);
  await across.query('begin; insert into t values (2, 0); savepoint a; insert into t values (3, 0); rollback to a');
  await made.client.query('insert into t values (4, 0)');
  await before.query('update t set v = 1 where id = 1; commit');
  // The slot now waits for what began beside the first one.
  await untilWaiting(made.client);
  await across.query('update t set v = 2 where id <> 3; commit');
  await made.client.query('update t set v = v + 1');
  await reading.until(() => rowTexts(reading.output).some((row) => row.endsWith('{"id":"2","v":"3"}')));
  expect(rowsOf(reading)).toEqual(['1 3', '2 3', '4 3']);
});

test('transactions that run while the snapshot is taken come exactly once', async () => {
  const made = await scene(['public.first', 'public.t'], TWO_TABLES);
  const [ending, running] = [await made.connect(), await made.connect()];
  const reading = await betweenSnapshots(made);
  await made.client.query('insert into t values (201, 0)');
  await ending.query('begin; insert into t values (202, 0)');
  await running.query(
    'begin; insert into t values (203, 0); savepoint a; insert into t values (204, 0); rollback to a',
  );
  await ending.query('savepoint b; delete from t where id <= 99; release b; commit');
  reading.release();
  await reading.until(() => reading.output.transactions.length === 2);
  await running.query('savepoint c; update t set v = 7 where id = 100; release c; commit');
  await made.client.query('update t set v = v + 1 where id <> 100');
  await reading.until(() => rowTexts(reading.output).some((row) => row.endsWith('{"id":"203","v":"1"}')));
  expect(rowsOf(reading)).toEqual(['100 7', '201 1', '202 1', '203 1']);
});

function rowsOf({ output }: Reading): string[] {
  const t = foldChanges(output.transactions).get('public.t')!;
  return [...t.values()].map(({ id, v }) => `${id} ${v}`).sort();
}

test('several connections write while the tables are read: the output gives the tables', async () => {
  const seed = testSeed;
  console.log(`visibility: seed ${seed} (TAILRACE_SEED)`);
  const tables = ['a', 'b', 'c', 'd'];
  const made = await scene(
    tables.map((name) => `public.${name}`),
    tables
      .map(
        (t) =>
          `create table ${t} (id int primary key, v int); insert into ${t} select i, 0 from generate_series(1, 2000) i;`,
      )
      .join(''),
  );
  const stop = { now: false };
  const writers = await Promise.all(
    [0, 1, 2, 3].map((i) => made.connect().then((client) => write(client, new Random(seed, i), tables, stop))),
  );
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length > (full ? 5_000 : 200));
  stop.now = true;
  await Promise.all(writers.map(({ done }) => done));
  await made.client.query('insert into a values (1000000, 0)');
  const isOver = () => Object.values(readPosition(reading.output.lastPosition!).tables).every((t) => t.read === 'past');
  await reading.until(() => times(reading, '{"id":"1000000","v":"0"}') === 1 && isOver());
  const folded = foldChanges(reading.output.transactions);
  for (const table of tables) {
    const { rows } = await made.client.query(
      `select id::text, v::text from ${table} order by table_name.id`.replace('table_name', table),
    );
    const got = [...folded.get(`public.${table}`)!.values()].sort((x, y) => Number(x.id) - Number(y.id));
    expect(got).toEqual(rows);
  }
});

/** Transactions over several tables until it is told to stop; conflicts are rolled back. */
function write(client: pg.Client, random: Random, tables: readonly string[], stop: { now: boolean }) {
  const statement = () => {
    const [table, id] = [random.pick(tables), random.between(1, 3000)];
    return random.pick([
      `insert into ${table} values (${id}, 0) on conflict (id) do update set v = ${table}.v + 1`,
      `update ${table} set v = v + 1 where id between ${id} and ${id + 5}`,
      `update ${table} set id = id + 10000 where id = ${id}`,
      `delete from ${table} where id = ${id}`,
      `savepoint s; update ${table} set v = -1 where id = ${id}; ${random.pick(['rollback to s', 'release s'])}`,
    ]);
  };
  const run = async () => {
    while (!stop.now) {
      const statements = Array.from({ length: random.between(1, 4) }, statement).join('; ');
      await client
        .query(`begin; ${statements}; ${random.pick(['commit', 'commit', 'commit', 'rollback'])}`)
        .catch(() => client.query('rollback'));
    }
  };
  return { done: run() };
}
