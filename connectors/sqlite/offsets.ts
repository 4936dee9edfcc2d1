/** Positions, epoch, floors and remembered deletes in the database, in the same transactions as the data. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { SinkPositions, TableSchema } from '../../src/sdk/index.ts';
import { type OffsetOptions, OffsetSession } from '../../src/sdk/target/offset-session.ts';
import type { StoredPosition } from '../../src/sdk/target/positions.ts';

const SERVICE_TABLES = `
  CREATE TABLE IF NOT EXISTS _tr_offsets (
    sink TEXT NOT NULL, topic TEXT NOT NULL, "partition" INTEGER NOT NULL, next INTEGER NOT NULL,
    lineage TEXT NOT NULL, generation INTEGER NOT NULL, epoch INTEGER NOT NULL,
    PRIMARY KEY (sink, topic, "partition")) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS _tr_deleted (
    table_name TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, deleted_at INTEGER NOT NULL,
    PRIMARY KEY (table_name, key)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS _tr_floor (
    table_name TEXT NOT NULL, source TEXT NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (table_name, source)) WITHOUT ROWID;`;

const REMEMBER = `
  INSERT INTO _tr_deleted VALUES (?, ?, ?, ?) ON CONFLICT (table_name, key)
  DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at WHERE version <= excluded.version`;

export class TargetOffsets {
  readonly #database: DatabaseSync;
  readonly #options: OffsetOptions;
  readonly #session: OffsetSession;
  #remember: StatementSync | undefined;

  constructor(database: DatabaseSync, options: OffsetOptions) {
    this.#database = database;
    this.#options = options;
    this.#session = new OffsetSession(options);
  }

  /** Makes the service tables; positions to resume from; throws `sink.other_log`. */
  load(): SinkPositions | null {
    const present = this.#database
      .prepare(`SELECT count(*) AS n FROM sqlite_schema WHERE name IN ('_tr_offsets', '_tr_deleted', '_tr_floor')`)
      .get();
    if (Number(present?.n) < 3) this.#database.exec(`BEGIN IMMEDIATE; ${SERVICE_TABLES} COMMIT`);
    return this.#session.resume(this.#stored());
  }

  /** True when `next` says something that the target does not hold. */
  moved(next: SinkPositions): boolean {
    return this.#session.changed(next).length > 0;
  }

  /** In a transaction that holds the write lock: refuses an older epoch than the last writer's, and raises it. */
  fence(epoch: number): void {
    const { id } = this.#options;
    const stored = this.#stored();
    if (!this.#session.begins(stored, epoch)) return;
    this.#database.prepare('UPDATE _tr_offsets SET epoch = ? WHERE sink = ?').run(epoch, id);
  }

  /** Writes what changed; part of the open transaction. */
  save(next: SinkPositions, epoch: number): void {
    const { id, lineage, generation } = this.#options;
    const insert = this.#database.prepare('INSERT OR REPLACE INTO _tr_offsets VALUES (?, ?, ?, ?, ?, ?, ?)');
    for (const position of this.#session.changed(next)) {
      const { topic, partition } = position;
      insert.run(id, topic, partition, position.next, lineage.current, generation, epoch);
    }
  }

  /** After the commit that held `save`. */
  saved(next: SinkPositions): void {
    this.#session.saved(next);
  }

  /** Version below which writes to the table are refused (DESIGN § 6: truncate and sweep). */
  floor(label: string, { source }: TableSchema): bigint {
    const select = this.#database.prepare('SELECT version FROM _tr_floor WHERE table_name = ? AND source = ?');
    select.setReadBigInts(true);
    return BigInt((select.get(label, source)?.version as bigint | undefined) ?? 0n);
  }

  raiseFloor(label: string, { source }: TableSchema, version: bigint): void {
    this.#database
      .prepare(
        `INSERT INTO _tr_floor VALUES (?, ?, ?)
         ON CONFLICT (table_name, source) DO UPDATE SET version = max(version, excluded.version)`,
      )
      .run(label, source, version);
  }

  rememberDelete(label: string, key: string, version: bigint): void {
    this.#remember ??= this.#database.prepare(REMEMBER);
    this.#remember.run(label, key, version, this.#options.context.clock.now());
  }

  /** Forgets deletes past the hold time, at most once an hour. */
  prune(): void {
    const before = this.#session.forgetBefore();
    if (before === null) return;
    this.#database.prepare('DELETE FROM _tr_deleted WHERE deleted_at < ?').run(before);
  }

  #stored(): readonly StoredPosition[] {
    const select = this.#database.prepare(
      'SELECT topic, "partition", next, lineage, generation, epoch FROM _tr_offsets WHERE sink = ?',
    );
    select.setReadBigInts(true);
    return select.all(this.#options.id).map((row) => ({
      topic: String(row.topic),
      partition: Number(row.partition),
      next: row.next as bigint,
      lineage: String(row.lineage),
      generation: Number(row.generation),
      epoch: Number(row.epoch),
    }));
  }
}
