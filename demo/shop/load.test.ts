import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testSeed } from '../../test/support/seed.ts';
import { type PostgresServer, startPostgres } from '../servers/postgres.ts';
import { ShopLoad } from './load.ts';
import { Random } from './random.ts';
import { createShop } from './schema.ts';

const SEED = testSeed;
let server: PostgresServer;
let client: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
  client = new pg.Client({ connectionString: server.url });
  await client.connect();
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
});

async function number(sql: string): Promise<number> {
  return Number((await client.query<{ n: string }>(`select (${sql}) as n`)).rows[0]?.n);
}

async function loadUntil(done: (load: ShopLoad) => boolean): Promise<ReturnType<ShopLoad['counts']>> {
  const load = await ShopLoad.start({ url: server.url, seed: SEED, rate: 5_000 });
  const deadline = Date.now() + 30_000;
  while (!done(load) && Date.now() < deadline) {
    await Promise.race([load.ended, new Promise((resolve) => setTimeout(resolve, 20))]);
  }
  return load.stop();
}

test('does everything a shop does to its rows, goes on after a restart, and the audit tells all of it', async () => {
  console.log(`seed ${SEED} (TAILRACE_SEED)`);
  expect(await createShop(server.url, SEED, { products: 400, customers: 300, orders: 300 })).toBe(true);
  expect(await createShop(server.url, SEED, { products: 400, customers: 300, orders: 300 })).toBe(false);
  expect(await number('select min(length(description)) from products')).toBeGreaterThan(10_000);
  const seeded = await number('select count(*) from audit');
  expect(seeded).toBe(400 + 300 + 300 + 600);

  const enough = (load: ShopLoad) => {
    const { transactions, deletes, keyChanges, bulk, rollbacks } = load.counts();
    return transactions > 600 && bulk >= 2 && deletes > 10 && keyChanges > 5 && rollbacks > 3;
  };
  const first = await loadUntil(enough);
  const second = await loadUntil(enough);
  for (const counts of [first, second]) {
    expect(counts.transactions).toBeGreaterThan(600);
    expect(counts.inserts).toBeGreaterThan(counts.deletes);
  }
  const rows = [first, second].reduce((sum, c) => sum + c.inserts + c.updates + c.deletes + c.keyChanges, 0);
  // Cascades to order_items are audited and not counted.
  expect((await number('select count(*) from audit')) - seeded).toBeGreaterThanOrEqual(rows);
  expect(await number('select max(ordinal) from audit')).toBeGreaterThan(200);
  const gaps = 'select count(*) from (select txid from audit group by txid having max(ordinal) <> count(*)) broken';
  expect(await number(gaps)).toBe(0);
  // What is there has a last change that is not its delete.
  const orphans = `select count(*) from customers c where coalesce((select op from audit where "table" = 'customers'
    and key = c.id::text order by id desc limit 1), 'd') = 'd'`;
  expect(await number(orphans)).toBe(0);
});

test('random numbers repeat with their seed and differ between streams', () => {
  const draw = (seed: number, stream: number) => {
    const random = new Random(seed, stream);
    return Array.from({ length: 200 }, () => random.between(3, 7));
  };
  expect(draw(1, 0)).toEqual(draw(1, 0));
  expect(draw(1, 0)).not.toEqual(draw(1, 1));
  expect(draw(1, 0)).not.toEqual(draw(2, 0));
  expect([...new Set(draw(1, 0))].sort()).toEqual([3, 4, 5, 6, 7]);
});
