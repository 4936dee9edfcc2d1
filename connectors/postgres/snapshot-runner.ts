/** Reads the tables that have to be read, round by round, beside the stream. */
import type { SourceOutput } from '../../src/sdk/index.ts';
import { BoundaryFinder } from './boundary-finder.ts';
import { catalogTable, type Rows } from './catalog.ts';
import type { SqlSession } from './connections.ts';
import { KeyOrder } from './key-order.ts';
import type { SourceOptions } from './names.ts';
import { waitForOlderTransactions } from './older-transactions.ts';
import { type CapturedTable, type Publication, publishedTable, withoutKey } from './publication.ts';
import { SnapshotConnections } from './snapshot-connections.ts';
import { SnapshotPace } from './snapshot-pace.ts';
import { droppedMeanwhile, type Round, readRound } from './snapshot-round.ts';
import { frontier, openRanges, type SnapshotState } from './snapshot-state.ts';
import type { SourceProgress } from './source-progress.ts';
import type { StreamGate } from './stream-gate.ts';

/** Between two tries of a round that could not be read. */
const RETRY_MS = 50;
/** A stream that is behind, by a long transaction say, comes first: what it has to be held against stands in each position. */
const MAX_OPEN_RANGES = 64;

export interface SnapshotRunnerOptions {
  readonly options: SourceOptions;
  readonly sql: SqlSession;
  readonly tables: readonly CapturedTable[];
  readonly publication: Publication;
  readonly progress: SourceProgress;
  readonly gate: StreamGate;
  readonly output: SourceOutput;
  /** Nothing was streamed from the slot before this reader. */
  readonly isFirst: boolean;
}

export class SnapshotRunner {
  readonly pace: SnapshotPace;
  readonly #options: SnapshotRunnerOptions;
  /** Tables whose earlier changes are all to be seen. */
  readonly #ready: Set<string>;
  #connections: SnapshotConnections | null = null;

  constructor(options: SnapshotRunnerOptions) {
    const { clock } = options.options.context;
    this.#options = options;
    this.#ready = new Set(options.isFirst ? options.tables.map(({ label }) => label) : []);
    this.pace = new SnapshotPace(clock, options.options.config.snapshot_chunk_rows ?? null);
  }

  /** Resolves when all is read; rejects when a table cannot be, and with the signal's reason. */
  async run(signal: AbortSignal): Promise<void> {
    const { progress, tables } = this.#options;
    const onAbort = () => void this.#close();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for (;;) {
        signal.throwIfAborted();
        const label = tables.map((table) => table.label).find((one) => this.#isToRead(one));
        if (label === undefined) return;
        await this.#read(tables.find((table) => table.label === label)!, signal);
        if (progress.touched === null) await this.#startOver();
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      await this.#close();
    }
  }

  #isToRead(label: string): boolean {
    const { progress } = this.#options;
    return progress.unread().includes(label) && progress.snapshot(label)?.paused !== true;
  }

  /** Too much was streamed to remember: what is read next waits for all that runs. */
  async #startOver(): Promise<void> {
    this.#ready.clear();
    this.#options.progress.forget(() => true);
  }

  async #close(): Promise<void> {
    const connections = this.#connections;
    this.#connections = null;
    await connections?.close();
  }

  /** Until the table is read, or something of it is changed from outside. */
  async #read(table: CapturedTable, signal: AbortSignal): Promise<void> {
    const { options, sql, progress } = this.#options;
    const { label } = table;
    const order = await this.#orderOf(table);
    const begun = progress.snapshot(label);
    // The key is another one than when the ranges were read.
    if (begun !== undefined && begun.key !== order.fingerprint) progress.readAfresh(label);
    if (!this.#ready.has(label)) await waitForOlderTransactions(options, sql, signal);
    this.#ready.add(label);
    const finder = new BoundaryFinder(sql, table, order);
    const estimate = await finder.estimate();
    this.pace.begin(label, await finder.bytes(), estimate);
    while (this.#isToRead(label) && progress.touched !== null) {
      signal.throwIfAborted();
      const state = progress.snapshot(label) ?? newState(order, estimate);
      const bounds = await finder.bounds(frontier(state), this.pace.chunkRows, options.config.snapshot_connections);
      if (!(await this.#round({ table, published: this.#published(table), state, order, bounds }, signal))) return;
    }
  }

  /** Of its key of now. */
  async #orderOf(table: CapturedTable): Promise<KeyOrder> {
    const { sql } = this.#options;
    const rows: Rows = (text, values) => sql.rows(text, values);
    const catalog = await catalogTable(rows, table);
    if (catalog?.oid !== table.catalog.oid) throw droppedMeanwhile(table);
    const refusal = withoutKey({ ...table, catalog });
    if (refusal !== null) throw refusal;
    return KeyOrder.read(rows, { ...table, catalog });
  }

  #published(table: CapturedTable) {
    const published = publishedTable(this.#options.publication, table);
    if (published === undefined) throw droppedMeanwhile(table);
    return published;
  }

  /** False when the round is not what is to be read any more. */
  async #round(round: Round, signal: AbortSignal): Promise<boolean> {
    const { options, progress, gate, output } = this.#options;
    for (;;) {
      if (!this.#isToRead(round.table.label) || progress.touched === null) return false;
      const state = progress.snapshot(round.table.label);
      if (state !== undefined && openRanges(state) >= MAX_OPEN_RANGES) {
        await options.context.clock.sleep(RETRY_MS, signal);
        continue;
      }
      this.#connections ??= await SnapshotConnections.open(options, () => output.drain());
      const connections = this.#connections;
      const result = await readRound({ options, connections, progress, gate, output }, round, signal);
      if (result === 'stale') return false;
      if (result !== 'not yet') {
        this.pace.read(round.table.label, result.rows, result.heldMs);
        await gate.breathe(result.heldMs, options.context.clock, signal);
        return true;
      }
      await options.context.clock.sleep(RETRY_MS, signal);
    }
  }
}

function newState(order: KeyOrder, estimate: number | null): SnapshotState {
  const key = order.fingerprint;
  return { id: '', kind: 'initial', key, ranges: [], over: false, paused: false, rows: 0, estimate };
}
