/** Looks at the rows of the target file, on a connection of its own that changes nothing. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import type { Change, HeldRow, Kind, Row, SinkInspector, SinkOpenOptions, TableSchema } from '../../src/sdk/index.ts';
import { quoteIdentifier as quote } from '../../src/sdk/sql-target/identifiers.ts';
import { fillTemplate } from '../../src/sdk/table-template.ts';
import { heldRow } from '../../src/sdk/target/held-row.ts';
import { keyJson } from '../../src/sdk/target/key-text.ts';
import { keyIndexes } from '../../src/sdk/target/names.ts';
import { rowOfKey } from '../../src/sdk/target/row-image.ts';
import { DELETED_AT_COLUMN } from '../../src/sdk/target/soft-delete.ts';
import { checkComparable } from '../../src/sdk/target/table-mode.ts';
import type { SqliteConfig } from './config.ts';
import { asSinkError } from './errors.ts';
import { type SqlValue, sqlValue } from './values.ts';

const PAGE_ROWS = 1_000;
/** Statements run in this thread: others get a turn after so many. */
const ROWS_PER_TURN = 200;
const BUSY_MS = 5_000;

type Found = Readonly<Record<string, SqlValue>>;

export async function inspectSqlite({ config }: SinkOpenOptions<SqliteConfig>): Promise<SinkInspector> {
  checkComparable(config.mode);
  const path = resolve(config.path);
  try {
    const database = existsSync(path) ? new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS }) : null;
    return new SqliteInspector(database, path, config);
  } catch (error) {
    throw asSinkError(error, path);
  }
}

class SqliteInspector implements SinkInspector {
  readonly #database: DatabaseSync | null;
  readonly #path: string;
  readonly #config: SqliteConfig;

  constructor(database: DatabaseSync | null, path: string, config: SqliteConfig) {
    this.#database = database;
    this.#path = path;
    this.#config = config;
  }

  #name(table: TableSchema): string {
    return fillTemplate(this.#config.table, table);
  }

  /** The rows that are there, as a relation. */
  #there(table: TableSchema): string {
    const name = quote(this.#name(table));
    const marks =
      this.#config.mode === 'soft_delete' && this.#columns(table).some((one) => one.name === DELETED_AT_COLUMN);
    return marks ? `(SELECT * FROM ${name} WHERE ${quote(DELETED_AT_COLUMN)} IS NULL)` : name;
  }

  async compare(rows: readonly Change[]): Promise<readonly HeldRow[]> {
    const table = rows[0]!.table;
    const unwritten = this.#unwritten(table);
    const columns = table.columns.flatMap(({ name }, i) => (unwritten?.has(fold(name)) ? [] : [i]));
    const held = await this.#rows(
      table,
      columns,
      rows.map(({ after }) => after!),
    );
    return held.map((found, i) => {
      if (found === undefined) return { state: 'missing' };
      const row = rows[i]!.after!;
      const differing = columns.filter((index, at) => !isEqual(sqlValue(row, index), found[`c${at}`]!));
      return heldRow(differing.map((index) => table.columns[index]!.name));
    });
  }

  async holds(table: TableSchema, keys: readonly string[]): Promise<readonly boolean[]> {
    const rows = keys.map((key) => rowOfKey(table, key));
    return (await this.#rows(table, keyIndexes(table), rows)).map((found) => found !== undefined);
  }

  async *keys(table: TableSchema): AsyncIterable<readonly string[]> {
    const rowid = await this.#guarded(() => this.#pageSql(table));
    if (rowid === null) return;
    const kinds = keyIndexes(table).map((index) => table.columns[index]!.kind);
    for (let after: readonly SqlValue[] | null = null; ; ) {
      const rows = await this.#guarded(() => this.#page(rowid, after));
      if (rows.length > 0)
        yield rows.map((row) =>
          keyJson(
            table,
            kinds.map((kind, i) => keyText(row[`c${i}`]!, kind)),
          ),
        );
      if (rows.length < PAGE_ROWS) return;
      const last = rows.at(-1)!;
      after = rowid.keys.map((_, i) => last[`c${i}`]!);
      await turn();
    }
  }

  async close(): Promise<void> {
    if (this.#database?.isOpen) this.#database.close();
  }

  /** Null when the table is not there. */
  #pageSql(table: TableSchema): { first: string; next: string; keys: readonly string[] } | null {
    if (this.#unwritten(table) === null) return null;
    const keys = keyIndexes(table).map((index) => quote(table.columns[index]!.name));
    const list = keys.join(', ');
    const select = `SELECT ${keys.map((key, i) => `${key} AS c${i}`).join(', ')} FROM ${this.#there(table)}`;
    const end = ` ORDER BY ${list} LIMIT ${PAGE_ROWS}`;
    return { first: select + end, next: `${select} WHERE (${list}) > (${keys.map(() => '?').join(', ')})${end}`, keys };
  }

  #page({ first, next }: { first: string; next: string }, after: readonly SqlValue[] | null): readonly Found[] {
    const statement = this.#database!.prepare(after === null ? first : next);
    statement.setReadBigInts(true);
    return statement.all(...(after ?? [])) as unknown as readonly Found[];
  }

  /** What is stored of rows of these keys: columns as `c0`, `c1` …; undefined for those that are not there. */
  async #rows(
    table: TableSchema,
    columns: readonly number[],
    rows: readonly Row[],
  ): Promise<readonly (Found | undefined)[]> {
    const statement = await this.#guarded(() => {
      if (this.#unwritten(table) === null) return null;
      const name = (index: number) => quote(table.columns[index]!.name);
      const keys = keyIndexes(table).map((index) => `${name(index)} = ?`);
      const list = columns.map((index, i) => `${name(index)} AS c${i}`).join(', ');
      return this.#database!.prepare(`SELECT ${list} FROM ${this.#there(table)} WHERE ${keys.join(' AND ')}`);
    });
    statement?.setReadBigInts(true);
    const found: (Found | undefined)[] = [];
    for (const [i, row] of rows.entries()) {
      if (i % ROWS_PER_TURN === ROWS_PER_TURN - 1) await turn();
      const values = keyIndexes(table).map((index) => sqlValue(row, index));
      found.push(await this.#guarded(() => statement?.get(...values) as unknown as Found | undefined));
    }
    return found;
  }

  /** Folded names of columns that are not written; null when the table is not there. */
  #unwritten(table: TableSchema): ReadonlySet<string> | null {
    const columns = this.#columns(table);
    if (columns.length === 0) return null;
    const names = columns.filter(({ hidden }) => Number(hidden) >= 2).map(({ name }) => fold(name));
    if (this.#config.schema_changes !== 'ignore') return new Set(names);
    const there = new Set(columns.map(({ name }) => fold(name)));
    return new Set([...names, ...table.columns.map(({ name }) => fold(name)).filter((name) => !there.has(name))]);
  }

  #columns(table: TableSchema): readonly { readonly name: string; readonly hidden: number }[] {
    if (this.#database === null) return [];
    const sql = 'SELECT name, hidden FROM pragma_table_xinfo(?)';
    return this.#database.prepare(sql).all(this.#name(table)) as unknown as { name: string; hidden: number }[];
  }

  async #guarded<T>(work: () => T): Promise<T> {
    try {
      return work();
    } catch (error) {
      throw asSinkError(error, this.#path);
    }
  }
}

/** Canonical text of a key's value, from what is stored of it. */
function keyText(value: SqlValue, kind: Kind): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return kind === 'bool' ? String(value !== 0n) : String(value);
}

/** As SQLite stores it: of numbers, 1 and 1.0 are two values where the column has no type. */
function isEqual(wanted: SqlValue, held: SqlValue): boolean {
  if (wanted instanceof Uint8Array) return held instanceof Uint8Array && Buffer.compare(wanted, held) === 0;
  if (typeof wanted === 'number' && typeof held === 'bigint')
    return Number.isInteger(wanted) && BigInt(wanted) === held;
  // A column declared TEXT keeps a number's digits.
  if (typeof wanted === 'bigint' && typeof held === 'string') return String(wanted) === held;
  return Object.is(wanted, held);
}

function fold(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
