/** Reads the tables that have to be read, one after the other, beside the stream: docs/decisions/2026-11-25-mysql-snapshot.md. */
import { estimate } from './boundary-finder.ts';
import { catalogTable } from './catalog.ts';
import { ChunkPace } from './chunk-pace.ts';
import { droppedMeanwhile } from './chunk-reader.ts';
import { KeyOrder } from './key-order.ts';
import type { TableName } from './names.ts';
import { pushedFilters } from './pushed-filters.ts';
import { absentKeys, conditionOf, type RowsWanted } from './row-condition.ts';
import type { SnapshotState } from './snapshot-state.ts';
import { TableTurn, type TurnContext, type TurnTable } from './table-turn.ts';

/** Between two looks whether there is something to read by now. */
const REST_MS = 1_000;

export interface SnapshotRunnerOptions extends Omit<TurnContext, 'pace'> {
  readonly tables: readonly TableName[];
}

export class SnapshotRunner {
  readonly pace: ChunkPace;
  readonly #context: SnapshotRunnerOptions & TurnContext;
  #reading: string | null = null;
  #woken = Promise.withResolvers<void>();

  constructor(options: SnapshotRunnerOptions) {
    const { context, config } = options.options;
    this.pace = new ChunkPace(context.clock, config.snapshot_chunk_rows ?? null);
    this.#context = { ...options, pace: this.pace };
  }

  /** Reads what there is to read, now and later; rejects when a table cannot be read, and with the signal's reason. */
  async run(signal: AbortSignal): Promise<never> {
    const { progress, tables } = this.#context;
    const onAbort = () => this.wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for (;;) {
        signal.throwIfAborted();
        const table = tables.find(({ label }) => !progress.isPaused && progress.unread().includes(label));
        if (table !== undefined) await this.#read(table, signal);
        else await this.#rest();
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** There may be something to read. */
  wake(): void {
    this.#woken.resolve();
  }

  /** Reads a table once more, which is streamed. */
  async refresh(table: TableName, rows: RowsWanted): Promise<void> {
    const { sql, progress } = this.#context;
    const { order } = await this.#catalogOf(table);
    const where = await conditionOf(rows, table, order, sql);
    const absent = absentKeys(rows, table, order);
    progress.setSnapshot(table.label, { ...newState(order, 'refresh'), where, absent });
    this.wake();
  }

  /** Rows a second; null: not known yet. */
  rate(label: string): number | null {
    return this.pace.rate(label);
  }

  /** The table whose turn it is. */
  get reading(): string | null {
    return this.#reading;
  }

  async #rest(): Promise<void> {
    this.#reading = null;
    const isOver = this.#context.options.context.clock.sleep(REST_MS).catch(() => {});
    await Promise.race([this.#woken.promise, isOver]);
    this.#woken = Promise.withResolvers<void>();
  }

  /** As it is now. */
  async #catalogOf(table: TableName): Promise<TurnTable> {
    const { sql, facts } = this.#context;
    const catalog = await catalogTable((text, values) => sql.rows(text, values), table, facts.flavor);
    if (catalog === undefined || catalog.primaryKey.length === 0) throw droppedMeanwhile(table);
    return { table, catalog, order: KeyOrder.of(catalog) };
  }

  async #read(table: TableName, signal: AbortSignal): Promise<void> {
    const { label } = table;
    this.#reading = label;
    const described = await this.#catalogOf(table);
    const known = this.#context.progress.snapshot(label);
    const { sql, facts } = this.#context;
    const { kind, where } = known ?? { kind: 'initial', where: null };
    const size = await estimate(sql, table, where, facts.flavor);
    const pushed = pushedFilters(this.#context.options, label, described.catalog, { kind, where });
    const rows =
      pushed.length === 0 ? size.rows : (await estimate(sql, table, pushed.join(' AND '), facts.flavor)).rows;
    const release = await this.#context.gate.hold(signal);
    const state = this.#stateOf(label, described.order, rows);
    release();
    if (state === null) return;
    this.pace.begin(label, size.bytes, size.rows);
    await new TableTurn(this.#context, described, state).run(signal);
  }

  /** What is to be read; null: nothing any more. */
  #stateOf(label: string, order: KeyOrder, rows: number | null): SnapshotState | null {
    const { progress } = this.#context;
    if (progress.isPaused || !progress.unread().includes(label)) return null;
    const known = progress.snapshot(label);
    // The key is another one than when the ranges were read: they mean nothing any more.
    const isSame = known?.key === order.fingerprint;
    const state = isSame ? known : { ...newState(order, known?.kind ?? 'initial'), where: known?.where ?? null };
    progress.setSnapshot(label, { ...state, estimate: state.estimate ?? rows });
    return progress.snapshot(label)!;
  }
}

function newState(order: KeyOrder, kind: SnapshotState['kind']): SnapshotState {
  return { id: '', kind, key: order.fingerprint, to: null, where: null, absent: [], rows: 0, estimate: null };
}
