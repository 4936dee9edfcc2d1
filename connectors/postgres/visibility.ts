/**
 * Was a streamed transaction visible to the snapshot that a table was read in?
 *
 * `pg_current_snapshot()` is `xmin:xmax:xip,…` in 64-bit transaction ids; the stream's ids have 32 bits, without their
 * epoch. A transaction of the stream is within 2^31 of the snapshot, as PostgreSQL itself demands.
 */
import { parseLsn } from './lsn.ts';

/** How a table was read, kept in the source's position. */
export interface TableSnapshot {
  /** As text of `pg_snapshot`. */
  readonly snapshot: string;
  /** Commits at or after this WAL position were made after the snapshot: no comparison is needed any more. */
  readonly until: string;
}

const EPOCH = 1n << 32n;

export class Visibility {
  readonly until: bigint;
  readonly #xmin: bigint;
  readonly #xmax: bigint;
  readonly #inProgress: ReadonlySet<bigint>;

  constructor({ snapshot, until }: TableSnapshot) {
    const [xmin = '0', xmax = '0', xip = ''] = snapshot.split(':');
    this.until = parseLsn(until);
    this.#xmin = BigInt(xmin);
    this.#xmax = BigInt(xmax);
    this.#inProgress = new Set(xip === '' ? [] : xip.split(',').map(BigInt));
  }

  /** @param xid 32 bits, of a committed top-level transaction */
  sees(xid: number): boolean {
    const full = this.#withEpoch(BigInt(xid));
    if (full < this.#xmin) return true;
    return full < this.#xmax && !this.#inProgress.has(full);
  }

  /** The 64-bit id nearest to the snapshot. */
  #withEpoch(xid: bigint): bigint {
    const near = (this.#xmax / EPOCH) * EPOCH + xid;
    if (near - this.#xmax > EPOCH / 2n) return near - EPOCH;
    return this.#xmax - near > EPOCH / 2n ? near + EPOCH : near;
  }
}
