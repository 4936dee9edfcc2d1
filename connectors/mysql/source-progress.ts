/** Where the source stands: the position, which the stream moves on and snapshots add to. */
import { TableCoverage } from './coverage.ts';
import { parseGtidSet } from './gtid.ts';
import {
  type FilePlace,
  isBefore,
  isPaused,
  type MysqlPosition,
  type Place,
  snapshotsOf,
  withHistory,
  withPause,
  withSnapshot,
  withTable,
} from './position.ts';
import type { Rows } from './rows.ts';
import type { Definitions } from './schema-history.ts';
import type { SnapshotState } from './snapshot-state.ts';

/** Where everything is before that somebody may have seen. */
export interface Bound extends FilePlace {
  /** Null: only the place says so. */
  readonly gtid: string | null;
}

interface Waiting {
  readonly bound: Bound;
  readonly resolve: () => void;
}

export class SourceProgress {
  readonly #reads: boolean;
  readonly #rows: Rows;
  readonly #coverages = new Map<string, TableCoverage | undefined>();
  #position: MysqlPosition;
  /** The last one that is durable. */
  #saved: MysqlPosition;
  /** Of the stream; the position may be further, in what was seen already. */
  #at: FilePlace;
  #covers = false;
  #waiting: Waiting[] = [];

  /** @param reads tables that were not read yet will be */
  constructor(position: MysqlPosition, reads: boolean, rows: Rows) {
    this.#position = position;
    this.#saved = position;
    // Where GTIDs lead to is known when the server has said so.
    this.#at = { file: position.file, pos: 0 };
    this.#reads = reads;
    this.#rows = rows;
    this.#changed();
  }

  get position(): MysqlPosition {
    return this.#position;
  }

  /** True while some table has a coverage. */
  get covers(): boolean {
    return this.#covers;
  }

  /** The stream is there, between two transactions. */
  moved(here: Place & Pick<MysqlPosition, 'begun' | 'prepared'>): MysqlPosition {
    const { file, pos } = here;
    this.#at = { file, pos };
    // What GTIDs lead to begins with its file, before what was seen of it.
    const place = isBefore(here, this.#position) ? { gtid: here.gtid, prepared: here.prepared } : here;
    this.#position = { ...this.#position, ...place };
    if (this.#waiting.length > 0) this.#wake();
    return this.#position;
  }

  /** Resolves when the stream is past it. */
  reached(bound: Bound): Promise<void> {
    if (this.#isPast(bound)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ bound, resolve }));
  }

  #isPast(bound: Bound): boolean {
    if (!isBefore(this.#at, bound)) return true;
    const { gtid, flavor } = this.#position;
    if (bound.gtid === null || gtid === null) return false;
    const mariadb = flavor === 'mariadb';
    return parseGtidSet(gtid, mariadb).covers(parseGtidSet(bound.gtid, mariadb));
  }

  snapshot(label: string): SnapshotState | undefined {
    return snapshotsOf(this.#position)[label];
  }

  /** The table's snapshot from now on; null: there is none. */
  setSnapshot(label: string, state: SnapshotState | null): MysqlPosition {
    this.#position = withSnapshot(this.#position, label, state);
    this.#changed(label);
    return this.#position;
  }

  /** The table's snapshot has come to its end. */
  finish(label: string): MysqlPosition {
    this.#position = withTable(this.#position, label, 'past');
    return this.setSnapshot(label, null);
  }

  /** What the tables are here, from the next position on. */
  setHistory(history: Definitions): void {
    this.#position = withHistory(this.#position, history);
  }

  pause(paused: boolean): MysqlPosition {
    this.#position = withPause(this.#position, paused);
    return this.#position;
  }

  get isPaused(): boolean {
    return isPaused(this.#position);
  }

  /** The table is to be read from its beginning, and its stream counts again from there. */
  readAfresh(label: string): MysqlPosition {
    this.#position = withTable(this.#position, label, 'pending');
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

  #unreadAt(position: MysqlPosition): readonly string[] {
    const { tables } = position;
    const snapshots = snapshotsOf(position);
    return Object.keys(tables).filter(
      (label) => snapshots[label] !== undefined || (this.#reads && tables[label]!.read === 'pending'),
    );
  }

  /** Everything up to there is durable. */
  saved(position: MysqlPosition): void {
    this.#saved = position;
  }

  coverage(label: string): TableCoverage | undefined {
    if (!this.#coverages.has(label)) {
      const covered = this.unread().includes(label);
      this.#coverages.set(label, covered ? new TableCoverage(this.snapshot(label), this.#rows) : undefined);
    }
    return this.#coverages.get(label);
  }

  #wake(): void {
    const passed = this.#waiting.filter(({ bound }) => this.#isPast(bound));
    if (passed.length === 0) return;
    this.#waiting = this.#waiting.filter((one) => !passed.includes(one));
    for (const { resolve } of passed) resolve();
  }

  #changed(label?: string): void {
    if (label === undefined) this.#coverages.clear();
    else this.#coverages.delete(label);
    this.#covers = this.unread().length > 0;
  }
}
