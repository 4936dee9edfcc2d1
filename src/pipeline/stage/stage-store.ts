/**
 * The file in which a stage keeps what it knows of other rows (derived-database.ts).
 *
 *     facts(name, value)     the cover, and what the steps note
 *     schemas(id, schema)    of the rows in it, canonical JSON
 *     …                      tables of the steps
 */
import { join } from 'node:path';
import type { StatementSync } from 'node:sqlite';
import { TailraceError } from '../../contracts/errors.ts';
import type { TableDescription, TableSchema } from '../../contracts/schema.ts';
import { canonicalSchema } from '../../lib/schema-id.ts';
import { DamagedValue, DerivedDatabase, type DerivedFormat, isDamage } from '../derived-database.ts';

const FORMAT: DerivedFormat = {
  version: 1,
  tables: `CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE schemas (id TEXT PRIMARY KEY, schema TEXT NOT NULL)`,
  error: storeError,
};

export class StageStore {
  readonly #file: DerivedDatabase;
  readonly #statements = new Map<string, StatementSync>();
  readonly #schemas = new Map<string, TableSchema>();

  private constructor(file: DerivedDatabase) {
    this.#file = file;
  }

  /** Throws `stage.store`. @param cacheBytes what of it is held in memory */
  static open(path: string, cacheBytes: number): StageStore {
    return new StageStore(DerivedDatabase.open(path, FORMAT, cacheBytes));
  }

  /** Runs a step inside of the transaction, which is opened when none is; what SQLite throws becomes `stage.store`. */
  change<T>(step: () => T): T {
    return this.#file.guarded(() => {
      this.#file.begin();
      return step();
    });
  }

  /** Numbers that it reads are bigint. */
  statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const made = this.#file.database.prepare(sql);
    made.setReadBigInts(true);
    this.#statements.set(sql, made);
    return made;
  }

  create(sql: string): void {
    this.change(() => this.#file.database.exec(sql));
  }

  fact(name: string): string | undefined {
    const row = this.change(() => this.statement('SELECT value FROM facts WHERE name = ?').get(name));
    return row?.value as string | undefined;
  }

  setFact(name: string, value: string): void {
    const sql = 'INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value';
    this.change(() => this.statement(sql).run(name, value));
  }

  /** Throws `stage.store` when it was never kept. */
  schema(id: string): TableSchema {
    const known = this.#schemas.get(id);
    if (known !== undefined) return known;
    const row = this.change(() => this.statement('SELECT schema FROM schemas WHERE id = ?').get(id));
    if (row === undefined) return this.damaged('a kept row names a schema that is not kept');
    const schema = { id, ...(JSON.parse(row.schema as string) as TableDescription) };
    this.#schemas.set(id, schema);
    return schema;
  }

  keepSchema(schema: TableSchema): void {
    if (this.#schemas.has(schema.id)) return;
    const sql = 'INSERT INTO schemas VALUES (?, ?) ON CONFLICT (id) DO NOTHING';
    this.change(() => this.statement(sql).run(schema.id, canonicalSchema(schema)));
    this.#schemas.set(schema.id, schema);
  }

  damaged(message: string): never {
    return this.#file.guarded(() => {
      throw new DamagedValue(message);
    });
  }

  commit(): void {
    this.#file.commit();
  }

  /** Drops what was not committed. Safe twice. */
  close(): void {
    this.#file.close();
  }
}

/** Of the stage of a pipeline. */
export const stageStorePath = (dataDir: string, pipeline: string) =>
  join(dataDir, 'stages', `${encodeURIComponent(pipeline)}.db`);

/** Invariant 12: what SQLite says may hold values. */
function storeError(cause: unknown, path: string): unknown {
  if (cause instanceof TailraceError) return cause;
  const what = isDamage(cause) ? 'is damaged' : 'cannot be used';
  return new TailraceError('stage.store', `${path} ${what}`, {
    cause,
    remedy: 'see to room and permissions in the data directory; it is made anew from the log',
  });
}
