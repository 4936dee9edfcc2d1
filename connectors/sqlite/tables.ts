/** Target tables and their prepared statements. Tables are made and widened, never narrowed; nothing is dropped. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { keyColumns, type Logger, type TableSchema, TailraceError } from '../../src/sdk/index.ts';
import { quoteIdentifier as quote } from '../../src/sdk/sql-target/identifiers.ts';
import { fillTemplate } from '../../src/sdk/table-template.ts';
import { deletesByItself, needsItsRows } from '../../src/sdk/target/cascades.ts';
import { keyIndexes, sourceTableName, TargetNames, VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import { SchemaChanges } from '../../src/sdk/target/schema-policy.ts';
import { DELETED_AT_COLUMN } from '../../src/sdk/target/soft-delete.ts';
import type { SqliteConfig } from './config.ts';
import { holds, typeOf } from './values.ts';

const VERSION = quote(VERSION_COLUMN);
const DELETED_AT = quote(DELETED_AT_COLUMN);

type TableOptions = Pick<SqliteConfig, 'table' | 'mode' | 'schema_changes'>;

interface CatalogColumn {
  readonly name: string;
  readonly type: string;
  readonly pk: bigint | number;
  /** 2 and 3: generated columns. */
  readonly hidden: bigint | number;
}

export class TargetTables {
  readonly #database: DatabaseSync;
  readonly #names = new TargetNames({ fold });
  readonly #known = new Map<string, TargetTable>();
  readonly #config: TableOptions;
  readonly #changes: SchemaChanges;

  constructor(database: DatabaseSync, config: TableOptions, log: Logger) {
    this.#database = database;
    this.#config = config;
    this.#changes = new SchemaChanges(config.schema_changes, log);
  }

  /** Makes the table ready for rows of this description, inside the open transaction. */
  ensure(described: TableSchema): TargetTable {
    const identity = `${described.source}\0${described.schema}\0${described.table}\0${described.id}`;
    let target = this.#known.get(identity);
    if (target !== undefined) return target;
    const table = { ...described, table: fillTemplate(this.#config.table, described) };
    this.#names.claim(table.table, described);
    const before = this.#columns(table);
    if (before.length === 0) this.#create(table);
    else this.#widen(table, before);
    this.#changes.described(quote(table.table), table);
    const after = this.#columns(table);
    this.#check(table, after, sourceTableName(described));
    if (needsItsRows(table)) this.#checkCascades(table);
    const written = new Set(after.filter(({ hidden }) => Number(hidden) < 2).map(({ name }) => fold(name)));
    const indexes = table.columns.flatMap(({ name }, index) => (written.has(fold(name)) ? [index] : []));
    target = new TargetTable(this.#database, table, {
      columns: indexes,
      marksDeletes: this.#config.mode === 'soft_delete',
    });
    this.#known.set(identity, target);
    return target;
  }

  #columns({ table }: TableSchema): readonly CatalogColumn[] {
    const sql = 'SELECT name, type, pk, hidden FROM pragma_table_xinfo(?)';
    return this.#database.prepare(sql).all(table) as unknown as CatalogColumn[];
  }

  #create(table: TableSchema): void {
    const keys = keyColumns(table).map(({ name }) => quote(name));
    const lines = table.columns.map((column) => {
      const notNull = column.keyOrdinal === undefined ? '' : ' NOT NULL';
      return `${quote(column.name)} ${typeOf(column)}${notNull}`;
    });
    lines.push(`${VERSION} INTEGER NOT NULL`);
    if (keys.length > 0) lines.push(`PRIMARY KEY (${keys.join(', ')})`);
    this.#database.exec(`CREATE TABLE ${quote(table.table)} (\n${lines.join(',\n')}\n)`);
  }

  #widen(table: TableSchema, present: readonly CatalogColumn[]): void {
    const has = new Set(present.map(({ name }) => fold(name)));
    const target = quote(table.table);
    const types = new Map(table.columns.map((column) => [column.name, typeOf(column)]));
    const names = [...types.keys(), VERSION_COLUMN].filter((name) => !has.has(fold(name)));
    // Rows that were there before us are older than any change.
    const typeIn = (name: string) => types.get(name) ?? 'INTEGER NOT NULL DEFAULT 0';
    const add = (name: string) => `ALTER TABLE ${target} ADD COLUMN ${quote(name)} ${typeIn(name)};`;
    const statement = (columns: readonly string[]) => columns.map(add).join(' ');
    for (const name of this.#changes.toAdd({ table, target, names, statement })) this.#database.exec(add(name));
  }

  #check(table: TableSchema, present: readonly CatalogColumn[], source: string): void {
    for (const column of table.columns) {
      const type = present.find(({ name }) => fold(name) === fold(column.name))?.type;
      if (type === undefined || holds(type, column)) continue;
      throw new TailraceError(
        'sink.not_ready',
        `column "${column.name}" of table "${table.table}" is declared ${type} and would change values of the ` +
          `${column.native} of ${source}`,
        { remedy: `make the table again with "${column.name}" declared ${typeOf(column) || 'BLOB'}, then replay` },
      );
    }
    const keys = keyColumns(table).map(({ name }) => fold(name));
    if (keys.length === 0 || this.#isUnique(table, keys, present)) return;
    const list = keyColumns(table).map(({ name }) => quote(name));
    throw new TailraceError('sink.not_ready', `table "${table.table}" has no unique index over the source's key`, {
      remedy: `CREATE UNIQUE INDEX ${quote(`${table.table}_key`)} ON ${quote(table.table)} (${list.join(', ')});`,
    });
  }

  #checkCascades({ table }: TableSchema): void {
    const sql = `SELECT id, "from" AS name FROM pragma_foreign_key_list(?) WHERE on_delete = 'CASCADE'`;
    const found = this.#database.prepare(sql).get(table) as { id: number; name: string } | undefined;
    if (found === undefined) return;
    const remedy = `make the table again with the foreign key of ${quote(found.name)} without ON DELETE CASCADE`;
    throw deletesByItself(quote(table), quote(found.name), remedy);
  }

  #isUnique({ table }: TableSchema, keys: readonly string[], present: readonly CatalogColumn[]): boolean {
    const sql = `SELECT l.name AS "index", i.name AS name FROM pragma_index_list(?) l, pragma_index_xinfo(l.name) i
      WHERE l."unique" = 1 AND l.partial = 0 AND i.key = 1`;
    const rows = this.#database.prepare(sql).all(table) as { index: string; name: string | null }[];
    const sets = [...Map.groupBy(rows, (row) => row.index).values()].map((list) => list.map(({ name }) => name ?? ''));
    sets.push(present.filter(({ pk }) => Number(pk) > 0).map(({ name }) => name));
    const wanted = [...keys].sort().join('\0');
    return sets.some((names) => names.map(fold).sort().join('\0') === wanted);
  }
}

function fold(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/**
 * The statements of one table. Invariant 7 is in each: a row is written unless the target's row, or its remembered
 * delete, is newer; equal versions are written again.
 */
export class TargetTable {
  readonly source: TableSchema;
  /** Columns of the source that are written. */
  readonly columns: readonly number[];
  readonly keys: readonly number[];
  /** Rows are not deleted, but given a time in `_tr_deleted_at`. */
  readonly marksDeletes: boolean;
  readonly #database: DatabaseSync;
  readonly #name: string;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(
    database: DatabaseSync,
    source: TableSchema,
    { columns, marksDeletes }: Pick<TargetTable, 'columns' | 'marksDeletes'>,
  ) {
    this.#database = database;
    this.#name = quote(source.table);
    this.source = source;
    this.columns = columns;
    this.marksDeletes = marksDeletes;
    this.keys = keyIndexes(source);
  }

  /** As it stands in `_tr_deleted` and `_tr_floor`. */
  get label(): string {
    return this.source.table;
  }

  /** Parameters: columns…, version, label, memory key, version. */
  get upsert(): StatementSync {
    return this.#statement('upsert', () => {
      const assigned = this.columns.filter((index) => !this.keys.includes(index)).map((index) => this.#column(index));
      const set = [...assigned, VERSION].map((name) => `${name} = excluded.${name}`);
      return `${this.#insert(this.columns)} WHERE ${NOT_DELETED_SINCE}
        ON CONFLICT (${this.keys.map((index) => this.#column(index)).join(', ')}) DO UPDATE SET ${set.join(', ')}
        WHERE ${this.#name}.${VERSION} <= excluded.${VERSION}`;
    });
  }

  /** For a row of which only `columns` were sent. Parameters: columns…, version, keys…, version. */
  partialUpdate(columns: readonly number[]): StatementSync {
    return this.#statement(`update ${columns.join()}`, () => {
      const set = [...columns.map((index) => this.#column(index)), VERSION].map((name) => `${name} = ?`);
      return `UPDATE ${this.#name} SET ${set.join(', ')} WHERE ${this.#sameKey()} AND ${VERSION} <= ?`;
    });
  }

  /** When the row is not there. Parameters: columns…, version, keys…, label, memory key, version. */
  partialInsert(columns: readonly number[]): StatementSync {
    return this.#statement(`insert ${columns.join()}`, () => {
      const absent = `NOT EXISTS (SELECT 1 FROM ${this.#name} WHERE ${this.#sameKey()})`;
      return `${this.#insert(columns)} WHERE ${absent} AND ${NOT_DELETED_SINCE}`;
    });
  }

  /** Parameters: the time and version where deletes are marked, keys…, version. A row that was marked before keeps its time. */
  get delete(): StatementSync {
    const mark = `${DELETED_AT} = coalesce(${DELETED_AT}, ?), ${VERSION} = ?`;
    const start = this.marksDeletes ? `UPDATE ${this.#name} SET ${mark}` : `DELETE FROM ${this.#name}`;
    return this.#statement('delete', () => `${start} WHERE ${this.#sameKey()} AND ${VERSION} <= ?`);
  }

  /** For a table without key. Parameters: columns…, version. */
  get append(): StatementSync {
    return this.#statement('append', () => this.#insert(this.columns));
  }

  /** What a sweep leaves alone gets its version. Parameters: version, keys…, version. */
  get keep(): StatementSync {
    const set = `UPDATE ${this.#name} SET ${VERSION} = ?`;
    return this.#statement('keep', () => `${set} WHERE ${this.#sameKey()} AND ${VERSION} < ?`);
  }

  /** Parameters: the time where deletes are marked, version. */
  get sweep(): StatementSync {
    const older = `WHERE ${VERSION} < ?`;
    const mark = `UPDATE ${this.#name} SET ${DELETED_AT} = ? ${older} AND ${DELETED_AT} IS NULL`;
    return this.#statement('sweep', () => (this.marksDeletes ? mark : `DELETE FROM ${this.#name} ${older}`));
  }

  #column(index: number): string {
    return quote(this.source.columns[index]!.name);
  }

  #insert(columns: readonly number[]): string {
    const names = [...columns.map((index) => this.#column(index)), VERSION];
    return `INSERT INTO ${this.#name} (${names.join(', ')}) SELECT ${names.map(() => '?').join(', ')}`;
  }

  #sameKey(): string {
    return this.keys.map((index) => `${this.#column(index)} = ?`).join(' AND ');
  }

  #statement(name: string, sql: () => string): StatementSync {
    let statement = this.#prepared.get(name);
    if (statement === undefined) this.#prepared.set(name, (statement = this.#database.prepare(sql())));
    return statement;
  }
}

const NOT_DELETED_SINCE = 'NOT EXISTS (SELECT 1 FROM _tr_deleted WHERE table_name = ? AND key = ? AND version > ?)';
