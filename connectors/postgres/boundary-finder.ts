/** Where the ranges of a table's key end: keys that are some rows apart. What is between them is read later, in one snapshot. */
import type { SqlSession } from './connections.ts';
import type { KeyOrder } from './key-order.ts';
import { type CapturedTable, fromTable } from './publication.ts';
import type { Key } from './snapshot-state.ts';

/** Of the table and, when it has some, of its partitions. */
const BYTES_SQL = `
  SELECT coalesce(sum(pg_table_size(o)), 0)::float8 AS bytes
  FROM (SELECT $1::int8::oid AS o UNION SELECT relid FROM pg_partition_tree($1::int8::oid)) AS tables`;

interface Plan {
  readonly 'QUERY PLAN': readonly { readonly Plan: { readonly 'Plan Rows': number } }[];
}

export class BoundaryFinder {
  readonly #sql: SqlSession;
  readonly #table: CapturedTable;
  readonly #order: KeyOrder;
  /** Found ahead, while rows are read. */
  #ahead: { readonly from: string; readonly bounds: Promise<readonly (Key | null)[]> } | null = null;

  constructor(sql: SqlSession, table: CapturedTable, order: KeyOrder) {
    this.#sql = sql;
    this.#table = table;
    this.#order = order;
  }

  /** How many rows the server thinks that there are. */
  async estimate(where: string | null): Promise<number | null> {
    const rows = where === null ? '' : ` WHERE (${where}\n)`;
    const [row] = await this.#sql.rows<Plan>(`EXPLAIN (FORMAT JSON) SELECT FROM ${fromTable(this.#table)}${rows}`);
    return row?.['QUERY PLAN'][0]?.Plan['Plan Rows'] ?? null;
  }

  /** On the server's disk, what is stored out of line included. */
  async bytes(): Promise<number> {
    const [row] = await this.#sql.rows<{ bytes: number }>(BYTES_SQL, [this.#table.catalog.oid]);
    return row!.bytes;
  }

  /** Ends of up to `count` ranges of `rows` rows behind `from`; the last one is null where the table ends. */
  async bounds(from: Key | null, rows: number, count: number): Promise<readonly (Key | null)[]> {
    const asked = JSON.stringify(from);
    const ahead = this.#ahead;
    this.#ahead = null;
    const bounds = await (ahead?.from === asked ? ahead.bounds : this.#find(from, rows, count));
    const last = bounds.at(-1)!;
    if (last !== null) {
      const next = this.#find(last, rows, count);
      // What goes wrong is told where it is asked for.
      next.catch(() => {});
      this.#ahead = { from: JSON.stringify(last), bounds: next };
    }
    return bounds;
  }

  /** Keys of the next rows behind `from` that the condition holds for, `rows` at most. */
  async keys(from: Key | null, rows: number, where: string): Promise<readonly Key[]> {
    const { row, texts, list } = this.#order;
    const behind = from === null ? '' : ` AND ${row} > ${this.#order.value(from)}`;
    const found = await this.#sql.rows<Record<string, string>>(
      `SELECT ${texts} FROM ${fromTable(this.#table)} WHERE (${where}\n)${behind} ORDER BY ${list} LIMIT ${rows}`,
    );
    return found.map((one) => this.#order.keyOf(one));
  }

  async #find(from: Key | null, rows: number, count: number): Promise<readonly (Key | null)[]> {
    const bounds: (Key | null)[] = [];
    for (let last = from; bounds.length < count && bounds.at(-1) !== null; ) {
      last = await this.#findOne(last, rows);
      bounds.push(last);
    }
    return bounds;
  }

  async #findOne(from: Key | null, rows: number): Promise<Key | null> {
    const { row, texts, list } = this.#order;
    const where = from === null ? '' : ` WHERE ${row} > ${this.#order.value(from)}`;
    const [found] = await this.#sql.rows<Record<string, string>>(
      `SELECT ${texts} FROM ${fromTable(this.#table)}${where} ORDER BY ${list} OFFSET ${rows - 1} LIMIT 1`,
    );
    return found === undefined ? null : this.#order.keyOf(found);
  }
}
