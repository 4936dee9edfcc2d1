/** The sink: batches in one transaction from the first `write` to `flush`, data and positions together. */
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import type {
  ConnectorContext,
  OpenSink,
  Rejection,
  Sink,
  SinkBatch,
  SinkOpenOptions,
  SinkPositions,
  SinkRecord,
} from '../../src/sdk/index.ts';
import { Floors } from '../../src/sdk/target/floors.ts';
import { identityRow, missingColumns, rowOfKey } from '../../src/sdk/target/row-image.ts';
import { SinkSession } from '../../src/sdk/target/sink-session.ts';
import { timeText } from '../../src/sdk/target/soft-delete.ts';
import { RefusedRows, sweepVersion } from '../../src/sdk/target/steps.ts';
import { inMode, type TableMode } from '../../src/sdk/target/table-mode.ts';
import type { SqliteConfig } from './config.ts';
import { asSinkError, isBusy, refusesRecord, rejection } from './errors.ts';
import { TargetOffsets } from './offsets.ts';
import { type TargetTable, TargetTables } from './tables.ts';
import { type SqlValue, sqlValue } from './values.ts';

/** Statements run in this thread: others get a turn after so many. */
const RECORDS_PER_TURN = 500;
const BUSY_WAIT_MS = 5_000;
const BUSY_STEP_MS = 20;

export async function openSqlite(options: SinkOpenOptions<SqliteConfig>): Promise<OpenSink> {
  const path = resolve(options.config.path);
  let database: DatabaseSync | undefined;
  try {
    await mkdir(dirname(path), { recursive: true });
    database = new DatabaseSync(path);
    // FULL: in WAL mode a commit is durable only when the WAL was fsynced.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
    const offsets = new TargetOffsets(database, options);
    const resume = offsets.load();
    return { sink: new SqliteSink(database, path, offsets, options), resume };
  } catch (error) {
    database?.close();
    throw asSinkError(error, path);
  }
}

class SqliteSink implements Sink {
  readonly #database: DatabaseSync;
  readonly #session: SinkSession;
  readonly #offsets: TargetOffsets;
  readonly #context: ConnectorContext;
  readonly #mode: TableMode;
  readonly #tables: TargetTables;
  readonly #floors = new Floors();
  readonly #incomplete = new Map<string, number>();
  #open: { next: SinkPositions; readonly epoch: number } | null = null;

  constructor(
    database: DatabaseSync,
    path: string,
    offsets: TargetOffsets,
    { config, context }: Pick<SinkOpenOptions<SqliteConfig>, 'config' | 'context'>,
  ) {
    this.#database = database;
    this.#session = new SinkSession((error) => asSinkError(error, path));
    this.#offsets = offsets;
    this.#context = context;
    this.#mode = config.mode;
    this.#tables = new TargetTables(database, config, context.log);
  }

  write(batch: SinkBatch, signal: AbortSignal): Promise<readonly Rejection[]> {
    return this.#session.run(async () => {
      if (batch.records.length === 0 && !this.#offsets.moved(batch.next)) return [];
      const open = await this.#begin(batch.epoch, signal);
      const refused = new RefusedRows();
      for (const [i, record] of inMode(this.#mode, batch.records).entries()) {
        if (i % RECORDS_PER_TURN === RECORDS_PER_TURN - 1) await turn();
        signal.throwIfAborted();
        this.#applyOrRefuse(record, refused);
      }
      this.#reportIncomplete();
      open.next = batch.next;
      return refused.rejections;
    });
  }

  flush(signal: AbortSignal): Promise<void> {
    return this.#session.run(async () => {
      this.#context.failpoint('sink.before-flush');
      if (this.#open === null) return;
      signal.throwIfAborted();
      const { next, epoch } = this.#open;
      this.#offsets.save(next, epoch);
      this.#offsets.prune();
      this.#database.exec('COMMIT');
      this.#offsets.saved(next);
      this.#open = null;
    });
  }

  /** What was not flushed is rolled back. */
  async close(): Promise<void> {
    this.#session.end();
    if (this.#database.isOpen) this.#database.close();
  }

  /** Takes the write lock. Another writer is waited for without blocking this thread. */
  async #begin(epoch: number, signal: AbortSignal): Promise<{ next: SinkPositions; readonly epoch: number }> {
    if (this.#open !== null) return this.#open;
    const { clock } = this.#context;
    for (const deadline = clock.monotonic() + BUSY_WAIT_MS; ; await clock.sleep(BUSY_STEP_MS, signal)) {
      try {
        this.#database.exec('BEGIN IMMEDIATE');
        break;
      } catch (error) {
        if (!isBusy(error) || clock.monotonic() > deadline) throw error;
      }
    }
    this.#offsets.fence(epoch);
    return (this.#open = { next: [], epoch });
  }

  /** A refused statement leaves no trace (SQLite's ABORT), so no savepoint is needed. */
  #applyOrRefuse(record: SinkRecord, refused: RefusedRows): void {
    const { op, table: schema } = record.change;
    if (op === 'snapshot-begin') return;
    const table = this.#tables.ensure(schema);
    if (!this.#floors.knows(table.label)) this.#floors.learn(table.label, this.#offsets.floor(table.label, schema));
    const below = sweepVersion(record);
    if (below !== null) this.#sweep(table, { below, timeUs: record.change.timeUs }, refused.sparedBy(record.change));
    if (below !== null || op === 'snapshot-end' || op === 'truncate') return;
    if (refused.any && refused.holds(record)) return;
    try {
      this.#apply(table, record);
    } catch (error) {
      if (!refusesRecord(error)) throw error;
      refused.reject(record, rejection(error, table.label));
    }
  }

  #apply(table: TargetTable, { change }: SinkRecord): void {
    const { version, after, op } = change;
    if (this.#floors.refuses(table.label, version)) return;
    if (table.keys.length === 0) this.#append(table, change);
    else if (op === 'delete' || after === null) this.#delete(table, change);
    else if (missingColumns(after).length > 0) this.#applyPartial(table, change);
    else {
      run(table.upsert, [...values(after, table.columns), version, table.label, change.key, version]);
    }
  }

  /** Columns that were not sent are left alone (Invariant 9). */
  #applyPartial(table: TargetTable, { version, after, key }: SinkRecord['change']): void {
    const missing = missingColumns(after!);
    const columns = table.columns.filter((index) => !missing.includes(index));
    const sent = values(after!, columns);
    const keys = values(after!, table.keys);
    if (run(table.partialUpdate(columns), [...sent, version, ...keys, version]) > 0) return;
    const inserted = run(table.partialInsert(columns), [...sent, version, ...keys, table.label, key, version]);
    if (inserted > 0) this.#incomplete.set(table.label, (this.#incomplete.get(table.label) ?? 0) + 1);
  }

  #delete(table: TargetTable, change: SinkRecord['change']): void {
    const { version, key } = change;
    const mark = table.marksDeletes ? [timeText(change.timeUs), version] : [];
    run(table.delete, [...mark, ...values(identityRow(change), table.keys), version]);
    this.#offsets.rememberDelete(table.label, key, version);
  }

  #append(table: TargetTable, { after, version }: SinkRecord['change']): void {
    if (after !== null) run(table.append, [...values(after, table.columns), version]);
    else this.#context.log('warn', 'a delete is left out: the table has no key', { table: table.label });
  }

  #sweep(table: TargetTable, { below, timeUs }: { below: bigint; timeUs: number }, spared: readonly string[]): void {
    if (!this.#floors.isBelow(table.label, below)) return;
    if (table.keys.length > 0) {
      for (const key of spared) {
        run(table.keep, [below, ...values(rowOfKey(table.source, key), table.keys), below]);
      }
    }
    run(table.sweep, table.marksDeletes ? [timeText(timeUs), below] : [below]);
    this.#offsets.raiseFloor(table.label, table.source, below);
    this.#floors.learn(table.label, below);
  }

  #reportIncomplete(): void {
    for (const [table, rows] of this.#incomplete) {
      this.#context.log('warn', 'rows written without columns that the source did not send', { table, rows });
    }
    this.#incomplete.clear();
  }
}

function values(row: Parameters<typeof sqlValue>[0], indexes: readonly number[]): SqlValue[] {
  return indexes.map((index) => sqlValue(row, index));
}

/** Rows changed. */
function run(statement: StatementSync, parameters: readonly SqlValue[]): number {
  return Number(statement.run(...parameters).changes);
}
