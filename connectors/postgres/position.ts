/** The source's resume point as it stands in its checkpoint. */
import { type Position, TailraceError, z } from '../../src/sdk/index.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import { passed, type SnapshotState, snapshotState } from './snapshot-state.ts';

const tableState = z.strictObject({
  /** Of the table: one that was dropped and made again is another. */
  oid: z.number(),
  /** What puts it into the publication (`PublishedTable.entry`). */
  entry: z.string(),
  /** `pending`: published since the slot was made, not wholly read yet. `past`: read. */
  read: z.enum(['pending', 'past']),
});

const format = z.strictObject({
  v: z.literal(1),
  /** System identifier and timeline: the incarnation (Invariant 11). */
  system: z.string(),
  timeline: z.number(),
  slot: z.string(),
  /** Its oid; null before a reader has seen it. */
  publication: z.string().nullable(),
  /** Transaction id that last altered it; null: not known. */
  altered: z.string().nullable().default(null),
  /** Everything that committed below has been delivered; `X/Y`. */
  lsn: z.string(),
  /** Captured tables, by `schema.table`. */
  tables: z.record(z.string(), tableState),
  /** Holds keys of rows: the runtime never shows what is under this name (Invariant 12). */
  private: z
    .strictObject({
      /** By `schema.table`: being read, or read and still to be held against the stream. */
      snapshots: z.record(z.string(), snapshotState),
      /** Nothing is read until somebody says so. */
      paused: z.boolean(),
    })
    .nullable()
    .default(null),
});

export type TableState = z.output<typeof tableState>;
export type PostgresPosition = z.output<typeof format>;

/** Throws `source.gap` for a position that another program or version wrote. */
export function readPosition(position: Position): PostgresPosition {
  const parsed = format.safeParse(position);
  if (parsed.success) return parsed.data;
  throw new TailraceError('source.gap', 'the saved position of the source cannot be read by this version', {
    remedy: 'use the version that wrote it, or set `on_gap: resnapshot` on the source',
  });
}

/** The position at `lsn`, without comparisons that the stream has passed there. */
export function advanced(position: PostgresPosition, lsn: bigint): PostgresPosition {
  const states = Object.entries(snapshotsOf(position));
  const now = states.map(([label, state]) => [label, passed(state, lsn)] as const);
  const moved = { ...position, lsn: formatLsn(lsn) };
  return now.every(([, state], i) => state === states[i]![1]) ? moved : withSnapshots(moved, now);
}

export const snapshotsOf = (position: PostgresPosition): Readonly<Record<string, SnapshotState>> =>
  position.private?.snapshots ?? {};

/** The position with the table's snapshot as it is now; one that reached its end makes the table read. */
export function withSnapshot(position: PostgresPosition, label: string, state: SnapshotState | null): PostgresPosition {
  const tables = { ...position.tables };
  if (state?.kind === 'initial' && state.over) tables[label] = { ...tables[label]!, read: 'past' };
  const others = Object.entries(snapshotsOf(position)).filter(([other]) => other !== label);
  return withSnapshots({ ...position, tables }, [...others, [label, state]]);
}

/** The position without tables that are not among the labels; the same object when there are none. */
export function withoutOthers(position: PostgresPosition, labels: readonly string[]): PostgresPosition {
  const all = Object.entries(position.tables);
  const kept = all.filter(([label]) => labels.includes(label));
  if (kept.length === all.length) return position;
  const snapshots = Object.entries(snapshotsOf(position)).filter(([label]) => labels.includes(label));
  return withSnapshots({ ...position, tables: Object.fromEntries(kept) }, snapshots);
}

export const isPaused = (position: PostgresPosition): boolean => position.private?.paused ?? false;

export function withPause(position: PostgresPosition, paused: boolean): PostgresPosition {
  const snapshots = snapshotsOf(position);
  const nothing = !paused && Object.keys(snapshots).length === 0;
  return { ...position, private: nothing ? null : { snapshots, paused } };
}

function withSnapshots(
  position: PostgresPosition,
  entries: readonly (readonly [string, SnapshotState | null])[],
): PostgresPosition {
  const kept = entries.filter((entry): entry is readonly [string, SnapshotState] => entry[1] !== null);
  return withPause(
    { ...position, private: { snapshots: Object.fromEntries(kept), paused: false } },
    isPaused(position),
  );
}

/** True while a streamed transaction may have to be held against a snapshot. */
export function comparesSnapshots(position: PostgresPosition): boolean {
  return Object.keys(snapshotsOf(position)).length > 0;
}

/** The LSN of a position, as a number. */
export const lsnOf = ({ lsn }: PostgresPosition): bigint => parseLsn(lsn);
