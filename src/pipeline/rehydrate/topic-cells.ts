/** The kept values of one topic's rows. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32c } from '../../lib/crc32c.ts';
import { DamagedValue } from '../derived-database.ts';
import type { ColumnStore } from './column-store.ts';

export class TopicCells {
  readonly #store: Pick<ColumnStore, 'begin' | 'guarded'>;
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #removeRow: StatementSync;
  readonly #clear: StatementSync;
  #isEmpty: boolean;
  /** Written so far; whoever reads it sets it back. */
  changedBytes = 0;

  constructor(database: DatabaseSync, topic: number, store: Pick<ColumnStore, 'begin' | 'guarded'>) {
    const table = `cells_${topic}`;
    store.begin();
    database.exec(
      `CREATE TABLE IF NOT EXISTS ${table} (key BLOB NOT NULL, column INTEGER NOT NULL, value BLOB NOT NULL, sum INTEGER NOT NULL);
       CREATE UNIQUE INDEX IF NOT EXISTS ${table}_key ON ${table} (key, column)`,
    );
    this.#store = store;
    this.#get = database.prepare(`SELECT value, sum FROM ${table} WHERE key = ? AND column = ?`);
    this.#put = database.prepare(
      `INSERT INTO ${table} VALUES (?, ?, ?, ?) ON CONFLICT (key, column) DO UPDATE SET value = excluded.value, sum = excluded.sum`,
    );
    this.#remove = database.prepare(`DELETE FROM ${table} WHERE key = ? AND column = ?`);
    this.#removeRow = database.prepare(`DELETE FROM ${table} WHERE key = ?`);
    this.#clear = database.prepare(`DELETE FROM ${table}`);
    this.#isEmpty = database.prepare(`SELECT 1 FROM ${table} LIMIT 1`).get() === undefined;
  }

  /** True: there is surely nothing. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  get(key: Uint8Array, column: number): Uint8Array | undefined {
    if (this.#isEmpty) return undefined;
    return this.#store.guarded(() => {
      const row = this.#get.get(key, column);
      if (row === undefined) return undefined;
      const value = row.value as Uint8Array;
      if (crc32c(value) !== row.sum) throw new DamagedValue('a kept value does not match its checksum');
      return value;
    });
  }

  put(key: Uint8Array, column: number, value: Uint8Array): void {
    this.#isEmpty = false;
    this.changedBytes += key.length + value.length;
    this.#change(() => this.#put.run(key, column, value, crc32c(value)));
  }

  remove(key: Uint8Array, column: number): void {
    if (!this.#isEmpty) this.#change(() => this.#remove.run(key, column));
  }

  removeRow(key: Uint8Array): void {
    if (!this.#isEmpty) this.#change(() => this.#removeRow.run(key));
  }

  clear(): void {
    if (!this.#isEmpty) this.#change(() => this.#clear.run());
    this.#isEmpty = true;
  }

  #change(step: () => unknown): void {
    this.#store.guarded(() => {
      this.#store.begin();
      step();
    });
  }
}
