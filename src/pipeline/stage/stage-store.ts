/**
 * The file in which a stage keeps what it knows of other rows: SQLite, mode 0600. It holds nothing that the log does not hold,
 * and says in each of its transactions up to where it has followed the log (`cover`). So it need not be synced at once: after a
 * crash it is at an earlier of those places, and catches up.
 *
 *     facts(name, value)     the cover, and what the steps note
 *     schemas(id, schema)    of the rows in it, canonical JSON
 *     …                      tables of the steps
 */
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { TailraceError } from '../../contracts/errors.ts';
import type { TableDescription, TableSchema } from '../../contracts/schema.ts';
import { canonicalSchema } from '../../lib/schema-id.ts';
import { DamagedValue, isDamage } from '../rehydrate/store-errors.ts';

/** Raised when the tables change: an older file is made anew. */
const FORMAT = 1;
const JOURNAL_BYTES = 64 << 20;
const SQLITE_NOTADB = 26;

export class StageStore {
  readonly path: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #schemas = new Map<string, TableSchema>();
  #inTransaction = false;
  #isDamaged = false;

  private constructor(path: string) {
    this.path = path;
    this.#database = new DatabaseSync(path, { timeout: 0 });
  }

  /**
   * Makes the file when there is none, or none that can be read. Throws `stage.store`.
   * @param cacheBytes what of it is held in memory
   */
  static open(path: string, cacheBytes: number): StageStore {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      closeSync(openSync(path, 'a', 0o600));
      return StageStore.#tryOpen(path, cacheBytes) ?? StageStore.#make(path, cacheBytes);
    } catch (error) {
      throw storeError(error, path);
    }
  }

  static #make(path: string, cacheBytes: number): StageStore {
    const store = new StageStore(path);
    try {
      store.#prepare(cacheBytes);
      return store;
    } catch (error) {
      store.#database.close();
      throw error;
    }
  }

  /** Null when the file was damaged, and is removed. */
  static #tryOpen(path: string, cacheBytes: number): StageStore | null {
    try {
      return StageStore.#make(path, cacheBytes);
    } catch (error) {
      if (!isDamage(error)) throw error;
      removeStageStore(path);
      closeSync(openSync(path, 'a', 0o600));
      return null;
    }
  }

  #prepare(cacheBytes: number): void {
    // Invariant 10: what is beyond goes to the disk, of transactions that have not ended too.
    const cacheKib = Math.ceil(cacheBytes / 1_024);
    this.#database.exec(
      `PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
       PRAGMA cache_size = -${cacheKib}; PRAGMA journal_size_limit = ${JOURNAL_BYTES}`,
    );
    const { user_version: version } = this.#database.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version === FORMAT) return;
    if (version !== 0) throw Object.assign(new Error('another format'), { errcode: SQLITE_NOTADB });
    this.#database.exec(
      `BEGIN; CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
       CREATE TABLE schemas (id TEXT PRIMARY KEY, schema TEXT NOT NULL);
       PRAGMA user_version = ${FORMAT}; COMMIT`,
    );
  }

  /** Runs a step inside of the transaction, which is opened when none is; what SQLite throws becomes `stage.store`. */
  change<T>(step: () => T): T {
    return this.#guarded(() => {
      if (!this.#inTransaction) this.#database.exec('BEGIN IMMEDIATE');
      this.#inTransaction = true;
      return step();
    });
  }

  /** Numbers that it reads are bigint. */
  statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const made = this.#database.prepare(sql);
    made.setReadBigInts(true);
    this.#statements.set(sql, made);
    return made;
  }

  create(sql: string): void {
    this.change(() => this.#database.exec(sql));
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
    return this.#guarded(() => {
      throw new DamagedValue(message);
    });
  }

  #guarded<T>(step: () => T): T {
    try {
      return step();
    } catch (error) {
      if (isDamage(error)) this.#isDamaged = true;
      throw storeError(error, this.path);
    }
  }

  commit(): void {
    if (!this.#inTransaction) return;
    this.#guarded(() => this.#database.exec('COMMIT'));
    this.#inTransaction = false;
  }

  /** Drops what was not committed; a damaged file is removed, and made anew by who opens it next. Safe twice. */
  close(): void {
    if (!this.#database.isOpen) return;
    this.#database.close();
    if (this.#isDamaged) removeStageStore(this.path);
  }
}

/** Of the stage of a pipeline. */
export const stageStorePath = (dataDir: string, pipeline: string) =>
  join(dataDir, 'stages', `${encodeURIComponent(pipeline)}.db`);

/** Also of a pipeline that has no stage any more: nothing of its rows stays beside the log. */
export function removeStageStore(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${suffix}`, { force: true });
}

/** Invariant 12: what SQLite says may hold values. */
function storeError(cause: unknown, path: string): unknown {
  if (cause instanceof TailraceError) return cause;
  const what = isDamage(cause) ? 'is damaged' : 'cannot be used';
  return new TailraceError('stage.store', `${path} ${what}`, {
    cause,
    remedy: 'see to room and permissions in the data directory; it is made anew from the log',
  });
}
