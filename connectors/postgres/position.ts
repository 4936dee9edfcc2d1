/** The source's resume point as it stands in its checkpoint. */
import { type Position, TailraceError, z } from '../../src/sdk/index.ts';
import { formatLsn, parseLsn } from './lsn.ts';

const tableState = z.strictObject({
  /** Of the table that was read: one that was dropped and made again is another. */
  oid: z.number(),
  /** How it was read; null once the stream is past all that the snapshot saw. */
  read: z.strictObject({ snapshot: z.string(), until: z.string() }).nullable(),
});

const format = z.strictObject({
  v: z.literal(1),
  /** System identifier and timeline: the incarnation (Invariant 11). */
  system: z.string(),
  timeline: z.number(),
  slot: z.string(),
  /** Everything that committed below has been delivered; `X/Y`. */
  lsn: z.string(),
  /** Tables that have been read, by `schema.table`. */
  tables: z.record(z.string(), tableState),
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
  const tables = Object.entries(position.tables).map(([name, { oid, read }]): [string, TableState] => [
    name,
    { oid, read: read !== null && parseLsn(read.until) <= lsn ? null : read },
  ]);
  return { ...position, lsn: formatLsn(lsn), tables: Object.fromEntries(tables) };
}

/** True while a table's snapshot has to be held against streamed transactions. */
export function comparesSnapshots({ tables }: PostgresPosition): boolean {
  return Object.values(tables).some(({ read }) => read !== null);
}
