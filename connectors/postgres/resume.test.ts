import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { Follower, transactionText } from '../../test/support/postgres-follower.ts';
import { postgresScenes, type Scene } from '../../test/support/postgres-source.ts';
import { mixedWorkload, runWorkload, WORKLOAD_DDL, WORKLOAD_TABLES } from '../../test/support/postgres-workload.ts';
import type { RecordedTransaction } from '../../test/support/recording-output.ts';
import { testSeed } from '../../test/support/seed.ts';
import { slotOf } from './names.ts';

const scene = postgresScenes();
const full = process.env.TAILRACE_FULL !== undefined;

function seeded(): Random {
  const seed = testSeed;
  console.log(`resume: seed ${seed} (TAILRACE_SEED)`);
  return new Random(seed);
}

/** A last transaction to wait for. */
async function finish({ client }: Scene): Promise<(follower: Follower) => boolean> {
  await client.query(`insert into plain values (1000000, 0, 'the end', null)`);
  return ({ transactions }) => isEnd(transactions);
}

const isEnd = (transactions: readonly RecordedTransaction[]) =>
  transactions.at(-1)?.rows.at(-1)?.after?.v === 'the end';

/** Two sources on one database, both after their snapshots; then the workload, which is read by neither yet. */
async function recorded(
  random: Random,
  transactions: number,
  saves: (unsaved: readonly RecordedTransaction[]) => boolean = () => true,
) {
  // An idle stream gives no position again: the snapshots must be saved at once.
  let lossy = false;
  const made = await scene(WORKLOAD_TABLES, WORKLOAD_DDL);
  const reference = new Follower({ ...made.options, name: `${made.options.name}_reference` });
  const tried = new Follower(made.options, (unsaved) => !lossy || saves(unsaved));
  for (const follower of [reference, tried]) {
    await follower.run(() => follower.transactions.length === WORKLOAD_TABLES.length);
  }
  lossy = true;
  await runWorkload([await made.connect(), await made.connect()], mixedWorkload(random.uint32(), transactions));
  const ended = await finish(made);
  await reference.run(() => ended(reference));
  return { made, reference, tried, ended: () => ended(tried) };
}

function expectSame(tried: Follower, reference: Follower): void {
  expect(tried.transactions.map(transactionText)).toEqual(reference.transactions.map(transactionText));
}

test('invariant 4: stopped after any transaction, the concatenated output is the same', async () => {
  const random = seeded();
  const { reference, tried, ended } = await recorded(random, full ? 1_000 : 300);
  const total = reference.transactions.length;
  let stops = 0;
  while (!ended()) {
    const next = tried.transactions.length + (full ? 1 : random.between(1, total / 15));
    await tried.run(() => tried.transactions.length >= next || ended());
    stops++;
  }
  expect(stops).toBeGreaterThan(10);
  expectSame(tried, reference);
});

test('invariant 4: killed before the last transactions are durable, they come again, the same', async () => {
  const random = seeded();
  const { made, reference, tried, ended } = await recorded(
    random,
    full ? 1_000 : 200,
    (unsaved) => isEnd(unsaved) || random.chance(0.4),
  );
  const killer = await made.connect();
  let killing: Promise<void> | undefined;
  let kills = 0;
  tried.onDrain = () => killing;
  tried.onPosition = () => {
    // Not for ever: what is not durable comes again, and with it the chance to be killed.
    if (killing !== undefined || kills === 10 || !random.chance(0.1)) return;
    kills++;
    const sql = 'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1';
    killing = killer.query(sql, [`tailrace ${made.options.name}`]).then(() => {
      killing = undefined;
    });
  };
  await tried.run(ended);
  await killing;
  expect(kills).toBeGreaterThan(0);
  expectSame(tried, reference);
});

test('commit records next to each other: acknowledged between them, nothing is lost', async () => {
  const made = await scene(['public.t'], 'create table t (id int primary key)');
  const follower = new Follower(made.options);
  await follower.run(() => follower.transactions.length === 1);
  const [one, other] = [await made.connect(), await made.connect()];
  for (let adjacent = 0, id = 0; adjacent < 3; id += 2) {
    await one.query('begin');
    await other.query('begin');
    await one.query('insert into t values ($1)', [id]);
    await other.query('insert into t values ($1)', [id + 1]);
    await Promise.all([one.query('commit'), other.query('commit')]);
    const before = follower.transactions.length;
    await follower.run(() => follower.transactions.length === before + 1);
    await follower.run(() => follower.transactions.length === before + 2);
    const [first, second] = follower.transactions.slice(-2);
    if (first!.resume!.lsn === second!.position) adjacent++;
    expect(new Set([first!.rows[0]?.after?.id, second!.rows[0]?.after?.id])).toEqual(new Set([`${id}`, `${id + 1}`]));
  }
});

test('the connection is terminated again and again: each transaction comes once', async () => {
  const random = seeded();
  const { made, reference, tried, ended } = await recorded(random, full ? 2_000 : 300);
  const killer = await made.connect();
  let kills = 0;
  let killing: Promise<unknown> = Promise.resolve();
  let next = 0;
  tried.onPosition = () => {
    if (tried.transactions.length < next) return;
    next = tried.transactions.length + random.between(5, 30);
    kills++;
    killing = killing.then(() =>
      killer.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [
        `tailrace ${made.options.name}`,
      ]),
    );
  };
  await tried.run(ended);
  await killing;
  expect(kills).toBeGreaterThan(5);
  expectSame(tried, reference);
});

test('the walsender is killed every 50 ms: it gets on, and each transaction comes once', async () => {
  const { made, reference, tried, ended } = await recorded(seeded(), full ? 3_000 : 300);
  const killer = await made.connect();
  const wanted = full ? 50 : 3;
  let kills = 0;
  const kill = async () => {
    const { rowCount } = await killer.query(
      `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active_pid is not null`,
      [slotOf(made.options)],
    );
    kills += rowCount ?? 0;
  };
  let killing: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    // Then it may come to the end, however slow the machine is.
    if (kills < wanted) killing = killing.then(kill);
  }, 50);
  onTestFinished(() => clearInterval(timer));
  // The workload is read in an instant: a little of it for each connection.
  tried.onDrain = () => (kills < wanted ? new Promise((resolve) => setTimeout(resolve, 5)) : undefined);
  await tried.run(ended);
  clearInterval(timer);
  await killing;
  console.log(`walsender killed ${kills} times, ${tried.transactions.length} transactions`);
  expect(kills).toBeGreaterThanOrEqual(wanted);
  expectSame(tried, reference);
  const { rowCount } = await made.client.query('select from pg_replication_slots where slot_name like $1', [
    `${slotOf(made.options)}%`,
  ]);
  expect(rowCount, 'and no second slot was made').toBe(2);
});

test('the server restarts, cleanly and by a crash: each transaction comes once', async () => {
  const made = await scene(['public.t'], 'create table t (id int primary key)');
  const follower = new Follower(made.options);
  await follower.run(() => follower.transactions.length === 1);
  const insert = async (...ids: number[]) => {
    const writer = new pg.Client(made.url);
    await writer.connect();
    for (const id of ids) await writer.query('insert into t values ($1)', [id]);
    await writer.end();
  };
  const crash = async () => {
    await made.server.kill();
    await made.server.restart();
  };
  for (const [i, end] of [() => made.server.restart(), crash].entries()) {
    const reading = follower.run(() => follower.transactions.length === 1 + 5 * (i + 1));
    await insert(10 * i, 10 * i + 1, 10 * i + 2);
    await end();
    await insert(10 * i + 3, 10 * i + 4);
    await reading;
  }
  const ids = follower.transactions.flatMap(({ rows }) => rows.map(({ after }) => Number(after?.id)));
  expect(ids).toEqual([0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
  expect(follower.breaks).toBeGreaterThan(1);
});
