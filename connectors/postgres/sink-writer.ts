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
import { type FoldedRow, foldRows, layerOf } from '../../src/sdk/target/fold.ts';
import { RefusedRows, type Step, stepsOf } from '../../src/sdk/target/steps.ts';
import { CopyHabit } from './sink-copy-habit.ts';
import { asSinkError, type ErrorPlace, refusesCopy, refusesRecord, rejection } from './sink-errors.ts';
import type { TargetOffsets } from './sink-offsets.ts';
import { type RowApplier, unfolded } from './sink-rows.ts';
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

export interface WriterParts {
  readonly client: Client;
  readonly tables: TargetTables;
  readonly offsets: TargetOffsets;
  readonly rows: RowApplier;
  readonly place: ErrorPlace;
  readonly context: ConnectorContext;
}

export class PostgresSink implements Sink {
  readonly #parts: WriterParts;
  #floors = new Map<string, bigint>();
  #open: { next: SinkPositions; readonly epoch: number } | null = null;
  /** Which savepoint of the open transaction was set, if any. */
  #savepoint = false;
  readonly #copies = new CopyHabit();
  #table: string | undefined;
  #broken = false;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  write(batch: SinkBatch, signal: AbortSignal): Promise<readonly Rejection[]> {
    return this.#guarded(async () => {
      if (batch.records.length === 0 && !this.#parts.offsets.moved(batch.next)) return [];
      const open = await this.#begin(batch.epoch);
      const steps = stepsOf(batch.records);
      for (const { table } of steps) await this.#ensure(table);
      const rejections = await this.#apply(steps, signal);
      open.next = batch.next;
      return rejections;
    });
  }

  flush(signal: AbortSignal): Promise<void> {
    return this.#guarded(async () => {
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
      this.#savepoint = false;
    });
  }

  /** What was not flushed is rolled back by the server. */
  async close(): Promise<void> {
    this.#broken = true;
    await this.#parts.client.end().catch(() => {});
  }

  /** After any throw the transaction is lost and so is this session: the runtime opens another. */
  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    if (this.#broken) throw new TailraceError('sink.unreachable', 'the session of this sink has ended');
    try {
      return await work();
    } catch (error) {
      this.#broken = true;
      const { place } = this.#parts;
      if (error instanceof Error && error.name === 'AbortError') throw error;
      throw asSinkError(error, this.#table === undefined ? place : { ...place, table: this.#table });
    }
  }

  async #begin(epoch: number): Promise<{ next: SinkPositions; readonly epoch: number }> {
    if (this.#open !== null) return this.#open;
    await this.#parts.offsets.begin(BEGIN, epoch);
    return (this.#open = { next: [], epoch });
  }

  async #ensure(table: TableSchema): Promise<void> {
    const { tables, offsets } = this.#parts;
    if (tables.get(table) !== undefined) return;
    this.#table = `${table.schema}.${table.table}`;
    const target = await tables.ensure(table);
    const { label } = target;
    if (!this.#floors.has(label)) this.#floors.set(label, await offsets.floor(label, table));
    await this.#parts.rows.ready(target);
    this.#table = undefined;
  }

  async #apply(steps: readonly Step[], signal: AbortSignal): Promise<readonly Rejection[]> {
    const { client } = this.#parts;
    const before = new Map(this.#floors);
    await client.query(this.#savepoint ? 'RELEASE SAVEPOINT tr_write; SAVEPOINT tr_write' : 'SAVEPOINT tr_write');
    this.#savepoint = true;
    for (const mayCopy of [true, false]) {
      try {
        for (const step of steps)
          await this.#applyStep(step, signal, (table, records) => this.#applyRows(table, records, mayCopy));
        return [];
      } catch (error) {
        if (!refuses(error) && !(mayCopy && refusesCopy(error))) throw error;
        await client.query('ROLLBACK TO SAVEPOINT tr_write');
        this.#floors = new Map(before);
        // Only a refused COPY is followed by statements for all rows; what refused those will again.
        if (!this.#copies.refused()) break;
      }
    }
    const refused = new RefusedRows();
    for (const step of steps)
      await this.#applyStep(step, signal, (table, records) => this.#search(table, foldedRows(table, records), refused));
    return refused.rejections;
  }

  async #applyRows(table: TargetTable, records: readonly SinkRecord[], mayCopy: boolean): Promise<void> {
    const { rows } = this.#parts;
    if (mayCopy && (await this.#copies.try(table, () => rows.copy(table, records)))) return;
    await rows.apply(table, records);
  }

  async #applyStep(
    step: Step,
    signal: AbortSignal,
    apply: (table: TargetTable, records: readonly SinkRecord[]) => Promise<void>,
  ): Promise<void> {
    signal.throwIfAborted();
    const table = this.#parts.tables.get(step.table)!;
    this.#table = table.name;
    if (step.kind === 'sweep') await this.#sweep(table, step);
    else await apply(table, this.#live(table, step.records));
    this.#table = undefined;
  }

  /** Invariant 7: what lies below the table's floor was removed by a truncate or sweep and stays so. */
  #live(table: TargetTable, records: readonly SinkRecord[]): readonly SinkRecord[] {
    const floor = this.#floors.get(table.label) ?? 0n;
    return floor === 0n ? records : records.filter(({ change }) => change.version >= floor);
  }

  async #sweep(table: TargetTable, { below, except }: Extract<Step, { kind: 'sweep' }>): Promise<void> {
    if (below <= (this.#floors.get(table.label) ?? 0n)) return;
    await this.#parts.rows.keep(table, except, below);
    await this.#parts.client.query(sweepSql(table), [String(below)]);
    await this.#parts.offsets.raiseFloor(table.label, table.source, below);
    this.#floors.set(table.label, below);
  }

  /** Applies what the server takes and collects the rest, in as few statements as halving needs. */
  async #search(table: TargetTable, rows: readonly FoldedRow[], refused: RefusedRows): Promise<void> {
    const [behind, free] = partition(rows, ({ records }) => refused.any && refused.has(records[0]!));
    await this.#try(table, free, refused);
    for (const { records } of behind) await this.#tryEach(table, records, refused);
  }

  async #try(table: TargetTable, rows: readonly FoldedRow[], refused: RefusedRows): Promise<void> {
    if (rows.length === 0) return;
    const { client } = this.#parts;
    await client.query('SAVEPOINT tr_rows');
    try {
      await this.#parts.rows.applyFolded(table, rows);
      await client.query('RELEASE SAVEPOINT tr_rows');
      return;
    } catch (error) {
      if (!refuses(error)) throw error;
      await client.query('ROLLBACK TO SAVEPOINT tr_rows; RELEASE SAVEPOINT tr_rows');
      const [first] = rows;
      if (rows.length === 1 && first!.records.length === 1) {
        const record = first!.records[0]!;
        refused.reject(record, error instanceof TailraceError ? error : rejection(error, record, table.name));
        return;
      }
    }
    if (rows.length === 1) return this.#tryEach(table, rows[0]!.records, refused);
    const middle = rows.length >> 1;
    await this.#try(table, rows.slice(0, middle), refused);
    await this.#try(table, rows.slice(middle), refused);
  }

  /** The changes of one row in their order, so that those before and after a refused one are applied (Invariant 6). */
  async #tryEach(table: TargetTable, records: readonly SinkRecord[], refused: RefusedRows): Promise<void> {
    for (const record of records) {
      if (!refused.holds(record)) await this.#try(table, [unfolded(record, layerOf(record))], refused);
    }
  }
}

function foldedRows({ keys }: TargetTable, records: readonly SinkRecord[]): readonly FoldedRow[] {
  return keys.length === 0 ? records.map((record) => unfolded(record, layerOf(record))) : foldRows(records);
}

/** The server's refusal of a row, or our own before it was sent. */
function refuses(error: unknown): error is Parameters<typeof rejection>[0] | TailraceError {
  return refusesRecord(error) || (error instanceof TailraceError && error.code === 'sink.rejected');
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  const yes: T[] = [];
  const no: T[] = [];
  for (const item of items) (test(item) ? yes : no).push(item);
  return [yes, no];
}
