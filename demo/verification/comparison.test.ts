/** The comparison on stores made without Tailrace: right ones are equal, and every kind of wrong one is seen. */
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../servers/postgres.ts';
import { ShopLoad } from '../shop/load.ts';
import { Random } from '../shop/random.ts';
import { createShop, TABLES } from '../shop/schema.ts';
import { compareAll, type Stores } from './compare-all.ts';
import { isEqual, report } from './comparison.ts';
import { CATALOGUE, type Expectation, maskedSql, tableExpectation } from './expected.ts';
import { dropOne } from './sabotage.ts';
import { withPostgres } from './stores.ts';

const KEY = 'a key';
let server: PostgresServer;
let stores: Stores;
let directory: string;

beforeAll(async () => {
  server = await startPostgres();
  directory = mkdtempSync(join(tmpdir(), 'tailrace-compare-'));
  stores = {
    shopUrl: await server.createDatabase('shop'),
    warehouseUrl: '',
    catalogueFile: join(directory, 'catalogue.db'),
    ledgerFile: join(directory, 'ledger.db'),
    auditFile: join(directory, 'audit.jsonl'),
    archiveFile: join(directory, 'archive.jsonl'),
    redisUrl: null,
    elasticsearchUrl: null,
  };
  await createShop(stores.shopUrl, 7, { products: 120, customers: 80, orders: 60 });
  const load = await ShopLoad.start({ url: stores.shopUrl, seed: 7, rate: 5_000 });
  while (load.counts().transactions < 200) {
    await Promise.race([load.ended, new Promise((resolve) => setTimeout(resolve, 20))]);
  }
  await load.stop();
});

afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

let copies = 0;
/** Fresh, right stores. */
beforeEach(async () => {
  const warehouseUrl = await server.createDatabase(`warehouse ${++copies}`);
  stores = { ...stores, warehouseUrl };
  await withPostgres(stores.shopUrl, async (shop) => {
    await withPostgres(warehouseUrl, (warehouse) => copyToWarehouse(shop, warehouse));
    await fillSqlite(shop, stores.catalogueFile, { products: CATALOGUE });
    const ledger = { customers: tableExpectation('customers', KEY), orders: tableExpectation('orders', KEY) };
    await fillSqlite(shop, stores.ledgerFile, { ...ledger, order_items: tableExpectation('order_items', KEY) });
    writeFileSync(stores.auditFile, await jsonLines(shop, 'audit'));
    let all = '';
    for (const table of TABLES) all += await jsonLines(shop, table);
    writeFileSync(stores.archiveFile, all);
  });
});

async function copyToWarehouse(shop: pg.Client, warehouse: pg.Client): Promise<void> {
  for (const table of TABLES) {
    const { rows } = await shop.query<{ name: string; type: string }>(
      `select quote_ident(attname) as name, format_type(atttypid, atttypmod) as type from pg_attribute
       where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
      [table],
    );
    await warehouse.query(`create table ${table} (${rows.map(({ name, type }) => `${name} ${type}`).join(', ')})`);
    const { rows: data } = await shop.query(`select coalesce(json_agg(t), '[]')::text as all from ${table} t`);
    await warehouse.query(`insert into ${table} select * from json_populate_recordset(null::${table}, $1)`, [
      data[0].all,
    ]);
  }
  await warehouse.query(`update customers set email = ${maskedSql('email', KEY)}`);
}

async function fillSqlite(shop: pg.Client, path: string, tables: Record<string, Expectation>): Promise<void> {
  rmSync(path, { force: true });
  const database = new DatabaseSync(path);
  for (const [table, { select, from }] of Object.entries(tables)) {
    const names = Object.keys(select);
    database.exec(`create table "${table}" (${names.map((name) => `"${name}" text`).join(', ')})`);
    const insert = database.prepare(`insert into "${table}" values (${names.map(() => '?').join(', ')})`);
    const { rows } = await shop.query({
      text: `select ${Object.values(select).join(', ')} from ${from}`,
      rowMode: 'array',
    });
    for (const row of rows as (string | null)[][]) insert.run(...row);
  }
  database.close();
}

/** As the file sink writes rows of a snapshot. */
async function jsonLines(shop: pg.Client, table: (typeof TABLES)[number]): Promise<string> {
  const { select, from } = tableExpectation(table, KEY);
  const pairs = Object.entries(select).map(([name, sql]) => `'${name}', ${sql}`);
  const { rows } = await shop.query<{ line: string }>(
    `select json_build_object('op', 'c', 'table', 'public.${table}', 'before', null,
       'after', json_build_object(${pairs.join(', ')}))::text as line from ${from} order by 1`,
  );
  const lines = rows.map(({ line }) => line);
  if (table === 'audit') lines.sort((a, b) => Number(JSON.parse(a).after.id) - Number(JSON.parse(b).after.id));
  return lines.map((line) => `${line}\n`).join('');
}

async function differences(): Promise<string> {
  const comparisons = await compareAll(stores, KEY);
  return comparisons.every(isEqual) ? '' : report(comparisons);
}

test('the mask in SQL is HMAC-SHA-256', async () => {
  for (const key of ['k', 'x'.repeat(100)]) {
    const { rows } = await withPostgres(stores.shopUrl, (client) =>
      client.query(`select email, ${maskedSql('email', key)} as masked from customers limit 5`),
    );
    for (const { email, masked } of rows) expect(masked).toBe(createHmac('sha256', key).update(email).digest('hex'));
  }
});

test('right stores are equal', async () => {
  expect(await differences()).toBe('');
});

test('a dropped row is seen, whichever store it was in', async () => {
  const seen = new Set<string>();
  for (let seed = 1; seen.size < 4; seed++) {
    const what = await dropOne(stores, new Random(seed));
    const where = what.replace(/ (audit|customers|orders|products): .*|: .*/, '');
    if (seen.has(where)) continue;
    seen.add(where);
    const found = await differences();
    expect(found, what).toMatch(/NOT EQUAL/);
    expect(found, what).toMatch(/missing \d/);
  }
});

test('a changed value, an unexpected row and a wrong key are seen, and values are not printed', async () => {
  await withPostgres(stores.warehouseUrl, async (client) => {
    await client.query("update products set description = 'gone wrong' where id = 3");
    await client.query('update orders set id = 777777 where id = (select min(id) from orders)');
    await client.query("update audit set op = 'x' where id = 5");
  });
  const found = await differences();
  expect(found).toMatch(/warehouse products: different 3\n/);
  expect(found).toMatch(/warehouse orders: unexpected 777777\n/);
  expect(found).toMatch(/warehouse audit: different 5\n/);
  expect(found).not.toMatch(/gone wrong/);
});

test('a repeated line, two lines of one key in the wrong order, a damaged archive are seen', async () => {
  const lines = readFileSync(stores.auditFile, 'utf8').trimEnd().split('\n');
  writeFileSync(stores.auditFile, `${[...lines, lines[3]].join('\n')}\n`);
  expect(await differences()).toMatch(/audit file: wrong 1 more than once: 4/);
  const key = (line: string | undefined) => JSON.parse(line ?? '{}').after;
  const second = lines.findIndex((line, at) =>
    lines.slice(0, at).some((earlier) => key(earlier).table === key(line).table && key(earlier).key === key(line).key),
  );
  const moved = [lines[second], ...lines.slice(0, second), ...lines.slice(second + 1)];
  writeFileSync(stores.auditFile, `${moved.join('\n')}\n`);
  expect(await differences()).toMatch(/audit file: wrong 1 out of order/);
  writeFileSync(stores.auditFile, `${lines.join('\n')}\n`);
  const archive = readFileSync(stores.archiveFile, 'utf8').split('\n');
  writeFileSync(stores.archiveFile, archive.slice(1).join('\n'));
  expect(await differences()).toMatch(/archive products, folded: missing \d/);
});
