/**
 * How far one table was read, and in which snapshots: docs/decisions/2026-11-25-snapshots-in-chunks.md. Immutable; kept in the
 * source's position.
 */
import { z } from '../../src/sdk/index.ts';
import { parseLsn } from './lsn.ts';

/** Texts of the key columns in key order, as the stream sends them; base64, since they may be in any encoding. */
const key = z.array(z.string());

const reading = z.strictObject({
  /** As text of `pg_snapshot`. */
  snapshot: z.string(),
  /** Commits at or after this WAL position were made after the snapshot: no comparison is needed any more. */
  until: z.string(),
});

const range = z.strictObject({
  /** Last key of the range, which begins behind the one before it; null: to the end of the table. */
  to: key.nullable(),
  /** `past`: the stream is past all that the snapshot saw. */
  read: z.union([z.literal('past'), reading]),
  /** The rows that were read, where not all of the range were; null: all. */
  keys: z.array(key).nullable(),
});

export const snapshotState = z.strictObject({
  /** Stands in the markers. */
  id: z.string(),
  /**
   * `initial`: the table was never read, its stream counts from each range's reading on. `refresh`: the table is streamed and
   * read once more.
   */
  kind: z.enum(['initial', 'refresh']),
  /** Names and types of the key columns (`KeyOrder.fingerprint`): the ranges mean nothing under another key. */
  key: z.string(),
  /** In key order, without holes from the beginning. */
  ranges: z.array(range),
  /** The last range reaches the end of the table. */
  over: z.boolean(),
  /** SQL condition of the rows that are read; null: all. */
  where: z.string().nullable(),
  /** Become deletes where the last step finds no row. */
  absent: z.array(key).default([]),
  /** Nothing more is read; what was is still held against the stream. */
  cancelled: z.boolean(),
  /** Read so far. */
  rows: z.number(),
  /** What the server thinks that the table has; null when it does not know. */
  estimate: z.number().nullable(),
});

export type Key = z.output<typeof key>;
export type Reading = z.output<typeof reading>;
export type SnapshotState = z.output<typeof snapshotState>;

/** The state once the stream is at `lsn`; null when nothing is left to read or to compare. */
export function passed(state: SnapshotState, lsn: bigint): SnapshotState | null {
  const isPassed = ({ read }: SnapshotState['ranges'][number]) => read !== 'past' && parseLsn(read.until) <= lsn;
  if (!state.ranges.some(isPassed)) return state;
  const ranges: SnapshotState['ranges'] = [];
  for (const one of state.ranges) {
    const now = isPassed(one) ? { to: one.to, read: 'past' as const, keys: null } : one;
    // Neighbours that are past are one range.
    if (now.read === 'past' && ranges.at(-1)?.read === 'past') ranges.pop();
    ranges.push(now);
  }
  return (state.over || state.cancelled) && ranges.every(({ read }) => read === 'past') ? null : { ...state, ranges };
}

/** Where the next reading begins: behind this key; null: at the beginning of the table. */
export const frontier = ({ ranges }: SnapshotState): Key | null => ranges.at(-1)?.to ?? null;

/** The state of a snapshot that nobody wants any more; null when nothing is left of it. */
export function cancelled(state: SnapshotState): SnapshotState | null {
  return openRanges(state) === 0 ? null : { ...state, cancelled: true };
}

/** Ranges that still have to be held against the stream. */
export const openRanges = ({ ranges }: SnapshotState): number => ranges.filter(({ read }) => read !== 'past').length;

/** With one more range read. @param to null: to the end of the table */
export function withRange(
  state: SnapshotState,
  to: Key | null,
  read: Reading,
  rows: number,
  keys: readonly Key[] | null = null,
): SnapshotState {
  const ranges = [...state.ranges];
  if (keys !== null) {
    ranges.push({ to, read, keys: [...keys] });
    return { ...state, ranges, over: to === null, rows: state.rows + rows };
  }
  const last = ranges.at(-1)?.read;
  // What two equal snapshots saw was committed before the first of them.
  const isSame = last !== undefined && last !== 'past' && last.snapshot === read.snapshot;
  if (isSame) ranges.pop();
  ranges.push({ to, read: isSame ? last : read, keys: null });
  return { ...state, ranges, over: to === null, rows: state.rows + rows };
}
