/** What every store must hold: the pipeline's rules said once more, in SQL, on the shop's own database. */
import { createHash } from 'node:crypto';
import pg from 'pg';
import type { ShopTable } from '../shop/schema.ts';
import type { Rows } from './comparison.ts';

/** Column name → SQL for its canonical text. The first one or two (`keyColumns`) are the key. */
export type Select = Readonly<Record<string, string>>;

const TIMESTAMP = 'YYYY-MM-DD"T"HH24:MI:SS.US';

export const KEY_COLUMNS: Readonly<Record<ShopTable, number>> = {
  products: 1,
  customers: 1,
  orders: 1,
  order_items: 2,
  audit: 1,
};

/** Columns after the source's rules: `password_hash` and `internal_notes` never arrive. */
export const SELECT: Readonly<Record<ShopTable, Select>> = {
  products: {
    id: 'id::text',
    name: 'name',
    price: 'price::text',
    stock: 'stock::text',
    published: 'published::text',
    attributes: 'attributes::text',
    description: 'description',
    updated_at: `to_char(updated_at at time zone 'UTC', '${TIMESTAMP}"Z"')`,
  },
  customers: { id: 'id::text', email: 'email', name: 'name', country: 'country', birthday: 'birthday::text' },
  orders: {
    id: 'id::text',
    customer_id: 'customer_id::text',
    status: 'status',
    total: 'total::text',
    note: 'note',
    created_at: `to_char(created_at, '${TIMESTAMP}')`,
  },
  order_items: {
    order_id: 'order_id::text',
    line: 'line::text',
    product_id: 'product_id::text',
    quantity: 'quantity::text',
    unit_price: 'unit_price::text',
  },
  audit: { id: 'id::text', table: '"table"', op: 'op', key: 'key', txid: 'txid::text', ordinal: 'ordinal::text' },
};

/** `mask: hash` in SQL: HMAC-SHA-256 (RFC 2104) of the text, in hex. */
export function maskedSql(column: string, key: string): string {
  const block = Buffer.alloc(64);
  const bytes = Buffer.from(key);
  (bytes.length > 64 ? createHash('sha256').update(bytes).digest() : bytes).copy(block);
  const pad = (byte: number) => `'\\x${Buffer.from(block.map((value) => value ^ byte)).toString('hex')}'::bytea`;
  return `encode(sha256(${pad(0x5c)} || sha256(${pad(0x36)} || convert_to(${column}, 'UTF8'))), 'hex')`;
}

/** Runs a select of canonical texts. `from` may hold a where clause. */
export async function readRows(client: pg.Client, select: Select, from: string, keyColumns: number): Promise<Rows> {
  const columns = Object.entries(select).map(([name, sql]) => `${sql} as ${pg.escapeIdentifier(name)}`);
  const { rows } = await client.query<(string | null)[]>({
    text: `select ${columns.join(', ')} from ${from}`,
    rowMode: 'array',
  });
  const names = Object.keys(select);
  return new Map(rows.map((row) => [row.slice(0, keyColumns).join('/'), canonical(names, row)]));
}

/** JSON with its keys in order, large texts as their digest: what is left is equal exactly when the values are. */
export function canonical(names: readonly string[], values: readonly (string | null)[]): (string | null)[] {
  return values.map((value, at) => {
    if (value === null || value === undefined) return null;
    if (names[at] === 'attributes') return sortedJson(JSON.parse(value));
    // A computed decimal: its digits count, not its trailing zeros.
    if (names[at] === 'gross') return value.includes('.') ? value.replace(/\.?0+$/, '') : value;
    return value.length > 200 ? createHash('sha256').update(value).digest('hex') : value;
  });
}

function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

export interface Expectation {
  readonly select: Select;
  /** Table with the where clause that stands for the sink's filter. */
  readonly from: string;
  readonly keyColumns: number;
}

/** What the sinks of shop.yaml must hold of a table when they have no rules of their own. */
export function tableExpectation(table: ShopTable, maskKey: string): Expectation {
  const select = table === 'customers' ? { ...SELECT.customers, email: maskedSql('email', maskKey) } : SELECT[table];
  return { select, from: table, keyColumns: KEY_COLUMNS[table] };
}

/** The sink `catalogue`. */
export const CATALOGUE: Expectation = {
  select: {
    id: 'id::text',
    title: 'name',
    price: 'price::text',
    gross: '(price * 1.19)::text',
    stock: 'stock::text',
  },
  from: 'products where published and stock > 0',
  keyColumns: 1,
};

/** The sink `open_orders` of shop-full.yaml. */
export const OPEN_ORDERS: Expectation = {
  select: SELECT.orders,
  from: "orders where status <> 'returned'",
  keyColumns: 1,
};
