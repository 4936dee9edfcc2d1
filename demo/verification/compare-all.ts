/** Every store of the demo against the shop. */
import { MASK_KEY, type ShopEnvironment } from '../environment.ts';
import { TABLES } from '../shop/schema.ts';
import { compareAudit, foldTable } from './audit-file.ts';
import { type Comparison, compareRows, type Rows } from './comparison.ts';
import { CATALOGUE, OPEN_ORDERS, tableExpectation } from './expected.ts';
import { readElasticsearch, readPostgres, readRedisHashes, readSqlite, withPostgres } from './stores.ts';

export type Stores = Pick<
  ShopEnvironment,
  | 'shopUrl'
  | 'warehouseUrl'
  | 'catalogueFile'
  | 'ledgerFile'
  | 'auditFile'
  | 'archiveFile'
  | 'redisUrl'
  | 'elasticsearchUrl'
>;

const LEDGER = ['customers', 'orders', 'order_items'] as const;

export async function compareAll(stores: Stores, maskKey = MASK_KEY): Promise<Comparison[]> {
  const found: Comparison[] = [];
  const expected = new Map<string, Rows>();
  for (const table of TABLES) {
    const expectation = tableExpectation(table, maskKey);
    const rows = await readPostgres(stores.shopUrl, expectation);
    expected.set(table, rows);
    // The rule has been applied there already.
    const select = table === 'customers' ? { ...expectation.select, email: 'email' } : expectation.select;
    found.push(
      compareRows(`warehouse ${table}`, rows, await readPostgres(stores.warehouseUrl, { ...expectation, select })),
    );
  }
  const rowsOf = (table: string) => expected.get(table) ?? new Map();
  const catalogue = await readPostgres(stores.shopUrl, CATALOGUE);
  const titles = Object.keys(CATALOGUE.select);
  found.push(compareRows('catalogue products', catalogue, readSqlite(stores.catalogueFile, 'products', titles, 1)));
  for (const table of LEDGER) {
    const { select, keyColumns } = tableExpectation(table, maskKey);
    const actual = readSqlite(stores.ledgerFile, table, Object.keys(select), keyColumns);
    found.push(compareRows(`ledger ${table}`, rowsOf(table), actual));
  }
  found.push(await compareAudit('audit file', rowsOf('audit'), stores.auditFile));
  for (const table of TABLES) {
    const { select, keyColumns } = tableExpectation(table, maskKey);
    const actual = await foldTable(stores.archiveFile, table, Object.keys(select), keyColumns);
    found.push(compareRows(`archive ${table}, folded`, rowsOf(table), actual));
  }
  return [...found, ...(await compareFull(stores, rowsOf('products'), maskKey))];
}

async function compareFull(
  { shopUrl, redisUrl, elasticsearchUrl }: Stores,
  products: Rows,
  maskKey: string,
): Promise<Comparison[]> {
  const columns = Object.keys(tableExpectation('products', maskKey).select);
  const found: Comparison[] = [];
  if (redisUrl !== null) {
    found.push(compareRows('cache products', products, await readRedisHashes(redisUrl, 'product:', columns)));
  }
  if (elasticsearchUrl !== null) {
    const search = await readElasticsearch(elasticsearchUrl, 'products', columns, 1);
    found.push(compareRows('search products', products, search));
    const open = await readPostgres(shopUrl, OPEN_ORDERS);
    const actual = await readElasticsearch(elasticsearchUrl, 'open-orders', Object.keys(OPEN_ORDERS.select), 1);
    found.push(compareRows('open_orders', open, actual));
  }
  return found;
}

/** Where the last row written must arrive before a comparison makes sense. */
export async function sentinelArrived(stores: Stores, id: number): Promise<boolean> {
  return withPostgres(stores.warehouseUrl, async (client) => {
    const { rows } = await client.query(
      `select (select count(*) from products where id = $1) + (select count(*) from customers where id = $1)
        + (select count(*) from orders where id = $1) + (select count(*) from order_items where order_id = $1) as found`,
      [id],
    );
    return Number(rows[0]?.found) === 4;
  }).catch(() => false);
}
