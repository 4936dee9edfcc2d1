/** Target tables. They are made and widened, never narrowed; nothing is dropped. */
import { keyColumns, type Logger, type TableSchema, TailraceError } from '../../src/sdk/index.ts';
import { fillTemplate } from '../../src/sdk/table-template.ts';
import { deletesByItself, needsItsRows } from '../../src/sdk/target/cascades.ts';
import { keyIndexes, sourceTableName, TargetNames, VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import { SchemaChanges } from '../../src/sdk/target/schema-policy.ts';
import { type Connection, query } from './connections.ts';
import { quoteName } from './names.ts';
import type { SinkConfig } from './sink-config.ts';
import { holds, type TargetColumn, type TypeOptions, typeOf, widens } from './sink-types.ts';

const VERSION = quoteName(VERSION_COLUMN);
/** Characters of an index, and of one name in it. */
const INDEX_CHARS = 768;
const KEY_CHARS = 255;

export interface TargetTable {
  /** Quoted. */
  readonly name: string;
  /** As it stands in `_tr_deleted` and `_tr_floor`. */
  readonly label: string;
  readonly source: TableSchema;
  /** Columns of the source that are written; the target may compute others itself. */
  readonly columns: readonly number[];
  readonly keys: readonly number[];
  /** Rows are not deleted, but given a time in `_tr_deleted_at`. */
  readonly marksDeletes: boolean;
}

interface CatalogColumn {
  readonly name: string;
  readonly base: string;
  readonly declared: string;
  readonly num_precision: string | null;
  readonly num_scale: string | null;
  readonly fraction: string | null;
  readonly extra: string;
  readonly is_nullable: string;
}

interface TableOptions {
  readonly mariadb: boolean;
  readonly log: Logger;
}

export class TargetTables {
  readonly #connection: Connection;
  readonly #template: string;
  readonly #marksDeletes: boolean;
  readonly #collation: string;
  /** Columns are the same in upper and lower case, tables on some systems. */
  readonly #names = new TargetNames({ fold: (name) => name.toLowerCase() });
  readonly #changes: SchemaChanges;
  readonly #known = new Map<string, TargetTable>();
  /** Called before a table is made or widened. */
  beforeDdl: () => Promise<void> = async () => {};

  constructor(connection: Connection, { table, mode, schema_changes }: SinkConfig, { mariadb, log }: TableOptions) {
    this.#connection = connection;
    this.#template = table;
    this.#changes = new SchemaChanges(schema_changes, log);
    this.#marksDeletes = mode === 'soft_delete';
    this.#collation = mariadb ? 'utf8mb4_nopad_bin' : 'utf8mb4_0900_bin';
  }

  get(table: TableSchema): TargetTable | undefined {
    return this.#known.get(identityOf(table));
  }

  /** Makes the table ready for rows of this description. DDL ends a transaction: see `beforeDdl`. */
  async ensure(table: TableSchema): Promise<TargetTable> {
    const label = fillTemplate(this.#template, table);
    if (label === '' || label.includes('\0')) throw nameless();
    this.#names.claim(label, table);
    const before = await this.#columns(label);
    if (before.length === 0) await this.#create(label, table);
    else await this.#widen(label, table, before);
    this.#changes.described(label, table);
    const after = await this.#columns(label);
    await this.#check(label, table, after);
    const written = new Set(
      after.filter(({ extra }) => !/GENERATED/i.test(extra)).map(({ name }) => name.toLowerCase()),
    );
    const columns = table.columns.flatMap(({ name }, index) => (written.has(name.toLowerCase()) ? [index] : []));
    const keys = keyIndexes(table);
    const target = { name: quoteName(label), label, source: table, columns, keys, marksDeletes: this.#marksDeletes };
    this.#known.set(identityOf(table), target);
    return target;
  }

  #columns(label: string): Promise<CatalogColumn[]> {
    return query<CatalogColumn>(
      this.#connection,
      `SELECT column_name AS name, LOWER(data_type) AS base, column_type AS declared, numeric_precision AS num_precision,
         numeric_scale AS num_scale, datetime_precision AS fraction, extra AS extra,
         is_nullable AS is_nullable
       FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position`,
      [label],
    );
  }

  #options(table: TableSchema): TypeOptions {
    const keys = Math.max(1, keyColumns(table).length);
    return { collation: this.#collation, keyChars: Math.min(KEY_CHARS, Math.floor(INDEX_CHARS / keys)) };
  }

  async #create(label: string, table: TableSchema): Promise<void> {
    const options = this.#options(table);
    const keys = keyColumns(table).map(({ name }) => quoteName(name));
    const lines = table.columns.map((column) => {
      const nullable = column.keyOrdinal === undefined ? 'NULL' : 'NOT NULL';
      return `${quoteName(column.name)} ${typeOf(column, options)} ${nullable}`;
    });
    lines.push(`${VERSION} bigint NOT NULL DEFAULT 0`);
    if (keys.length > 0) lines.push(`PRIMARY KEY (${keys.join(', ')})`);
    await this.beforeDdl();
    await query(
      this.#connection,
      `CREATE TABLE IF NOT EXISTS ${quoteName(label)} (${lines.join(', ')}) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4`,
    );
  }

  async #widen(label: string, table: TableSchema, present: readonly CatalogColumn[]): Promise<void> {
    const has = new Set(present.map(({ name }) => name.toLowerCase()));
    const options = this.#options(table);
    const types = new Map(table.columns.map((column) => [column.name, `${typeOf(column, options)} NULL`]));
    const names = [...types.keys(), VERSION_COLUMN].filter((name) => !has.has(name.toLowerCase()));
    // Rows that were there before us are older than any change.
    const typeIn = (name: string) => types.get(name) ?? 'bigint NOT NULL DEFAULT 0';
    const lines = (columns: readonly string[]) =>
      columns.map((name) => `ADD COLUMN ${quoteName(name)} ${typeIn(name)}`);
    const statement = (columns: readonly string[]) => `ALTER TABLE ${quoteName(label)} ${lines(columns).join(', ')};`;
    const changes = lines(this.#changes.toAdd({ table, target: quoteName(label), names, statement }));
    if (this.#changes.widens) {
      for (const column of table.columns) {
        const found = present.find(({ name }) => name.toLowerCase() === column.name.toLowerCase());
        if (found === undefined || !widens(columnOf(found), column)) continue;
        const isNullable = column.keyOrdinal === undefined && found.is_nullable === 'YES';
        changes.push(`MODIFY ${quoteName(column.name)} ${typeOf(column, options)} ${isNullable ? 'NULL' : 'NOT NULL'}`);
      }
    }
    if (changes.length === 0) return;
    await this.beforeDdl();
    await query(this.#connection, `ALTER TABLE ${quoteName(label)} ${changes.join(', ')}`);
  }

  async #check(label: string, table: TableSchema, present: readonly CatalogColumn[]): Promise<void> {
    for (const column of table.columns) {
      const found = present.find(({ name }) => name.toLowerCase() === column.name.toLowerCase());
      if (found === undefined || holds(columnOf(found), column)) continue;
      const { declared } = found;
      throw new TailraceError(
        'sink.not_ready',
        `column "${column.name}" of table "${label}" is ${declared} and would change values of the ${column.native} of ` +
          sourceTableName(table),
        {
          remedy: `ALTER TABLE ${quoteName(label)} MODIFY ${quoteName(column.name)} ${typeOf(column, this.#options(table))};`,
        },
      );
    }
    const keys = keyColumns(table).map(({ name }) => name);
    if (keys.length > 0) await this.#checkIndexes(label, keys);
    if (needsItsRows(table)) await this.#checkCascades(label);
  }

  async #checkCascades(label: string): Promise<void> {
    const [found] = await query<{ name: string }>(
      this.#connection,
      `SELECT constraint_name AS name FROM information_schema.referential_constraints
       WHERE constraint_schema = DATABASE() AND table_name = ? AND delete_rule = 'CASCADE' LIMIT 1`,
      [label],
    );
    if (found === undefined) return;
    const key = quoteName(found.name);
    const remedy = `ALTER TABLE ${quoteName(label)} DROP FOREIGN KEY ${key}; then add it again without ON DELETE CASCADE`;
    throw deletesByItself(quoteName(label), key, remedy);
  }

  /** An upsert overwrites the row that has any unique index' value: only the key may be one. */
  async #checkIndexes(label: string, keys: readonly string[]): Promise<void> {
    const rows = await query<{ name: string; col: string | null; part: string | null }>(
      this.#connection,
      `SELECT index_name AS name, column_name AS col, sub_part AS part FROM information_schema.statistics
       WHERE table_schema = DATABASE() AND table_name = ? AND non_unique = 0`,
      [label],
    );
    const wanted = textOf(keys);
    let found = false;
    for (const [name, parts] of Map.groupBy(rows, (row) => row.name)) {
      if (parts.every(({ part }) => part === null) && textOf(parts.map(({ col }) => col ?? '')) === wanted)
        found = true;
      else {
        throw new TailraceError(
          'sink.not_ready',
          `table "${label}" has a unique index ${name} beside the source's key`,
          {
            remedy: `ALTER TABLE ${quoteName(label)} DROP INDEX ${quoteName(name)}; make it an index that is not UNIQUE`,
          },
        );
      }
    }
    if (found) return;
    throw new TailraceError('sink.not_ready', `table "${label}" has no unique index over the source's key`, {
      remedy: `CREATE UNIQUE INDEX ${quoteName(`${label}_key`)} ON ${quoteName(label)} (${keys.map(quoteName).join(', ')});`,
    });
  }
}

function columnOf({ base, declared, num_precision, num_scale, fraction }: CatalogColumn): TargetColumn {
  const scale = Number((base === 'decimal' ? num_scale : fraction) ?? 0);
  return { base, unsigned: / unsigned/.test(declared), precision: Number(num_precision ?? 0), scale };
}

const textOf = (names: readonly string[]): string =>
  names
    .map((name) => name.toLowerCase())
    .sort()
    .join('\0');

const identityOf = ({ source, schema, table, id }: TableSchema): string => `${source}\0${schema}\0${table}\0${id}`;

function nameless(): TailraceError {
  return new TailraceError('sink.not_ready', 'a name is empty or holds a NUL character', {
    remedy: 'rename the table or column with a `rename` step',
  });
}
