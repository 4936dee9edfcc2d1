/** The source's resume point as it stands in its checkpoint. */
import { type Position, TailraceError, z } from '../../src/sdk/index.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import { Visibility } from './visibility.ts';

const tableState = z.strictObject({
  /** Of the table: one that was dropped and made again is another. */
  oid: z.number(),
  /** What puts it into the publication (`PublishedTable.entry`). */
  entry: z.string(),
  /**
   * `pending`: published since the slot was made, not read yet. Else how it was read, and `past` once the stream is past all
   * that the snapshot saw.
   */
  read: z.union([z.literal('pending'), z.literal('past'), z.strictObject({ snapshot: z.string(), until: z.string() })]),
});

const format = z.strictObject({
  v: z.literal(1),
  /** System identifier and timeline: the incarnation (Invariant 11). */
  system: z.string(),
  timeline: z.number(),
  slot: z.string(),
  /** Its oid; null before a reader has seen it. */
  publication: z.string().nullable(),
  /** Everything that committed below has been delivered; `X/Y`. */
  lsn: z.string(),
  /** Captured tables, by `schema.table`. */
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
  const tables = Object.entries(position.tables).map(([name, { oid, entry, read }]): [string, TableState] => {
    const passed = typeof read !== 'string' && parseLsn(read.until) <= lsn;
    return [name, { oid, entry, read: passed ? 'past' : read }];
  });
  return { ...position, lsn: formatLsn(lsn), tables: Object.fromEntries(tables) };
}

/** Snapshots that have to be held against streamed transactions, by table. */
export function comparedSnapshots({ tables }: PostgresPosition): ReadonlyMap<string, Visibility> {
  return new Map(
    Object.entries(tables).flatMap(([label, { read }]) =>
      typeof read === 'string' ? [] : [[label, new Visibility(read)] as const],
    ),
  );
}

/** True while `comparedSnapshots` is not empty. */
export function comparesSnapshots({ tables }: PostgresPosition): boolean {
  return Object.values(tables).some(({ read }) => typeof read !== 'string');
}
