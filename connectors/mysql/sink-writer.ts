/** The sink: batches in one transaction from the first `write` to `flush`, data and positions together. */
import {
  type ConnectorContext,
  type Rejection,
  type Sink,
  type SinkBatch,
  type SinkPositions,
  type SinkRecord,
  TailraceError,
} from '../../src/sdk/index.ts';
import { applyInOrder } from '../../src/sdk/target/apply-in-order.ts';
import { Floors } from '../../src/sdk/target/floors.ts';
import { type FoldedRow, foldRows, layerOf } from '../../src/sdk/target/fold.ts';
import { SinkSession } from '../../src/sdk/target/sink-session.ts';
import { RefusedRows, type Step, stepsOf } from '../../src/sdk/target/steps.ts';
import { inMode, type TableMode } from '../../src/sdk/target/table-mode.ts';
import { type Connection, query } from './connections.ts';
import { asSinkError, refusesRecord, rejection } from './sink-errors.ts';
import type { TargetOffsets } from './sink-offsets.ts';
import type { RowApplier } from './sink-rows.ts';
import type { TargetTable, TargetTables } from './sink-tables.ts';

type Sweep = Extract<Step, { kind: 'sweep' }>;

export interface WriterParts {
  readonly connection: Connection;
  readonly tables: TargetTables;
  readonly offsets: TargetOffsets;
  readonly rows: RowApplier;
  readonly mode: TableMode;
  readonly url: string;
  readonly context: ConnectorContext;
}

export class MysqlSink implements Sink {
  readonly #parts: WriterParts;
  readonly #session: SinkSession;
  readonly #floors = new Floors();
  #open: { next: SinkPositions; readonly epoch: number } | null = null;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#session = new SinkSession((error) => asSinkError(error, parts.url));
    parts.tables.beforeDdl = () => this.#leaveTransaction();
  }

  write(batch: SinkBatch, signal: AbortSignal): Promise<readonly Rejection[]> {
    return this.#session.run(async () => {
      if (batch.records.length === 0 && !this.#parts.offsets.moved(batch.next)) return [];
      const given = inMode(this.#parts.mode, batch.records);
      const steps = stepsOf(given);
      await this.#ensure(steps);
      const open = await this.#begin(batch.epoch);
      const refused = new RefusedRows();
      await applyInOrder(given, refused, (records) => this.#tryRecords(records, refused, signal));
      open.next = batch.next;
      return refused.rejections;
    });
  }

  flush(signal: AbortSignal): Promise<void> {
    return this.#session.run(async () => {
      const { offsets, connection, context } = this.#parts;
      context.failpoint('sink.before-flush');
      if (this.#open === null) return;
      signal.throwIfAborted();
      const { next, epoch } = this.#open;
      await offsets.save(next, epoch);
      await offsets.prune();
      await query(connection, 'COMMIT');
      offsets.saved(next);
      this.#open = null;
    });
  }

  /** What was not flushed is rolled back by the server. */
  async close(): Promise<void> {
    this.#session.end();
    const { connection } = this.#parts;
    await query(connection, 'ROLLBACK').catch(() => {});
    connection.destroy();
  }

  async #ensure(steps: readonly Step[]): Promise<void> {
    const { tables, offsets } = this.#parts;
    const wasOpen = this.#open !== null;
    for (const { table } of steps) {
      if (tables.get(table) !== undefined) continue;
      const { label } = await tables.ensure(table);
      if (!this.#floors.knows(label)) this.#floors.learn(label, await offsets.floor(label, table));
    }
    if (!wasOpen || this.#open !== null) return;
    throw new TailraceError('sink.unreachable', 'tables were made in the midst of a transaction, which starts again');
  }

  /** DDL commits a transaction on this server: what earlier writes put into it would be seen without the rest (Invariant 2). */
  async #leaveTransaction(): Promise<void> {
    if (this.#open === null) return;
    await query(this.#parts.connection, 'ROLLBACK');
    this.#open = null;
  }

  async #begin(epoch: number): Promise<{ next: SinkPositions; readonly epoch: number }> {
    if (this.#open !== null) return this.#open;
    await query(this.#parts.connection, 'BEGIN');
    await this.#parts.offsets.fence(epoch);
    return (this.#open = { next: [], epoch });
  }

  #rowsOf(table: TargetTable, records: readonly SinkRecord[]): readonly FoldedRow[] {
    const live = this.#floors.live(table.label, records);
    if (table.keys.length > 0) return foldRows(live);
    return live.map((record) => ({ key: record.change.key, layers: [layerOf(record)], records: [record] }));
  }

  async #sweep(table: TargetTable, { below, change }: Sweep, spared: readonly string[]): Promise<void> {
    if (!this.#floors.isBelow(table.label, below)) return;
    await this.#parts.rows.keep(table, spared, below);
    await this.#parts.rows.sweep(table, below, change.timeUs);
    await this.#parts.offsets.raiseFloor(table.label, table.source, below);
    this.#floors.learn(table.label, below);
  }

  async #tryRecords(
    records: readonly SinkRecord[],
    refused: RefusedRows,
    signal: AbortSignal,
  ): Promise<TailraceError | null> {
    const { connection, tables } = this.#parts;
    const before = this.#floors.copy();
    await query(connection, 'SAVEPOINT tr_rows');
    try {
      for (const step of stepsOf(records)) {
        signal.throwIfAborted();
        await this.#applyStep(tables.get(step.table)!, step, refused);
      }
      return null;
    } catch (error) {
      if (!refusesRecord(error)) throw error;
      await query(connection, 'ROLLBACK TO SAVEPOINT tr_rows');
      this.#floors.restore(before);
      return rejection(error, tables.get(records[0]!.change.table)!.name);
    }
  }

  async #applyStep(table: TargetTable, step: Step, refused: RefusedRows): Promise<void> {
    if (step.kind === 'sweep') return this.#sweep(table, step, refused.sparedBy(step.change));
    const rows = this.#rowsOf(table, step.records);
    if (rows.length === 0) return;
    if (table.keys.length === 0) await this.#parts.rows.append(table, rows);
    else await this.#parts.rows.apply(table, rows);
  }
}
