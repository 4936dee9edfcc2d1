/** The source's resume point as it stands in its checkpoint. */
import { type Position, TailraceError, z } from '../../src/sdk/index.ts';
import { type Definitions, definitions } from './schema-history.ts';
import { type SnapshotState, snapshotState } from './snapshot-state.ts';

/** A place in the history: the transactions before it, and where that is in this server's own files. */
const place = z.strictObject({
  /** Set of the transactions before it; null where the server numbers none. */
  gtid: z.string().nullable(),
  file: z.string(),
  /** Byte behind the last transaction. */
  pos: z.number(),
});

const tableState = z.strictObject({
  /** `pending`: not wholly read yet. `past`: read, or never to be. */
  read: z.enum(['pending', 'past']),
});

const format = z.strictObject({
  v: z.literal(1),
  flavor: z.literal(['mysql', 'mariadb']),
  /** Which server the file is of: its uuid, or what stands for it (Invariant 11). */
  server: z.string(),
  ...place.shape,
  /** When the file was begun, s since 1970: tells files of one name apart. */
  begun: z.number(),
  /** Captured tables, by `schema.table`. */
  tables: z.record(z.string(), tableState),
  /** XA transactions that are prepared here, where the numbers have no holes for them (MariaDB). */
  prepared: z.array(z.strictObject({ gtid: z.string(), before: z.string() })).default([]),
  /** Columns of the tables here; null: the rows of the log say which they have. */
  history: definitions.nullable().default(null),
  /** Holds keys of rows: the runtime never shows what is under this name (Invariant 12). */
  private: z
    .strictObject({
      /** By `schema.table`: being read. */
      snapshots: z.record(z.string(), snapshotState),
      /** Nothing is read until somebody says so. */
      paused: z.boolean(),
    })
    .nullable()
    .default(null),
});

export type Place = z.output<typeof place>;
export type TableState = z.output<typeof tableState>;
export type MysqlPosition = z.output<typeof format>;

/** Throws `source.gap` for a position that another program or version wrote. */
export function readPosition(position: Position): MysqlPosition {
  const parsed = format.safeParse(position);
  if (parsed.success) return parsed.data;
  throw new TailraceError('source.gap', 'the saved position of the source cannot be read by this version', {
    remedy: 'use the version that wrote it, or set `on_gap: resnapshot` on the source',
  });
}

export interface FilePlace {
  readonly file: string;
  readonly pos: number;
}

/** Binary log files are numbered: `binlog.000009` is before `binlog.1000000`. */
export function isBefore(a: FilePlace, b: FilePlace): boolean {
  const [first, second] = [fileNumber(a.file), fileNumber(b.file)];
  return first < second || (first === second && a.pos < b.pos);
}

export const fileNumber = (file: string): number => Number(/\.(\d+)$/.exec(file)?.[1] ?? Number.NaN);

export const snapshotsOf = (position: MysqlPosition): Readonly<Record<string, SnapshotState>> =>
  position.private?.snapshots ?? {};

/** The position with the table's snapshot as it is now; null: there is none. */
export function withSnapshot(position: MysqlPosition, label: string, state: SnapshotState | null): MysqlPosition {
  const { [label]: _, ...others } = snapshotsOf(position);
  const snapshots = state === null ? others : { ...others, [label]: state };
  return withPrivate(position, snapshots, isPaused(position));
}

export const withHistory = (position: MysqlPosition, history: Definitions | null): MysqlPosition => ({
  ...position,
  history,
});

export const isPaused = (position: MysqlPosition): boolean => position.private?.paused ?? false;

export const withPause = (position: MysqlPosition, paused: boolean): MysqlPosition =>
  withPrivate(position, snapshotsOf(position), paused);

export function withTable(position: MysqlPosition, label: string, read: TableState['read']): MysqlPosition {
  return { ...position, tables: { ...position.tables, [label]: { read } } };
}

function withPrivate(
  position: MysqlPosition,
  snapshots: Readonly<Record<string, SnapshotState>>,
  paused: boolean,
): MysqlPosition {
  const nothing = !paused && Object.keys(snapshots).length === 0;
  return { ...position, private: nothing ? null : { snapshots, paused } };
}
