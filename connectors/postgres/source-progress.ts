/** Where the source stands: the position, which the stream moves on and snapshots add to. */
import type { Rows } from './catalog.ts';
import { TableCoverage } from './coverage.ts';
import { formatLsn } from './lsn.ts';
import {
  advanced,
  comparesSnapshots,
  isPaused,
  lsnOf,
  type PostgresPosition,
  snapshotsOf,
  withPause,
  withSnapshot,
} from './position.ts';
import type { SnapshotState } from './snapshot-state.ts';

/** Transactions that are remembered; beyond, those that run have to be waited for again. */
const MAX_TOUCHED = 10_000;

export class SourceProgress {
  readonly #rows: Rows;
  readonly #reads: boolean;
  readonly #coverages = new Map<string, TableCoverage | undefined>();
  #position: PostgresPosition;
  /** The last one that is durable. */
  #saved: PostgresPosition;
  #lsn: bigint;
  #covers = false;
  #touched: Set<number> | null = new Set();

  /** @param reads tables that were not read yet will be */
  constructor(position: PostgresPosition, reads: boolean, rows: Rows) {
    this.#position = position;
    this.#saved = position;
    this.#lsn = lsnOf(position);
    this.#reads = reads;
    this.#rows = rows;
    this.#changed();
  }

  get position(): PostgresPosition {
    return this.#position;
  }

  /** Of the last position given, or of the one read from. */
  get lsn(): bigint {
    return this.#lsn;
  }

  /** True while some table has a coverage. */
  get covers(): boolean {
    return this.#covers;
  }

  /** The stream has delivered everything below. */
  at(lsn: bigint): PostgresPosition {
    this.#lsn = lsn;
    const former = this.#position;
    if (comparesSnapshots(former)) {
      this.#position = advanced(former, lsn);
      if (this.#position.private?.snapshots !== former.private?.snapshots) this.#changed();
    } else {
      this.#position = { ...former, lsn: formatLsn(lsn) };
    }
    return this.#position;
  }

  snapshot(label: string): SnapshotState | undefined {
    return snapshotsOf(this.#position)[label];
  }

  /** The table's snapshot from now on; null: there is none. */
  setSnapshot(label: string, state: SnapshotState | null): PostgresPosition {
    this.#position = withSnapshot(this.#position, label, state);
    this.#changed();
    return this.#position;
  }

  get isPaused(): boolean {
    return isPaused(this.#position);
  }

  pause(paused: boolean): PostgresPosition {
    this.#position = withPause(this.#position, paused);
    return this.#position;
  }

  /** The table is to be read from its beginning, and its stream counts again from there. */
  readAfresh(label: string): PostgresPosition {
    const { tables } = this.#position;
    this.#position = { ...this.#position, tables: { ...tables, [label]: { ...tables[label]!, read: 'pending' } } };
    return this.setSnapshot(label, null);
  }

  /** Labels of the tables of which something is to be read. */
  unread(): readonly string[] {
    return this.#unreadAt(this.#position);
  }

  /** The same as of the last position that is durable, without tables that are captured no more. */
  unreadWhenSaved(): readonly string[] {
    return this.#unreadAt(this.#saved).filter((label) => label in this.#position.tables);
  }

  #unreadAt(position: PostgresPosition): readonly string[] {
    const { tables } = position;
    return Object.keys(tables).filter((label) => {
      const state = snapshotsOf(position)[label];
      return state === undefined ? this.#reads && tables[label]!.read === 'pending' : !state.over && !state.cancelled;
    });
  }

  /** Everything up to there is durable. */
  saved(position: PostgresPosition): void {
    this.#saved = position;
  }

  coverage(label: string): TableCoverage | undefined {
    if (!this.#coverages.has(label)) this.#coverages.set(label, this.#coverageOf(label));
    return this.#coverages.get(label);
  }

  #coverageOf(label: string): TableCoverage | undefined {
    const state = this.snapshot(label);
    const isPending = this.#reads && this.#position.tables[label]?.read === 'pending';
    if (state === undefined && !isPending) return undefined;
    return new TableCoverage(state, this.#rows);
  }

  /** A streamed transaction has changed a table that has a coverage. */
  touch(xid: number): void {
    this.#touched?.add(xid);
    if ((this.#touched?.size ?? 0) > MAX_TOUCHED) this.#touched = null;
  }

  /** Transactions since the last `forget`; null: too many. */
  get touched(): ReadonlySet<number> | null {
    return this.#touched;
  }

  /** Those that are left are all that has to be remembered. */
  forget(isDone: (xid: number) => boolean): void {
    this.#touched = new Set([...(this.#touched ?? [])].filter((xid) => !isDone(xid)));
  }

  #changed(): void {
    this.#coverages.clear();
    this.#covers = comparesSnapshots(this.#position) || this.unread().length > 0;
  }
}
