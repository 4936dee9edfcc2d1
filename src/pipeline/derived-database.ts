/**
 * A file of SQLite beside the log, mode 0600, that holds nothing which the log does not hold, and says in each of its
 * transactions up to where it has followed the log. So it need not be synced at once: after a crash it is at an earlier of
 * those places, and catches up; damaged, it is removed and made anew.
 */
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const JOURNAL_BYTES = 64 << 20;
const NOT_A_DATABASE = 26;
/** SQLite's primary result codes: the file is damaged, or is none of SQLite's. */
const DAMAGED: readonly number[] = [11, NOT_A_DATABASE];

/** What is stored cannot be what was put there. */
export class DamagedValue extends Error {}

export function isDamage(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  return error instanceof DamagedValue || (errcode !== undefined && DAMAGED.includes(errcode & 0xff));
}

export interface DerivedFormat {
  /** Raised when the tables change: an older file is made anew. */
  readonly version: number;
  /** Statements that make the tables. */
  readonly tables: string;
  /** The typed error for what SQLite, or the file system, threw; typed ones as they are. */
  readonly error: (cause: unknown, path: string) => unknown;
}

export class DerivedDatabase {
  readonly database: DatabaseSync;
  readonly #path: string;
  readonly #format: DerivedFormat;
  #inTransaction = false;
  #isDamaged = false;

  private constructor(path: string, format: DerivedFormat) {
    this.#path = path;
    this.#format = format;
    this.database = new DatabaseSync(path, { timeout: 0 });
  }

  /**
   * Makes the file when there is none, or none that can be read. Throws the format's errors.
   * @param cacheBytes Invariant 10: what is beyond goes to the disk, of transactions that have not ended too
   */
  static open(path: string, format: DerivedFormat, cacheBytes: number): DerivedDatabase {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      closeSync(openSync(path, 'a', 0o600));
      return DerivedDatabase.#tryMake(path, format, cacheBytes) ?? DerivedDatabase.#make(path, format, cacheBytes);
    } catch (error) {
      throw format.error(error, path);
    }
  }

  /** Null when the file was damaged, and is removed. */
  static #tryMake(path: string, format: DerivedFormat, cacheBytes: number): DerivedDatabase | null {
    try {
      return DerivedDatabase.#make(path, format, cacheBytes);
    } catch (error) {
      if (!isDamage(error)) throw error;
      removeDerived(path);
      closeSync(openSync(path, 'a', 0o600));
      return null;
    }
  }

  static #make(path: string, format: DerivedFormat, cacheBytes: number): DerivedDatabase {
    const made = new DerivedDatabase(path, format);
    try {
      made.#prepare(cacheBytes);
      return made;
    } catch (error) {
      made.database.close();
      throw error;
    }
  }

  #prepare(cacheBytes: number): void {
    const { version, tables } = this.#format;
    this.database.exec(
      `PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
       PRAGMA cache_size = -${Math.ceil(cacheBytes / 1024)}; PRAGMA journal_size_limit = ${JOURNAL_BYTES}`,
    );
    const { user_version: found } = this.database.prepare('PRAGMA user_version').get() as { user_version: number };
    if (found === version) return;
    if (found !== 0) throw Object.assign(new Error('another format'), { errcode: NOT_A_DATABASE });
    this.database.exec(`BEGIN; ${tables}; PRAGMA user_version = ${version}; COMMIT`);
  }

  /** Runs a step; what SQLite throws becomes a typed error. */
  guarded<T>(step: () => T): T {
    try {
      return step();
    } catch (error) {
      if (isDamage(error)) this.#isDamaged = true;
      throw this.#format.error(error, this.#path);
    }
  }

  /** Opens a transaction if none is open. */
  begin(): void {
    if (this.#inTransaction) return;
    this.database.exec('BEGIN IMMEDIATE');
    this.#inTransaction = true;
  }

  commit(): void {
    if (!this.#inTransaction) return;
    this.guarded(() => this.database.exec('COMMIT'));
    this.#inTransaction = false;
  }

  /** Drops what was not committed; a damaged file is removed, and made anew by who opens it next. Safe twice. */
  close(): void {
    if (!this.database.isOpen) return;
    this.database.close();
    if (this.#isDamaged) removeDerived(this.#path);
  }
}

/** Also of what keeps nothing any more: nothing of its rows stays beside the log. */
export function removeDerived(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${suffix}`, { force: true });
}
