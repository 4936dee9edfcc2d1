/** The source's resume point as it stands in its checkpoint. */
import { type Position, TailraceError, z } from '../../src/sdk/index.ts';
import { type GtidSet, parseGtidSet } from './gtid.ts';

/** A place in the history: the transactions before it, and where that is in this server's own files. */
const place = z.strictObject({
  /** Set of the transactions before it; null where the server numbers none. */
  gtid: z.string().nullable(),
  file: z.string(),
  /** Byte behind the last transaction. */
  pos: z.number(),
});

const tableState = z.strictObject({
  /**
   * `pending`: not read yet. Else what the snapshot had seen, and `past` once the stream is past all of it.
   */
  read: z.union([z.literal('pending'), z.literal('past'), place]),
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

/** Binary log files are numbered: `binlog.000009` is before `binlog.1000000`. */
export function isBefore(a: { file: string; pos: number }, b: { file: string; pos: number }): boolean {
  const [first, second] = [fileNumber(a.file), fileNumber(b.file)];
  return first < second || (first === second && a.pos < b.pos);
}

export const fileNumber = (file: string): number => Number(/\.(\d+)$/.exec(file)?.[1] ?? Number.NaN);

/** What a table's snapshot has seen, to be held against the stream's transactions. */
export class Seen {
  readonly #place: Place;
  readonly #set: GtidSet | null;

  constructor(seen: Place, mariadb: boolean) {
    this.#place = seen;
    this.#set = seen.gtid === null ? null : parseGtidSet(seen.gtid, mariadb);
  }

  /** @param end where the transaction ends */
  sees(gtid: { origin: string; number: bigint } | null, end: { file: string; pos: number }): boolean {
    if (this.#set !== null && gtid !== null) return this.#set.has(gtid);
    return !isBefore(this.#place, end);
  }

  /** True once nothing that the snapshot saw can follow. */
  isPast(executed: GtidSet | null, at: { file: string; pos: number }): boolean {
    if (this.#set !== null && executed !== null) return executed.covers(this.#set);
    return !isBefore(at, this.#place);
  }
}

/** Snapshots that have to be held against streamed transactions, by table. */
export function comparedSnapshots({ tables, flavor }: MysqlPosition): Map<string, Seen> {
  return new Map(
    Object.entries(tables).flatMap(([label, { read }]) =>
      typeof read === 'string' ? [] : [[label, new Seen(read, flavor === 'mariadb')] as const],
    ),
  );
}
