/** Target tables: made from the source's description, widened when it gains columns, never narrowed, nothing dropped. */
import type { ClientBase } from 'pg';
import { type Column, keyColumns, type Logger, type TableSchema, TailraceError } from '../../src/sdk/index.ts';
import { quoteIdentifier as quote } from '../../src/sdk/sql-target/identifiers.ts';
import { fillTemplate } from '../../src/sdk/table-template.ts';
import { deletesByItself, needsItsRows } from '../../src/sdk/target/cascades.ts';
import { keyIndexes, sourceTableName, TargetNames, VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import { SchemaChanges } from '../../src/sdk/target/schema-policy.ts';
import type { SinkConfig } from './sink-config.ts';
import { TypeResolver } from './sink-type-resolver.ts';
import { holds, widens } from './sink-types.ts';

/** A column that is written: its place in the source's description and its type in the target. */
export interface TargetColumn {
  readonly index: number;
  /** Quoted. */
  readonly name: string;
  /** Type without modifiers: a cast to it neither cuts nor rounds, assignment then checks the modifiers. */
  readonly cast: string;
}

export interface TargetTable {
  /** Quoted, with schema. */
  readonly name: string;
  /** As it stands in `_tr_deleted` and `_tr_floor`. */
  readonly label: string;
  readonly source: TableSchema;
  readonly columns: readonly TargetColumn[];
  /** In key order; empty: rows are appended. */
  readonly keys: readonly TargetColumn[];
  /** Rows are not deleted, but given a time in `_tr_deleted_at`. */
  readonly marksDeletes: boolean;
}

interface CatalogColumn {
  readonly name: string;
  readonly type: string;
  readonly cast: string;
  readonly generated: boolean;
}

const COLUMNS_SQL = `
  SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, format_type(a.atttypid, -1) AS "cast",
         a.attgenerated <> '' AS generated
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`;

/** A unique index over exactly these columns, which ON CONFLICT can use. */
const UNIQUE_SQL = `
  SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = $2 AND i.indisunique AND i.indisvalid AND i.indimmediate
    AND i.indpred IS NULL AND i.indexprs IS NULL
    AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE "C")
         FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
         WHERE k.place <= i.indnkeyatts) = $3::text[]`;

const CASCADE_SQL = `
  SELECT k.conname AS name, pg_get_constraintdef(k.oid) AS definition
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = $2 AND k.contype = 'f' AND k.confdeltype = 'c' LIMIT 1`;

export class TargetTables {
  readonly #client: ClientBase;
  readonly #config: SinkConfig;
  readonly #types: TypeResolver;
  readonly #names = new TargetNames();
  readonly #changes: SchemaChanges;
  readonly #known = new Map<string, TargetTable>();

  constructor(client: ClientBase, config: SinkConfig, log: Logger) {
    this.#client = client;
    this.#config = config;
    this.#changes = new SchemaChanges(config.schema_changes, log);
    this.#types = new TypeResolver(client);
  }

  /** Known after `ensure`. */
  get(table: TableSchema): TargetTable | undefined {
    return this.#known.get(identity(table));
  }

  /** Makes the table ready for rows of this description, inside the open transaction. */
  async ensure(table: TableSchema): Promise<TargetTable> {
    const known = this.get(table);
    if (known !== undefined) return known;
    const schema = this.#config.schema ?? table.schema;
    const name = fillTemplate(this.#config.table, table);
    const label = `${schema}.${name}`;
    this.#names.claim(label, table);
    const qualified = `${quote(schema)}.${quote(name)}`;
    const wanted = await this.#types.resolve(table.columns);
    let before = await this.#columns(schema, name);
    if (before.length === 0) {
      await this.#lock(label);
      before = await this.#columns(schema, name);
    }
    if (before.length === 0) await this.#create(schema, qualified, table, wanted);
    else await this.#widen(qualified, table, wanted, before);
    this.#changes.described(qualified, table);
    const after = await this.#columns(schema, name);
    this.#checkTypes(qualified, table, wanted, after);
    if (before.length > 0) await this.#checkKey(schema, name, qualified, table);
    if (before.length > 0 && needsItsRows(table)) await this.#checkCascades(schema, name, qualified);
    const columns = writable(table, after);
    const keys = keyIndexes(table).map((index) => columns.find((column) => column.index === index)!);
    const target = {
      name: qualified,
      label,
      source: table,
      columns,
      keys,
      marksDeletes: this.#config.mode === 'soft_delete',
    };
    this.#known.set(identity(table), target);
    return target;
  }

  async #columns(schema: string, name: string): Promise<readonly CatalogColumn[]> {
    return (await this.#client.query<CatalogColumn>(COLUMNS_SQL, [schema, name])).rows;
  }

  /** Until the end of the transaction: of two sinks that would make the table the second finds it made. */
  async #lock(label: string): Promise<void> {
    const name = `tailrace table ${label}`;
    await this.#client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [name]);
  }

  async #create(schema: string, name: string, table: TableSchema, wanted: Wanted): Promise<void> {
    const { rowCount } = await this.#client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
    if (rowCount === 0) await this.#client.query(`CREATE SCHEMA IF NOT EXISTS ${quote(schema)}`);
    const keys = keyColumns(table).map((column) => quote(column.name));
    const lines = table.columns.map(({ name: column }) => `${quote(column)} ${wanted.get(column)!.ddl}`);
    lines.push(`${quote(VERSION_COLUMN)} bigint NOT NULL`);
    if (keys.length > 0) lines.push(`PRIMARY KEY (${keys.join(', ')})`);
    await this.#client.query(`CREATE TABLE ${name} (\n${lines.join(',\n')}\n)`);
  }

  async #widen(name: string, table: TableSchema, wanted: Wanted, present: readonly CatalogColumn[]): Promise<void> {
    const has = new Set(present.map((column) => column.name));
    const names = [...table.columns.map((column) => column.name), VERSION_COLUMN].filter((one) => !has.has(one));
    // Rows that were there before us are older than any change.
    const typeOf = (column: string) => wanted.get(column)?.ddl ?? 'bigint NOT NULL DEFAULT 0';
    const lines = (columns: readonly string[]) => columns.map((one) => `ADD COLUMN ${quote(one)} ${typeOf(one)}`);
    const statement = (columns: readonly string[]) => `ALTER TABLE ${name} ${lines(columns).join(', ')};`;
    const changes = lines(this.#changes.toAdd({ table, target: name, names, statement }));
    if (this.#changes.widens) {
      for (const { name: column, type } of present) {
        const to = wanted.get(column);
        if (to !== undefined && widens(type, to.canonical))
          changes.push(`ALTER COLUMN ${quote(column)} TYPE ${to.ddl}`);
      }
    }
    if (changes.length > 0) await this.#client.query(`ALTER TABLE ${name} ${changes.join(', ')}`);
  }

  #checkTypes(target: string, table: TableSchema, wanted: Wanted, present: readonly CatalogColumn[]): void {
    for (const { name } of table.columns) {
      const type = present.find((column) => column.name === name)?.type;
      const { canonical, ddl } = wanted.get(name)!;
      if (type === undefined || holds(type, canonical)) continue;
      throw new TailraceError(
        'sink.not_ready',
        `column "${name}" of ${target} has type ${type} and cannot hold the ${ddl} of ${sourceTableName(table)}`,
        { remedy: `ALTER TABLE ${target} ALTER COLUMN ${quote(name)} TYPE ${ddl};` },
      );
    }
  }

  async #checkCascades(schema: string, name: string, qualified: string): Promise<void> {
    const { rows } = await this.#client.query<{ name: string; definition: string }>(CASCADE_SQL, [schema, name]);
    const [found] = rows;
    if (found === undefined) return;
    const mild = found.definition.replace(' ON DELETE CASCADE', '');
    const key = quote(found.name);
    const remedy = `ALTER TABLE ${qualified} DROP CONSTRAINT ${key}, ADD CONSTRAINT ${key} ${mild};`;
    throw deletesByItself(qualified, key, remedy);
  }

  async #checkKey(schema: string, name: string, qualified: string, table: TableSchema): Promise<void> {
    const keys = keyColumns(table).map((column) => column.name);
    if (keys.length === 0) return;
    const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    if ((await this.#client.query(UNIQUE_SQL, [schema, name, sorted])).rowCount !== 0) return;
    throw new TailraceError(
      'sink.not_ready',
      `${schema}.${name} has no unique index over the key of its source table`,
      {
        remedy: `ALTER TABLE ${qualified} ADD UNIQUE (${keys.map(quote).join(', ')});`,
      },
    );
  }
}

type Wanted = Awaited<ReturnType<TypeResolver['resolve']>>;

function writable(table: TableSchema, present: readonly CatalogColumn[]): readonly TargetColumn[] {
  return table.columns.flatMap((column: Column, index) => {
    const found = present.find(({ name }) => name === column.name);
    return found === undefined || found.generated ? [] : [{ index, name: quote(column.name), cast: found.cast }];
  });
}

function identity(table: TableSchema): string {
  return `${table.source}\0${table.schema}\0${table.table}\0${table.id}`;
}
