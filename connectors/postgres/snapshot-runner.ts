/** Reads the tables that have to be read, round by round, beside the stream. */
import type { SourceOutput } from '../../src/sdk/index.ts';
import { BoundaryFinder } from './boundary-finder.ts';
import { catalogTable, type Rows } from './catalog.ts';
import type { SqlSession } from './connections.ts';
import { KeyOrder } from './key-order.ts';
import type { SourceOptions } from './names.ts';
import { waitForOlderTransactions } from './older-transactions.ts';
import { comparesSnapshots, isPaused } from './position.ts';
import type { CapturedTable, Publication } from './publication.ts';
import { withoutKey } from './publication-problems.ts';
import { pushedFilters } from './pushed-filters.ts';
import { absentKeys, conditionOf, type RowsWanted } from './row-condition.ts';
import { SnapshotConnections } from './snapshot-connections.ts';
import { SnapshotPace } from './snapshot-pace.ts';
import { droppedMeanwhile, type Round, readRound } from './snapshot-round.ts';
import { frontier, openRanges, type SnapshotState } from './snapshot-state.ts';
import type { SourceProgress } from './source-progress.ts';
import type { StreamGate } from './stream-gate.ts';

/** Between two looks whether there is something to read by now. */
const REST_MS = 1_000;
/** Between two tries of a round that could not be read. */
const RETRY_MS = 50;
/** A stream that is behind, by a long transaction say, comes first: what it has to be held against stands in each position. */
const MAX_OPEN_RANGES = 64;
/** Rows of a step of a part of a table: their keys stand in each position until the stream is past them. */
const MAX_KEYS = 500;

export interface SnapshotRunnerOptions {
  readonly options: SourceOptions;
  readonly sql: SqlSession;
  readonly tables: readonly CapturedTable[];
  readonly publication: Publication;
  readonly progress: SourceProgress;
  readonly gate: StreamGate;
  readonly output: SourceOutput;
  /** Has the server say how far the stream is, which may have nothing to send. */
  readonly ask: () => void;
  /** Nothing was streamed from the slot before this reader. */
  readonly isFirst: boolean;
}

export class SnapshotRunner {
  readonly pace: SnapshotPace;
  readonly #options: SnapshotRunnerOptions;
  /** Tables whose earlier changes are all to be seen. */
  readonly #ready: Set<string>;
  #connections: SnapshotConnections | null = null;
  #reading: string | null = null;
  #woken = Promise.withResolvers<void>();

  constructor(options: SnapshotRunnerOptions) {
    const { clock } = options.options.context;
    this.#options = options;
    this.#ready = new Set(options.isFirst ? options.tables.map(({ label }) => label) : []);
    this.pace = new SnapshotPace(clock, options.options.config.snapshot_chunk_rows ?? null);
  }

  /** Reads what there is to read, now and later; rejects when a table cannot be read, and with the signal's reason. */
  async run(signal: AbortSignal): Promise<never> {
    const { progress, tables } = this.#options;
    const onAbort = () => {
      this.wake();
      void this.#close();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for (;;) {
        signal.throwIfAborted();
        if (progress.touched === null) this.#startOver();
        const table = tables.find(({ label }) => this.#isToRead(label));
        if (table !== undefined) await this.#read(table, signal);
        else await this.#rest();
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      await this.#close();
    }
  }

  /** There may be something to read. */
  wake(): void {
    this.#woken.resolve();
  }

  /** Reads a table once more, which is streamed. Waits until the stream is past what an earlier reading saw. */
  async refresh(table: CapturedTable, rows: RowsWanted): Promise<void> {
    const { options, progress } = this.#options;
    const order = await this.#orderOf(table);
    const where = await conditionOf(rows, table, order, this.#options.sql);
    const absent = absentKeys(rows, order);
    while (progress.snapshot(table.label) !== undefined) {
      this.#options.ask();
      await options.context.clock.sleep(RETRY_MS);
    }
    this.#ready.delete(table.label);
    this.#options.progress.setSnapshot(table.label, { ...newState(order, null, 'refresh'), where, absent });
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
    await this.#close();
    if (comparesSnapshots(this.#options.progress.position)) this.#options.ask();
    // What the stream has truncated meanwhile is to be read as well.
    const isWoken = this.#options.options.context.clock.sleep(REST_MS).catch(() => {});
    await Promise.race([this.#woken.promise, isWoken]);
    this.#woken = Promise.withResolvers<void>();
  }

  #isToRead(label: string): boolean {
    const { progress } = this.#options;
    return !isPaused(progress.position) && progress.unread().includes(label);
  }

  /** Too much was streamed to remember: what is read next waits for all that runs. */
  #startOver(): void {
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
    this.#reading = label;
    const order = await this.#orderOf(table);
    const begun = progress.snapshot(label);
    // The key is another one than when the ranges were read.
    if (begun !== undefined && begun.key !== order.fingerprint) progress.readAfresh(label);
    if (!this.#ready.has(label)) await waitForOlderTransactions(options, sql, signal);
    this.#ready.add(label);
    const finder = new BoundaryFinder(sql, table, order);
    const rows: Rows = (text, values) => sql.rows(text, values);
    const pushed = await pushedFilters(options, table, progress.snapshot(label), rows);
    const all = await finder.estimate(begun?.where ?? null);
    const estimate = pushed.length === 0 ? all : await finder.estimate(pushed.join(' AND '));
    this.pace.begin(label, await finder.bytes(), all);
    while (this.#isToRead(label) && progress.touched !== null) {
      signal.throwIfAborted();
      const known = progress.snapshot(label) ?? newState(order, estimate, 'initial');
      const state = known.estimate === null ? { ...known, estimate } : known;
      const ranges = await this.#ranges(finder, state);
      const isLast = ranges.bounds.at(-1) === null;
      const absent = isLast ? state.absent : [];
      const round = { table, publication: this.#options.publication, state, order, absent, ...ranges };
      if (!(await this.#round(round, signal))) return;
    }
  }

  /** What is read next. */
  async #ranges(finder: BoundaryFinder, state: SnapshotState): Promise<Pick<Round, 'bounds' | 'keys'>> {
    const { chunkRows } = this.pace;
    const { where } = state;
    if (where === null) {
      const count = this.#options.options.config.snapshot_connections;
      return { bounds: await finder.bounds(frontier(state), chunkRows, count), keys: null };
    }
    const most = Math.min(chunkRows, MAX_KEYS);
    const keys = await finder.keys(frontier(state), most, where);
    return { bounds: [keys.length < most ? null : keys.at(-1)!], keys };
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

  /** False when the round is not what is to be read any more. */
  async #round(round: Round, signal: AbortSignal): Promise<boolean> {
    const { options, progress, gate, output } = this.#options;
    for (;;) {
      if (!this.#isToRead(round.table.label) || progress.touched === null) return false;
      const state = progress.snapshot(round.table.label);
      if (state !== undefined && openRanges(state) >= MAX_OPEN_RANGES) {
        this.#options.ask();
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

function newState(order: KeyOrder, estimate: number | null, kind: SnapshotState['kind']): SnapshotState {
  const key = order.fingerprint;
  const none = { ranges: [], over: false, where: null, absent: [], cancelled: false, rows: 0 };
  return { id: '', kind, key, ...none, estimate };
}
