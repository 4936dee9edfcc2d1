/**
 * The file in which the values of columns are kept that updates of one source may leave out (derived-database.ts).
 *
 *     topics(id, name, cover)               offset up to which the topic was followed
 *     columns(id, topic, number, name, kind)  a column is known by the source's number of it, else by its name
 *     cells_<topic>(key, column, value, sum)  JSON of the record key, JSON text of the value, its CRC-32C
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Column } from '../../contracts/schema.ts';
import { DerivedDatabase, type DerivedFormat } from '../derived-database.ts';
import { storeError } from './store-errors.ts';
import { TopicCells } from './topic-cells.ts';

const FORMAT: DerivedFormat = {
  version: 1,
  tables: `CREATE TABLE topics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, cover TEXT);
    CREATE TABLE columns (id INTEGER PRIMARY KEY, topic INTEGER NOT NULL, number INTEGER, name TEXT NOT NULL, kind TEXT NOT NULL);
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)`,
  error: storeError,
};

export class ColumnStore {
  readonly #file: DerivedDatabase;
  readonly #cells = new Map<string, TopicCells>();

  private constructor(file: DerivedDatabase) {
    this.#file = file;
  }

  /** Throws `source.rehydrate`. @param cacheBytes what of it is held in memory */
  static open(path: string, cacheBytes: number): ColumnStore {
    return new ColumnStore(DerivedDatabase.open(path, FORMAT, cacheBytes));
  }

  get #database(): DatabaseSync {
    return this.#file.database;
  }

  /** Runs a step; what SQLite throws becomes `source.rehydrate`. */
  guarded<T>(step: () => T): T {
    return this.#file.guarded(step);
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
    this.#file.begin();
  }

  commit(): void {
    this.#file.commit();
  }

  /** Drops what was not committed. Safe twice. */
  close(): void {
    this.#file.close();
  }
}
