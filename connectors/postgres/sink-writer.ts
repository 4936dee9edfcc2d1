/** The sink: batches in one transaction from the first `write` to `flush`, data and positions together. */
import type { Client } from 'pg';
import {
  type ConnectorContext,
  type Rejection,
  type Sink,
  type SinkBatch,
  type SinkPositions,
  type SinkRecord,
  type TableSchema,
  TailraceError,
} from '../../src/sdk/index.ts';
import { applyInOrder } from '../../src/sdk/target/apply-in-order.ts';
import { Floors } from '../../src/sdk/target/floors.ts';
import { SinkSession } from '../../src/sdk/target/sink-session.ts';
import { RefusedRows, type Step, stepsOf } from '../../src/sdk/target/steps.ts';
import { inMode, type TableMode } from '../../src/sdk/target/table-mode.ts';
import { CopyHabit } from './sink-copy-habit.ts';
import { asSinkError, type ErrorPlace, refusesCopy, refusesRecord, rejection } from './sink-errors.ts';
import type { TargetOffsets } from './sink-offsets.ts';
import type { RowApplier } from './sink-rows.ts';
import { sweepSql } from './sink-statements.ts';
import type { TargetTable, TargetTables } from './sink-tables.ts';

/**
 * The session's settings hold for the transaction only, so that a pooler may stand between. A writer that stops in the
 * middle (SIGSTOP, a dead network) must not lock out its successor for ever. Rows are looked up by their keys: a planner that
 * knows nothing of the parameters would rather read the whole table.
 */
const BEGIN = `BEGIN ISOLATION LEVEL READ COMMITTED;
  SET LOCAL idle_in_transaction_session_timeout = '60s'; SET LOCAL lock_timeout = '30s';
  SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC'; SET LOCAL row_security = off;
  SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off;
  SET LOCAL enable_material = off; SET LOCAL jit = off`;

type Sweep = Extract<Step, { kind: 'sweep' }>;

export interface WriterParts {
  readonly client: Client;
  readonly tables: TargetTables;
  readonly offsets: TargetOffsets;
  readonly rows: RowApplier;
  readonly mode: TableMode;
  readonly place: ErrorPlace;
  readonly context: ConnectorContext;
}

export class PostgresSink implements Sink {
  readonly #parts: WriterParts;
  readonly #session: SinkSession;
  readonly #floors = new Floors();
  #open: { next: SinkPositions; readonly epoch: number } | null = null;
  /** Nothing was done behind the savepoint `tr_write`, which every open transaction has. */
  #isFresh = false;
  readonly #copies = new CopyHabit();
  #table: string | undefined;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    const { place } = parts;
    const where = () => (this.#table === undefined ? place : { ...place, table: this.#table });
    this.#session = new SinkSession((error) => asSinkError(error, where()));
  }

  write(batch: SinkBatch, signal: AbortSignal): Promise<readonly Rejection[]> {
    return this.#session.run(async () => {
      if (batch.records.length === 0 && !this.#parts.offsets.moved(batch.next)) return [];
      const open = await this.#begin(batch.epoch);
      const records = inMode(this.#parts.mode, batch.records);
      const steps = stepsOf(records);
      for (const { table } of steps) await this.#ensure(table);
      const rejections = await this.#apply(records, steps, signal);
      open.next = batch.next;
      return rejections;
    });
  }

  flush(signal: AbortSignal): Promise<void> {
    return this.#session.run(async () => {
      const { offsets, client, context } = this.#parts;
      context.failpoint('sink.before-flush');
      if (this.#open === null) return;
      signal.throwIfAborted();
      const { next, epoch } = this.#open;
      await offsets.save(next, epoch);
      await offsets.prune();
      await client.query('COMMIT');
      offsets.saved(next);
      this.#open = null;
    });
  }

  /** What was not flushed is rolled back by the server. */
  async close(): Promise<void> {
    this.#session.end();
    await this.#parts.client.end().catch(() => {});
  }

  async #begin(epoch: number): Promise<{ next: SinkPositions; readonly epoch: number }> {
    if (this.#open !== null) return this.#open;
    this.#isFresh = !(await this.#parts.offsets.begin(BEGIN, 'SAVEPOINT tr_write', epoch));
    return (this.#open = { next: [], epoch });
  }

  async #ensure(table: TableSchema): Promise<void> {
    const { tables, offsets } = this.#parts;
    if (tables.get(table) !== undefined) return;
    this.#table = `${table.schema}.${table.table}`;
    this.#isFresh = false;
    const target = await tables.ensure(table);
    const { label } = target;
    if (!this.#floors.knows(label)) this.#floors.learn(label, await offsets.floor(label, table));
    await this.#parts.rows.ready(target);
    this.#table = undefined;
  }

  async #apply(
    records: readonly SinkRecord[],
    steps: readonly Step[],
    signal: AbortSignal,
  ): Promise<readonly Rejection[]> {
    const { client } = this.#parts;
    const before = this.#floors.copy();
    if (!this.#isFresh) await client.query('RELEASE SAVEPOINT tr_write; SAVEPOINT tr_write');
    this.#isFresh = false;
    for (const mayCopy of [true, false]) {
      try {
        await this.#applySteps(steps, new RefusedRows(), signal, mayCopy);
        return [];
      } catch (error) {
        if (!refuses(error) && !(mayCopy && refusesCopy(error))) throw error;
        await client.query('ROLLBACK TO SAVEPOINT tr_write');
        this.#floors.restore(before);
        // Only a refused COPY is followed by statements for all rows; what refused those will again.
        if (!this.#copies.refused()) break;
      }
    }
    const refused = new RefusedRows();
    await applyInOrder(records, refused, (some) => this.#tryRecords(some, refused, signal));
    return refused.rejections;
  }

  async #applySteps(
    steps: readonly Step[],
    refused: RefusedRows,
    signal: AbortSignal,
    mayCopy: boolean,
  ): Promise<void> {
    const { tables, rows } = this.#parts;
    for (const step of steps) {
      signal.throwIfAborted();
      const table = tables.get(step.table)!;
      this.#table = table.name;
      if (step.kind === 'sweep') await this.#sweep(table, step, refused.sparedBy(step.change));
      else {
        const live = this.#floors.live(table.label, step.records);
        if (!mayCopy || !(await this.#copies.try(table, () => rows.copy(table, live)))) await rows.apply(table, live);
      }
      this.#table = undefined;
    }
  }

  async #tryRecords(
    records: readonly SinkRecord[],
    refused: RefusedRows,
    signal: AbortSignal,
  ): Promise<TailraceError | null> {
    const { client, tables } = this.#parts;
    const before = this.#floors.copy();
    await client.query('SAVEPOINT tr_rows');
    try {
      await this.#applySteps(stepsOf(records), refused, signal, false);
      await client.query('RELEASE SAVEPOINT tr_rows');
      return null;
    } catch (error) {
      if (!refuses(error)) throw error;
      await client.query('ROLLBACK TO SAVEPOINT tr_rows; RELEASE SAVEPOINT tr_rows');
      this.#floors.restore(before);
      const record = records[0]!;
      return error instanceof TailraceError ? error : rejection(error, record, tables.get(record.change.table)!.name);
    }
  }

  async #sweep(table: TargetTable, { below, change }: Sweep, spared: readonly string[]): Promise<void> {
    if (!this.#floors.isBelow(table.label, below)) return;
    await this.#parts.rows.keep(table, spared, below);
    await this.#parts.client.query(sweepSql(table, change.timeUs), [String(below)]);
    await this.#parts.offsets.raiseFloor(table.label, table.source, below);
    this.#floors.learn(table.label, below);
  }
}

/** The server's refusal of a row, or our own before it was sent. */
function refuses(error: unknown): error is Parameters<typeof rejection>[0] | TailraceError {
  return refusesRecord(error) || (error instanceof TailraceError && error.code === 'sink.rejected');
}
