/** Plants a loss behind Tailrace's back, to show that the comparison sees one. */
import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import type { Random } from '../shop/random.ts';
import type { Stores } from './compare-all.ts';
import { withPostgres } from './stores.ts';

/** Removes one row from one store, both chosen by `random`. Resolves to what it did. */
export async function dropOne(stores: Stores, random: Random): Promise<string> {
  const ways: (() => string | Promise<string>)[] = [
    () => dropFromWarehouse(stores, random),
    () => dropFromSqlite(stores.ledgerFile, 'orders', random),
    () => dropFromSqlite(stores.catalogueFile, 'products', random),
    () => dropLine(stores.auditFile, random),
  ];
  const { redisUrl, elasticsearchUrl } = stores;
  if (redisUrl !== null) ways.push(() => dropFromRedis(redisUrl, random));
  if (elasticsearchUrl !== null) ways.push(() => dropDocument(elasticsearchUrl));
  return random.pick(ways)();
}

function dropFromWarehouse(stores: Stores, random: Random): Promise<string> {
  const table = random.pick(['products', 'customers', 'orders', 'audit']);
  return withPostgres(stores.warehouseUrl, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `delete from ${table} where id = (select id from ${table} order by id offset floor($1::float8 * (select count(*) from ${table})) limit 1)
       returning id`,
      [random.unit()],
    );
    return `warehouse ${table}: row ${rows[0]?.id} removed`;
  });
}

function dropFromSqlite(path: string, table: string, random: Random): string {
  const database = new DatabaseSync(path);
  try {
    const { n } = database.prepare(`select count(*) as n from "${table}"`).get() as { n: number };
    const at = random.between(0, n - 1);
    const { id } = database.prepare(`select id from "${table}" order by id limit 1 offset ?`).get(at) as { id: number };
    database.prepare(`delete from "${table}" where id = ?`).run(id);
    return `${path} ${table}: row ${id} removed`;
  } finally {
    database.close();
  }
}

function dropLine(path: string, random: Random): string {
  const lines = readFileSync(path, 'utf8').split('\n');
  const at = random.between(0, lines.length - 2);
  lines.splice(at, 1);
  writeFileSync(path, lines.join('\n'));
  return `${path}: line ${at + 1} removed`;
}

async function dropFromRedis(url: string, random: Random): Promise<string> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1 });
  try {
    const key = random.pick((await redis.keys('product:*')).sort());
    await redis.del(key);
    return `cache: key ${key} removed`;
  } finally {
    redis.disconnect();
  }
}

async function dropDocument(url: string): Promise<string> {
  const found = await fetch(`${url}/products/_search?size=1`);
  const { hits } = (await found.json()) as { hits: { hits: { _id: string }[] } };
  const id = hits.hits[0]?._id ?? '';
  await fetch(`${url}/products/_doc/${encodeURIComponent(id)}?refresh=true`, { method: 'DELETE' });
  return `search: document ${id} removed`;
}
