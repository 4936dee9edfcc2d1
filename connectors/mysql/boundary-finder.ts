/** Where the ranges of a table's key end: keys that are some rows apart. What is between them is read later, in one snapshot. */
import type { CatalogTable } from './catalog.ts';
import { type ColumnText, columnExpression, columnText } from './column-text.ts';
import type { SqlSession } from './connections.ts';
import type { Key, KeyOrder } from './key-order.ts';
import { KeyTexts } from './key-texts.ts';
import { quoteTable, type TableName } from './names.ts';
import { ResultSet } from './result-set.ts';
import type { TextConnection } from './text-connection.ts';

export interface TableSize {
  readonly rows: number | null;
  readonly bytes: number;
}

/** What the server thinks; it asks its indexes. */
export async function estimate(
  sql: SqlSession,
  table: TableName,
  where: string | null,
  flavor: 'mysql' | 'mariadb',
): Promise<TableSize> {
  const such = where === null ? '' : ` WHERE (${where}\n)`;
  const explain = flavor === 'mysql' ? 'EXPLAIN FORMAT = TRADITIONAL' : 'EXPLAIN';
  const plan = await sql.rows<{ rows: string | null }>(`${explain} SELECT * FROM ${quoteTable(table)}${such}`);
  const [size] = await sql.rows<{ bytes: string | null }>(
    'SELECT data_length AS bytes FROM information_schema.tables WHERE table_schema = ? AND table_name = ?',
    [table.schema, table.table],
  );
  const rows = plan[0]?.rows ?? null;
  return { rows: rows === null ? null : Number(rows), bytes: Number(size?.bytes ?? 0) };
}

export class BoundaryFinder {
  readonly #connection: TextConnection;
  readonly #table: TableName;
  readonly #order: KeyOrder;
  readonly #texts: readonly ColumnText[];
  readonly #list: string;
  readonly #collected = new KeyTexts();

  constructor(connection: TextConnection, table: TableName, { columns }: CatalogTable, order: KeyOrder) {
    const keys = order.names.map((name) => columns.find((column) => column.name === name)!);
    this.#connection = connection;
    this.#table = table;
    this.#order = order;
    this.#texts = keys.map(columnText);
    this.#list = keys.map(columnExpression).join(', ');
  }

  /** End of a range of so many rows behind `from`; null where the table ends. */
  async next(from: Key | null, rows: number, where: string | null): Promise<Key | null> {
    const behind = this.#order.within(from, null);
    const conditions = [where === null ? null : `(${where}\n)`, behind].filter((one) => one !== null);
    const such = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
    let found: Key | null = null;
    await this.#connection.run(
      `SELECT ${this.#list} FROM ${quoteTable(this.#table)} FORCE INDEX (PRIMARY)${such}
       ORDER BY ${this.#order.list} LIMIT ${rows - 1}, 1`,
      (buf, at, to) => {
        ResultSet.write(this.#collected, this.#texts, buf, at, to);
        found = this.#collected.take();
      },
    );
    return found;
  }
}
