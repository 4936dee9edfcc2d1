/** Looks at the rows of target tables, on a connection of its own that changes nothing. Values are compared as canonical texts. */
import type { Change, Column, HeldRow, Row, SinkInspector, SinkOpenOptions, TableSchema } from '../../src/sdk/index.ts';
import { fillTemplate } from '../../src/sdk/table-template.ts';
import { columnText } from '../../src/sdk/target/column-text.ts';
import { heldRow, unlessRejected } from '../../src/sdk/target/held-row.ts';
import { keyJson } from '../../src/sdk/target/key-text.ts';
import { keyIndexes, VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import { rowOfKey } from '../../src/sdk/target/row-image.ts';
import { DELETED_AT_COLUMN } from '../../src/sdk/target/soft-delete.ts';
import { checkComparable } from '../../src/sdk/target/table-mode.ts';
import { type Connection, connect, query } from './connections.ts';
import { quoteName } from './names.ts';
import { databaseOf, type SinkConfig } from './sink-config.ts';
import { asSinkError } from './sink-errors.ts';
import { literal, sentLiteral } from './sink-values.ts';

const PAGE_ROWS = 1_000;
const STEP_ROWS = 200;

type Found = Readonly<Record<string, string | null>>;

export async function inspectSink({ config }: SinkOpenOptions<SinkConfig>): Promise<SinkInspector> {
  checkComparable(config.mode);
  let connection: Connection | undefined;
  try {
    connection = await connect(config.url);
    await query(connection, `USE ${quoteName(databaseOf(config))}`);
    return new MysqlInspector(connection, config);
  } catch (error) {
    connection?.destroy();
    throw asSinkError(error, config.url);
  }
}

class MysqlInspector implements SinkInspector {
  readonly #connection: Connection;
  readonly #config: SinkConfig;
  /** The table that was looked at last holds marked rows. */
  #marks = false;

  constructor(connection: Connection, config: SinkConfig) {
    this.#connection = connection;
    this.#config = config;
  }

  async compare(rows: readonly Change[]): Promise<readonly HeldRow[]> {
    const { table } = rows[0]!;
    const unwritten = await this.#unwritten(table);
    const columns = table.columns.flatMap(({ name }, i) => (unwritten?.has(name.toLowerCase()) ? [] : [i]));
    const held = await this.#rows(
      table,
      columns,
      rows.map(({ after }) => after!),
      unwritten !== null,
    );
    return held.map((found, i): HeldRow => {
      if (found === undefined) return { state: 'missing' };
      const row = rows[i]!.after!;
      const differing = columns.filter((index) => !isEqual(row, index, found[`c${index}`]!));
      return heldRow(differing.map((index) => table.columns[index]!.name));
    });
  }

  async holds(table: TableSchema, keys: readonly string[]): Promise<readonly boolean[]> {
    const rows = keys.map((key) => rowOfKey(table, key));
    const isThere = (await this.#unwritten(table)) !== null;
    return (await this.#rows(table, keyIndexes(table), rows, isThere)).map((found) => found !== undefined);
  }

  async *keys(table: TableSchema): AsyncIterable<readonly string[]> {
    if ((await this.#unwritten(table)) === null) return;
    const columns = keyIndexes(table).map((index) => table.columns[index]!);
    const names = columns.map(({ name }) => quoteName(name));
    const list = names.join(', ');
    const texts = columns.map((column, i) => `${textSql(column)} AS c${i}`).join(', ');
    let behind = '';
    for (;;) {
      const sql = `SELECT ${texts} FROM ${this.#nameOf(table)} ${behind} ORDER BY ${list} LIMIT ${PAGE_ROWS}`;
      const rows: readonly Found[] = await this.#query(sql);
      const keys = rows.map((row) =>
        keyJson(
          table,
          columns.map((column, i) => canonical(column, row[`c${i}`]!)),
        ),
      );
      if (keys.length > 0) yield keys;
      if (rows.length < PAGE_ROWS) return;
      const last = rowOfKey(table, keys.at(-1)!);
      behind = `WHERE (${list}) > (${keyIndexes(table)
        .map((index) => sentLiteral(last, index))
        .join(', ')})`;
    }
  }

  async close(): Promise<void> {
    this.#connection.destroy();
  }

  /** What is stored of rows of these keys, canonical texts by `c<index>`; undefined for those that are not there. */
  async #rows(table: TableSchema, columns: readonly number[], rows: readonly Row[], isThere: boolean) {
    const found = rows.map((): Found | undefined => undefined);
    const list = columns.map((index) => `${textSql(table.columns[index]!)} AS c${index}`).join(', ');
    const looks = rows.flatMap((row, i) => {
      const where = isThere ? unlessRejected(() => whereOf(table, row)) : null;
      return where === null ? [] : [`SELECT ${i} AS place, ${list} FROM ${this.#nameOf(table)} WHERE ${where}`];
    });
    for (let at = 0; at < looks.length; at += STEP_ROWS) {
      for (const row of await this.#query(looks.slice(at, at + STEP_ROWS).join(' UNION ALL '))) {
        const texts = columns.map((index) => [`c${index}`, row[`c${index}`]!] as const);
        const given = texts.map(([name, text]) => {
          const column = table.columns[Number(name.slice(1))]!;
          return [name, text === null ? null : canonical(column, text)] as const;
        });
        found[Number(row.place)] = Object.fromEntries(given);
      }
    }
    return found;
  }

  /** Names of columns that are not written, in lower case; null when the table is not there or not ours. */
  async #unwritten(table: TableSchema): Promise<ReadonlySet<string> | null> {
    const sql =
      'SELECT column_name AS name, extra AS extra FROM information_schema.columns ' +
      'WHERE table_schema = DATABASE() AND table_name = ?';
    const rows = await this.#query(sql, [fillTemplate(this.#config.table, table)]);
    if (!rows.some(({ name }) => name === VERSION_COLUMN)) return null;
    this.#marks = this.#config.mode === 'soft_delete' && rows.some(({ name }) => name === DELETED_AT_COLUMN);
    const names = new Set(
      rows.flatMap(({ name, extra }) => (/GENERATED/i.test(extra ?? '') ? [name!.toLowerCase()] : [])),
    );
    if (this.#config.schema_changes !== 'ignore') return names;
    const there = new Set(rows.map(({ name }) => name!.toLowerCase()));
    const absent = table.columns.map(({ name }) => name.toLowerCase()).filter((name) => !there.has(name));
    return new Set([...names, ...absent]);
  }

  /** The rows that are there, as a relation. */
  #nameOf(table: TableSchema): string {
    const name = quoteName(fillTemplate(this.#config.table, table));
    return this.#marks ? `(SELECT * FROM ${name} WHERE ${quoteName(DELETED_AT_COLUMN)} IS NULL) t` : `${name} t`;
  }

  async #query(sql: string, values: readonly unknown[] = []): Promise<readonly Found[]> {
    try {
      return await query<Found>(this.#connection, sql, values);
    } catch (error) {
      throw asSinkError(error, this.#config.url);
    }
  }
}

function whereOf(table: TableSchema, row: Row): string {
  return keyIndexes(table)
    .map((index) => `${quoteName(table.columns[index]!.name)} = ${literal(row, index)}`)
    .join(' AND ');
}

/** As a text that tells every value apart: a FLOAT would be shown with six digits. */
function textSql({ name, kind }: Column): string {
  const column = quoteName(name);
  if (kind === 'float32') return `(${column} + 0e0)`;
  return kind === 'bytes' ? `TO_BASE64(${column})` : column;
}

/** The canonical text of what the target holds in a column of this kind. */
function canonical({ kind }: Column, text: string): string {
  switch (kind) {
    case 'bool':
      return text === '0' ? 'false' : 'true';
    case 'bytes':
      return text.replaceAll('\n', '');
    case 'timestamp':
      return text.replace(' ', 'T');
    case 'timestamptz':
      return /\d$/.test(text) ? `${text.replace(' ', 'T')}Z` : text;
    default:
      return text;
  }
}

function isEqual(row: Row, index: number, held: string | null): boolean {
  const { kind } = row.columns[index]!;
  const bytes = columnText(row, index);
  if (bytes === null || bytes === undefined || held === null) return (bytes ?? null) === held;
  const wanted = Buffer.from(bytes).toString();
  if (wanted === held) return true;
  if (kind === 'float64') return Number(wanted) === Number(held);
  if (kind === 'float32') return Math.fround(Number(wanted)) === Math.fround(Number(held));
  // The digits that the column's type adds.
  return kind === 'decimal' && /^-?\d+\.?\d*$/.test(held) && withoutZeros(wanted) === withoutZeros(held);
}

function withoutZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
