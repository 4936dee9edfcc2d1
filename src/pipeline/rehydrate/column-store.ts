/**
 * The file in which the values of columns are kept that updates of one source may leave out: SQLite, mode 0600. It holds nothing
 * that the log does not hold, and says in each of its transactions up to where it has followed the log. So it need not be
 * synced at once: after a crash it is at an earlier of those places, and catches up.
 *
 *     topics(id, name, cover)               offset up to which the topic was followed
 *     columns(id, topic, number, name, kind)  a column is known by the source's number of it, else by its name
 *     cells_<topic>(key, column, value, sum)  JSON of the record key, JSON text of the value, its CRC-32C
 */
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Column } from '../../contracts/schema.ts';
import { isDamage, storeError } from './store-errors.ts';
import { TopicCells } from './topic-cells.ts';

/** Raised when the tables change: an older file is made anew. */
const FORMAT = 1;
const JOURNAL_BYTES = 64 << 20;

export class ColumnStore {
  readonly path: string;
  readonly #database: DatabaseSync;
  readonly #cells = new Map<string, TopicCells>();
  #inTransaction = false;
  #isDamaged = false;

  private constructor(path: string) {
    this.path = path;
    this.#database = new DatabaseSync(path, { timeout: 0 });
  }

  /**
   * Makes the file when there is none, or none that can be read. Throws `source.rehydrate`.
   * @param cacheBytes Invariant 10: what is beyond goes to the disk, of transactions that have not ended too
   */
  static open(path: string, cacheBytes: number): ColumnStore {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      closeSync(openSync(path, 'a', 0o600));
      return tryOpen(path, cacheBytes) ?? ColumnStore.make(path, cacheBytes);
    } catch (error) {
      throw storeError(error, path);
    }
  }

  static make(path: string, cacheBytes: number): ColumnStore {
    const store = new ColumnStore(path);
    try {
      store.#prepare(cacheBytes);
      return store;
    } catch (error) {
      store.#database.close();
      throw error;
    }
  }

  #prepare(cacheBytes: number): void {
    this.#database.exec(
      `PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
       PRAGMA cache_size = -${Math.ceil(cacheBytes / 1024)}; PRAGMA journal_size_limit = ${JOURNAL_BYTES}`,
    );
    const { user_version: version } = this.#database.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version === FORMAT) return;
    if (version !== 0) throw Object.assign(new Error('another format'), { errcode: 26 });
    this.#database.exec(
      `BEGIN; CREATE TABLE topics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, cover TEXT);
       CREATE TABLE columns (id INTEGER PRIMARY KEY, topic INTEGER NOT NULL, number INTEGER, name TEXT NOT NULL, kind TEXT NOT NULL);
       CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
       PRAGMA user_version = ${FORMAT}; COMMIT`,
    );
  }

  /** Runs a step; what SQLite throws becomes `source.rehydrate`. */
  guarded<T>(step: () => T): T {
    try {
      return step();
    } catch (error) {
      if (isDamage(error)) this.#isDamaged = true;
      throw storeError(error, this.path);
    }
  }

  /** Topics and the offsets up to which they were followed. */
  covers(): ReadonlyMap<string, bigint> {
    const rows = this.guarded(() =>
      this.#database.prepare('SELECT name, cover FROM topics WHERE cover NOT NULL').all(),
    );
    return new Map(rows.map(({ name, cover }) => [name as string, BigInt(cover as string)]));
  }

  /** Part of the transaction that is open, as all changes are. Null: nothing is known of the topic. */
  setCover(topic: string, offset: bigint | null): void {
    this.guarded(() => {
      this.begin();
      const cover = offset === null ? null : String(offset);
      this.#database.prepare('UPDATE topics SET cover = ? WHERE id = ?').run(cover, this.#topicId(topic));
    });
  }

  /** The opening of the log under which the covers were set; empty at first. */
  get lineage(): string {
    const row = this.guarded(() => this.#database.prepare(`SELECT value FROM facts WHERE name = 'lineage'`).get());
    return typeof row?.value === 'string' ? row.value : '';
  }

  set lineage(id: string) {
    this.guarded(() => {
      this.begin();
      this.#database
        .prepare(`INSERT INTO facts VALUES ('lineage', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`)
        .run(id);
    });
  }

  cells(topic: string): TopicCells {
    const known = this.#cells.get(topic);
    if (known !== undefined) return known;
    const cells = this.guarded(() => new TopicCells(this.#database, this.#topicId(topic), this));
    this.#cells.set(topic, cells);
    return cells;
  }

  /** A column that is renamed stays the same; one of another kind is another column. */
  columnId(topic: string, { name, kind, element, unsent }: Column): number {
    return this.guarded(() => {
      const of = [this.#topicId(topic), element === undefined ? kind : `${kind} of ${element}`] as const;
      const number = unsent?.number;
      const found =
        number === undefined
          ? this.#database
              .prepare('SELECT id FROM columns WHERE topic = ? AND kind = ? AND name = ? ORDER BY id DESC')
              .get(...of, name)
          : this.#database
              .prepare('SELECT id FROM columns WHERE topic = ? AND kind = ? AND number = ?')
              .get(...of, number);
      this.begin();
      if (found === undefined) {
        const insert = this.#database.prepare('INSERT INTO columns (topic, kind, number, name) VALUES (?, ?, ?, ?)');
        return Number(insert.run(...of, number ?? null, name).lastInsertRowid);
      }
      this.#database.prepare('UPDATE columns SET name = ? WHERE id = ?').run(name, found.id as number);
      return found.id as number;
    });
  }

  #topicId(name: string): number {
    const found = this.#database.prepare('SELECT id FROM topics WHERE name = ?').get(name);
    if (found !== undefined) return found.id as number;
    this.begin();
    const insert = this.#database.prepare('INSERT INTO topics (name) VALUES (?)');
    return Number(insert.run(name).lastInsertRowid);
  }

  /** Opens a transaction if none is open. */
  begin(): void {
    if (this.#inTransaction) return;
    this.#database.exec('BEGIN IMMEDIATE');
    this.#inTransaction = true;
  }

  commit(): void {
    if (!this.#inTransaction) return;
    this.guarded(() => this.#database.exec('COMMIT'));
    this.#inTransaction = false;
  }

  /** Drops what was not committed; a damaged file is removed, and made anew by who opens it next. Safe twice. */
  close(): void {
    if (!this.#database.isOpen) return;
    this.#database.close();
    if (this.#isDamaged) removeStore(this.path);
  }
}

/** Null when the file was damaged, and is removed. */
function tryOpen(path: string, cacheBytes: number): ColumnStore | null {
  try {
    return ColumnStore.make(path, cacheBytes);
  } catch (error) {
    if (!isDamage(error)) throw error;
    removeStore(path);
    closeSync(openSync(path, 'a', 0o600));
    return null;
  }
}

/** Of a source that keeps nothing any more too. */
export function removeStore(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${suffix}`, { force: true });
}
