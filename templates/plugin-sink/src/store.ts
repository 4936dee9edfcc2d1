/**
 * The target: a SQLite file, which every Node.js has, so that the plugin works before a line of it is changed. Put your own system
 * here. What is done between `begin` and `commit` is one transaction; a system that has none writes at once, and `commit` writes
 * the positions last: the version of each row then keeps a repeated write from doing harm.
 */
import { DatabaseSync } from 'node:sqlite';
import type { SinkPositions, StoredPosition } from 'tailrace/sdk';

/** A row as it is held. `document` is null for a deleted one, whose version is remembered. */
export interface Held {
  readonly version: bigint;
  readonly document: string | null;
}

const TABLES = `
  CREATE TABLE IF NOT EXISTS rows (tab TEXT, key TEXT, version INTEGER, document TEXT, deleted_at INTEGER,
    PRIMARY KEY (tab, key)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS floors (tab TEXT PRIMARY KEY, version INTEGER);
  CREATE TABLE IF NOT EXISTS writers (sink TEXT PRIMARY KEY, epoch INTEGER);
  CREATE TABLE IF NOT EXISTS positions (sink TEXT, topic TEXT, part INTEGER, next INTEGER, lineage TEXT, generation INTEGER,
    PRIMARY KEY (sink, topic, part));`;

export class Store {
  readonly #database: DatabaseSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { readBigInts: true, timeout: 5_000 });
    // A commit is on disk when it returns.
    this.#database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${TABLES}`);
  }

  begin(): void {
    this.#database.exec('BEGIN IMMEDIATE');
  }

  commit(): void {
    this.#database.exec('COMMIT');
  }

  /** What was not committed is gone. */
  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  row(table: string, key: string): Held | null {
    const found = this.#get('SELECT version, document FROM rows WHERE tab = ? AND key = ?', table, key);
    return found === undefined
      ? null
      : { version: BigInt(found.version as bigint), document: found.document as string };
  }

  /** @param nowMs when it was deleted; ms since 1970 */
  put(table: string, key: string, { version, document }: Held, nowMs: number): void {
    const deletedAt = document === null ? nowMs : null;
    this.#run('INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?)', table, key, version, document, deletedAt);
  }

  /** Removes rows older than the version but those of `kept`, and refuses older ones from then on. */
  sweep(table: string, below: bigint, kept: readonly string[]): void {
    const spared = JSON.stringify(kept);
    this.#run(
      'DELETE FROM rows WHERE tab = ? AND version < ? AND key NOT IN (SELECT value FROM json_each(?))',
      table,
      below,
      spared,
    );
    this.#run('INSERT OR REPLACE INTO floors VALUES (?, ?)', table, below);
  }

  floor(table: string): bigint {
    return BigInt((this.#get('SELECT version FROM floors WHERE tab = ?', table)?.version as bigint | undefined) ?? 0n);
  }

  /** Versions of rows that were deleted before then: no late write of them comes any more. */
  forget(beforeMs: number): void {
    this.#run('DELETE FROM rows WHERE deleted_at < ?', beforeMs);
  }

  positions(sink: string): readonly StoredPosition[] {
    const epoch = Number(this.#get('SELECT epoch FROM writers WHERE sink = ?', sink)?.epoch ?? 0);
    const found = this.#database.prepare('SELECT * FROM positions WHERE sink = ?').all(sink);
    return found.map(({ topic, part, next, lineage, generation }) => ({
      topic: String(topic),
      partition: Number(part),
      next: BigInt(next as bigint),
      lineage: String(lineage),
      generation: Number(generation),
      epoch,
    }));
  }

  setWriter(sink: string, epoch: number): void {
    this.#run('INSERT OR REPLACE INTO writers VALUES (?, ?)', sink, epoch);
  }

  setPositions(sink: string, positions: SinkPositions, lineage: string, generation: number): void {
    for (const { topic, partition, next } of positions) {
      this.#run(
        'INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?, ?)',
        sink,
        topic,
        partition,
        next,
        lineage,
        generation,
      );
    }
  }

  #get(sql: string, ...values: readonly (string | bigint | number | null)[]) {
    return this.#database.prepare(sql).get(...values);
  }

  #run(sql: string, ...values: readonly (string | bigint | number | null)[]): void {
    this.#database.prepare(sql).run(...values);
  }
}
