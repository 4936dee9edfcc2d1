/** The line breaks at any byte: in the login, in catalog queries, in the snapshot, in the stream. */

import type pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { CuttingProxy } from '../../test/support/cutting-proxy.ts';
import { foldChanges } from '../../test/support/fold-changes.ts';
import { Follower, transactionText } from '../../test/support/postgres-follower.ts';
import { postgresScenes, type Scene, sourceOptions } from '../../test/support/postgres-source.ts';
import { mixedWorkload, runWorkload, WORKLOAD_DDL, WORKLOAD_TABLES } from '../../test/support/postgres-workload.ts';
import type { RecordedTransaction } from '../../test/support/recording-output.ts';
import { ReplicationCutter } from '../../test/support/replication-cutter.ts';
import { testSeed } from '../../test/support/seed.ts';

const scene = postgresScenes();
const full = process.env.TAILRACE_FULL !== undefined;
const KEYS = { 'public.pair': ['y', 'x'], 'public.coded': ['code'] };

function seeded(): Random {
  const seed = testSeed;
  console.log(`cuts: seed ${seed} (TAILRACE_SEED)`);
  return new Random(seed);
}

async function throughProxy(made: Scene) {
  const proxy = await CuttingProxy.start(made.server.port);
  onTestFinished(() => proxy.close());
  const url = made.url.replace(`:${made.server.port}/`, `:${proxy.port}/`);
  return { proxy, options: sourceOptions(url, made.options.name, made.options.tables) };
}

/** Mostly within a login or a catalog query; further and further while nothing gets through. */
function distances(random: Random, through: () => number): () => number {
  let limit = 20_000;
  let seen = -1;
  return () => {
    limit = through() > seen ? 20_000 : limit * 2;
    seen = through();
    return random.between(1, limit);
  };
}

const finish = (client: pg.Client) => client.query(`insert into plain values (1000000, 0, 'the end', null)`);
const ended = ({ transactions }: Follower) => transactions.at(-1)?.rows.at(-1)?.after?.v === 'the end';

test('invariant 4: the stream cut at random bytes gives the same transactions, each once', async () => {
  const random = seeded();
  const made = await scene(WORKLOAD_TABLES, WORKLOAD_DDL);
  const reference = new Follower({ ...made.options, name: 'reference' });
  const { proxy, options } = await throughProxy(made);
  const tried = new Follower(options);
  for (const one of [reference, tried]) await one.run(() => one.transactions.length === WORKLOAD_TABLES.length);
  proxy.cutEvery(distances(random, () => tried.transactions.length));
  await runWorkload([made.client, await made.connect()], mixedWorkload(random.uint32(), full ? 3_000 : 200));
  await finish(made.client);
  await reference.run(() => ended(reference));
  await tried.run(() => ended(tried));
  expect(proxy.cuts).toBeGreaterThan(2);
  expect(tried.transactions.map(transactionText)).toEqual(reference.transactions.map(transactionText));
});

test('invariant 4: the connection cut after every byte of a stream: the same transactions, each once', async () => {
  const random = seeded();
  const made = await scene(WORKLOAD_TABLES, WORKLOAD_DDL);
  const reference = new Follower({ ...made.options, name: `${made.options.name}_reference` });
  const proxy = await ReplicationCutter.start(made.server.port);
  onTestFinished(() => proxy.close());
  const url = made.url.replace(`:${made.server.port}/`, `:${proxy.port}/`);
  const tried = new Follower(sourceOptions(url, made.options.name, made.options.tables));
  for (const one of [reference, tried]) await one.run(() => one.transactions.length === WORKLOAD_TABLES.length);
  await runWorkload([made.client, await made.connect()], mixedWorkload(random.uint32(), full ? 2 : 3));
  await finish(made.client);
  await reference.run(() => ended(reference));
  // Each connection brings a byte more than the one before (some, in a sample), until a transaction is through.
  const step = () => (full ? 1 : random.between(100, 1_000));
  for (let limit = step(), before = -1; !ended(tried); limit += step()) {
    if (tried.transactions.length > before) limit = step();
    before = tried.transactions.length;
    proxy.limit = limit;
    const { breaks } = tried;
    await tried.run(() => tried.breaks > breaks || ended(tried));
  }
  console.log(`every byte: ${proxy.cuts} cuts, ${tried.transactions.length} transactions`);
  expect(proxy.cuts).toBeGreaterThan(full ? 1_500 : 4);
  expect(tried.transactions.map(transactionText)).toEqual(reference.transactions.map(transactionText));
});

test('invariant 3: the snapshot cut at random bytes, beside a workload: the output gives the tables', async () => {
  const random = seeded();
  const made = await scene(WORKLOAD_TABLES, WORKLOAD_DDL);
  await made.client.query(`insert into plain select i, i, 'many', null from generate_series(1001, 4000) i`);
  const { proxy, options } = await throughProxy(made);
  const follower = new Follower(options);
  proxy.cutEvery(distances(random, () => follower.transactions.length));
  const isSnapshot = ({ kind }: RecordedTransaction) => kind === 'snapshot';
  const reading = follower.run(() => follower.transactions.filter(isSnapshot).length === WORKLOAD_TABLES.length);
  await runWorkload([await made.connect(), await made.connect()], mixedWorkload(random.uint32(), full ? 2_000 : 200));
  await reading;
  await finish(made.client);
  await follower.run(() => ended(follower));
  expect(proxy.cuts).toBeGreaterThan(0);
  const snapshots = follower.transactions.filter(isSnapshot);
  expect(snapshots.flatMap(({ markers }) => markers).sort()).toEqual(
    WORKLOAD_TABLES.flatMap((table) => [`snapshot-begin ${table}`, `snapshot-end ${table}`]).sort(),
  );
  await expectTables(made.client, follower);
});

async function expectTables(client: pg.Client, { transactions }: Follower): Promise<void> {
  const folded = foldChanges(transactions, KEYS);
  for (const table of WORKLOAD_TABLES) {
    const { rows } = await client.query(`select * from ${table.replace('full', '"full"')}`);
    const texts = rows.map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)])),
    );
    const byText = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    expect([...(folded.get(table)?.values() ?? [])].sort(byText), table).toEqual(texts.sort(byText));
  }
}
