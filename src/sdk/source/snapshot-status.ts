/** Progress of the snapshots of a source as its status shows it. */
import type { SnapshotStatus } from '../../contracts/upstream.ts';

/** How far one table was read. */
export interface ReadSoFar {
  readonly kind: SnapshotStatus['kind'];
  readonly rows: number;
  readonly estimate: number | null;
}

export interface SnapshotsAtWork {
  /** Labels of the tables of which something is to be read. */
  unread(): readonly string[];
  /** The same as of the last position that is durable, without tables that are captured no more. */
  unreadWhenSaved(): readonly string[];
  /** Undefined: nothing of it was read. */
  snapshot(label: string): ReadSoFar | undefined;
  readonly isPaused: boolean;
}

export interface ReadingPace {
  /** The table whose turn it is. */
  readonly reading: string | null;
  /** Rows a second; null: not known yet. */
  rate(label: string): number | null;
}

/** A table is shown until its last row is durable: who sees that nothing is being read finds all rows in the log. */
export function snapshotStatuses(work: SnapshotsAtWork, pace: ReadingPace): readonly SnapshotStatus[] {
  const unread = work.unread();
  const unsaved = work.unreadWhenSaved().filter((label) => !unread.includes(label));
  const saving = unsaved.map((label) => status(label, 'reading', work, pace));
  const state = (label: string) => (work.isPaused ? 'paused' : pace.reading === label ? 'reading' : 'waiting');
  return [...saving, ...unread.map((label) => status(label, state(label), work, pace))];
}

function status(
  table: string,
  state: SnapshotStatus['state'],
  work: SnapshotsAtWork,
  pace: ReadingPace,
): SnapshotStatus {
  const { kind = 'initial', rows = 0, estimate = null } = work.snapshot(table) ?? {};
  const rate = state === 'paused' ? null : pace.rate(table);
  const share = estimate === null ? null : Math.floor((100 * rows) / Math.max(1, estimate));
  const left = estimate === null ? null : Math.max(0, estimate - rows);
  return {
    table,
    kind,
    state,
    rows,
    estimatedRows: estimate,
    // An estimate is none that says 100 before the end.
    percent: share === null ? null : Math.min(99, share),
    rowsPerSecond: rate === null ? null : Math.round(rate),
    etaSeconds: left === null || rate === null || rate <= 0 ? null : Math.ceil(left / rate),
  };
}
