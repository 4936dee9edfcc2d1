/** Looks at the rows of target tables, on a connection of its own that changes nothing. The server compares the values. */
import type pg from 'pg';
import type { Change, Column, HeldRow, Row, SinkInspector, SinkOpenOptions, TableSchema } from '../../src/sdk/index.ts';
import { quoteIdentifier as quote } from '../../src/sdk/sql-target/identifiers.ts';
import { fillTemplate } from '../../src/sdk/table-template.ts';
import { heldRow } from '../../src/sdk/target/held-row.ts';
import { keyJson } from '../../src/sdk/target/key-text.ts';
import { keyIndexes, VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import { rowOfKey } from '../../src/sdk/target/row-image.ts';
import { DELETED_AT_COLUMN } from '../../src/sdk/target/soft-delete.ts';
import { checkComparable } from '../../src/sdk/target/table-mode.ts';
import { openClient } from './open-client.ts';
import type { SinkConfig } from './sink-config.ts';
import { asSinkError, refusesRecord } from './sink-errors.ts';
import { TextArray } from './sink-parameters.ts';

const PAGE_ROWS = 1_000;

/** Texts as the log has them, whatever the role has set. */
const SETTINGS =
  "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 1; " +
  "SET bytea_output = 'hex'; SET default_transaction_read_only = on; SET statement_timeout = 0";

const COLUMNS_SQL = `
  SELECT a.attname AS name, format_type(a.atttypid, -1) AS "cast", format_type(a.atttypid, a.atttypmod) AS type,
         a.attgenerated <> '' AS generated
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped`;

interface HeldColumn {
  readonly index: number;
  /** Quoted. */
  readonly name: string;
  readonly cast: string;
  readonly type: string;
}

interface HeldTable {
  /** The rows that are there, as a relation `t`. */
  readonly name: string;
  readonly columns: readonly HeldColumn[];
  readonly keys: readonly HeldColumn[];
}

export async function inspectSink({ config, id }: SinkOpenOptions<SinkConfig>): Promise<SinkInspector> {
  checkComparable(config.mode);
  let client: pg.Client | undefined;
  try {
    client = await openClient({ url: config.url, side: 'sink', applicationName: `tailrace verify ${id}` });
    await client.query(SETTINGS);
    return new PostgresSinkInspector(client, config);
  } catch (error) {
    await client?.end().catch(() => {});
    throw asSinkError(error, { url: config.url });
  }
}

class PostgresSinkInspector implements SinkInspector {
  readonly #client: pg.Client;
  readonly #config: SinkConfig;

  constructor(client: pg.Client, config: SinkConfig) {
    this.#client = client;
    this.#config = config;
  }

  async compare(rows: readonly Change[]): Promise<readonly HeldRow[]> {
    const source = rows[0]!.table;
    const table = await this.#table(source);
    if (table === null) return rows.map(() => ({ state: 'missing' }));
    return this.#compare(
      source,
      table,
      rows.map(({ after }) => after!),
    );
  }

  async holds(source: TableSchema, keys: readonly string[]): Promise<readonly boolean[]> {
    const table = await this.#table(source);
    if (table === null) return keys.map(() => false);
    const found = await this.#present(
      table,
      keys.map((key) => rowOfKey(source, key)),
    );
    return keys.map((_, i) => found.has(i));
  }

  async *keys(source: TableSchema): AsyncIterable<readonly string[]> {
    const table = await this.#table(source);
    if (table === null) return;
    const columns = keyIndexes(source).map((index) => source.columns[index]!);
    const list = table.keys.map(({ name }) => name).join(', ');
    const texts = table.keys.map(({ name }, i) => `${textSql(name, columns[i]!)} AS c${i}, ${name}::text AS k${i}`);
    const places = table.keys.map(({ cast }, i) => `$${i + 1}::${cast}`).join(', ');
    const page = (behind: string) =>
      `SELECT ${texts.join(', ')} FROM ${table.name} ${behind} ORDER BY ${list} LIMIT ${PAGE_ROWS}`;
    let after: readonly (string | undefined)[] = [];
    for (let sql = page(''); ; sql = page(`WHERE (${list}) > (${places})`)) {
      const rows: readonly Record<string, string>[] = (await this.#query<Record<string, string>>(sql, after)).rows;
      if (rows.length > 0)
        yield rows.map((row) =>
          keyJson(
            source,
            columns.map((_, i) => row[`c${i}`]!),
          ),
        );
      if (rows.length < PAGE_ROWS) return;
      const last = rows.at(-1)!;
      after = columns.map((_, i) => last[`k${i}`]);
    }
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => {});
  }

  /** A row that the server cannot read is in the dead letters: it is tried alone, then looked for by its key. */
  async #compare(source: TableSchema, table: HeldTable, rows: readonly Row[]): Promise<readonly HeldRow[]> {
    try {
      const { rows: found } = await this.#client.query<{ place: number; differs: boolean[] }>(
        compareSql(table),
        table.columns.map(({ index }) => arrayOf(rows, index)),
      );
      const held = new Map(found.map(({ place, differs }) => [place, differs]));
      return rows.map((_, i): HeldRow => {
        const differs = held.get(i);
        if (differs === undefined) return { state: 'missing' };
        const columns = table.columns
          .filter((_column, at) => differs[at])
          .map(({ index }) => source.columns[index]!.name);
        return heldRow(columns);
      });
    } catch (error) {
      if (!refusesRecord(error)) throw asSinkError(error, { url: this.#config.url, table: table.name });
      if (rows.length > 1) {
        const middle = rows.length >> 1;
        const first = await this.#compare(source, table, rows.slice(0, middle));
        return [...first, ...(await this.#compare(source, table, rows.slice(middle)))];
      }
      const isThere = (await this.#present(table, rows)).has(0);
      return [isThere ? { state: 'different', columns: [] } : { state: 'missing' }];
    }
  }

  /** Places of the rows whose keys are there. A key that the type cannot hold is not. */
  async #present(table: HeldTable, rows: readonly Row[]): Promise<ReadonlySet<number>> {
    const values = table.keys.map(({ index }) => arrayOf(rows, index));
    try {
      const { rows: found } = await this.#client.query<{ place: number }>(presentSql(table), values);
      return new Set(found.map(({ place }) => place));
    } catch (error) {
      if (!refusesRecord(error)) throw asSinkError(error, { url: this.#config.url, table: table.name });
      if (rows.length <= 1) return new Set();
      const alone = await Promise.all(rows.map((row) => this.#present(table, [row])));
      return new Set(alone.flatMap((one, i) => (one.has(0) ? [i] : [])));
    }
  }

  async #table(source: TableSchema): Promise<HeldTable | null> {
    const schema = this.#config.schema ?? source.schema;
    const name = fillTemplate(this.#config.table, source);
    const { rows } = await this.#query<HeldColumn & { name: string; generated: boolean }>(COLUMNS_SQL, [schema, name]);
    if (!rows.some((column) => column.name === VERSION_COLUMN)) return null;
    const columns = source.columns.flatMap((column, index) => {
      const found = rows.find((one) => one.name === column.name);
      if (found?.generated || (found === undefined && this.#config.schema_changes === 'ignore')) return [];
      const { cast = 'text', type = 'text' } = found ?? {};
      return [{ index, name: found === undefined ? 'NULL' : `t.${quote(column.name)}`, cast, type }];
    });
    const keys = keyIndexes(source).map((index) => columns.find((column) => column.index === index)!);
    const relation = `${quote(schema)}.${quote(name)}`;
    const marks = this.#config.mode === 'soft_delete' && rows.some((column) => column.name === DELETED_AT_COLUMN);
    const there = marks ? `(SELECT * FROM ${relation} WHERE ${quote(DELETED_AT_COLUMN)} IS NULL)` : relation;
    return { name: `${there} t`, columns, keys };
  }

  async #query<T extends pg.QueryResultRow>(sql: string, values: readonly unknown[]) {
    try {
      return await this.#client.query<T>(sql, [...values]);
    } catch (error) {
      throw asSinkError(error, { url: this.#config.url });
    }
  }
}

function arrayOf(rows: readonly Row[], index: number): Buffer {
  const array = new TextArray(rows[0]?.columns ?? [], rows.length * 16);
  for (const row of rows) array.pushValue(row, index);
  return array.finish();
}

/**
 * By the texts of both: many types have no equality, and that of others calls two texts equal. What the column's type makes of a
 * number's digits counts as well.
 */
function compareSql({ name, columns, keys }: HeldTable): string {
  const differs = columns.map((column, i) => {
    const text = (type: string) => `${column.name}::text IS DISTINCT FROM s.c${i}::${type}::text`;
    return column.type.startsWith('numeric(') ? `(${text(column.cast)} AND ${text(column.type)})` : text(column.cast);
  });
  const same = keys.map((key) => `${key.name} = s.c${columns.indexOf(key)}::${key.cast}`);
  return `
    SELECT s.place::int - 1 AS place, ARRAY[${differs.join(', ')}] AS differs
    FROM unnest(${columns.map((_, i) => `$${i + 1}::text[]`).join(', ')}) WITH ORDINALITY
      AS s(${columns.map((_, i) => `c${i}`).join(', ')}, place)
    JOIN ${name} ON ${same.join(' AND ')}`;
}

function presentSql({ name, keys }: HeldTable): string {
  const same = keys.map((key, i) => `${key.name} = s.c${i}::${key.cast}`);
  return `
    SELECT s.place::int - 1 AS place
    FROM unnest(${keys.map((_, i) => `$${i + 1}::text[]`).join(', ')}) WITH ORDINALITY
      AS s(${keys.map((_, i) => `c${i}`).join(', ')}, place)
    JOIN ${name} ON ${same.join(' AND ')}`;
}

/** SQL of the canonical text of a value (row.ts, `RowWriter.text`). */
function textSql(name: string, { kind }: Column): string {
  switch (kind) {
    case 'bool':
      return `CASE WHEN ${name} THEN 'true' ELSE 'false' END`;
    case 'bytes':
      return `translate(encode(${name}, 'base64'), E'\\n', '')`;
    case 'timestamp':
    case 'timestamptz':
      return `CASE WHEN isfinite(${name}) THEN to_char(${name}, 'FMYYYY-MM-DD"T"HH24:MI:SS.US${kind === 'timestamp' ? '' : '"Z"'}') ELSE ${name}::text END`;
    case 'time':
      return `to_char(${name}, 'HH24:MI:SS.US')`;
    default:
      return `format('%s', ${name})`;
  }
}
