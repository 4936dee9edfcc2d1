/**
 * What of one table's stream its snapshot has already: docs/decisions/2026-11-25-snapshots-in-chunks.md. A transaction that the
 * snapshot of a range saw is in the rows that were read there; one that it did not see follows them.
 */
import type { Rows } from './catalog.ts';
import { KeyOrder } from './key-order.ts';
import type { Key, SnapshotState } from './snapshot-state.ts';
import { Visibility } from './visibility.ts';

const MAX_PLACES = 10_000;

/** What is left out of one transaction. */
export interface Judgement {
  readonly leftOut: 'nothing' | 'all' | 'by key';
  /** Some rows of the table that targets have are from before the transaction, others from after it. */
  readonly isMixed: boolean;
  /** By range; the last one: the keys that were not read yet. */
  readonly ranges: readonly boolean[];
}

export class TableCoverage {
  readonly #order: KeyOrder | null;
  readonly #rows: Rows;
  readonly #visibilities: readonly (Visibility | null)[];
  readonly #bounds: readonly Key[];
  /** Of each range the rows that were read; null: all. */
  readonly #keys: readonly (ReadonlySet<string> | null)[];
  readonly #restIsLeftOut: boolean;
  readonly #over: boolean;
  /** Ranges of keys as the server has told. */
  readonly #places = new Map<string, number>();

  /** @param state undefined: nothing of the table was read yet, and all of it will be */
  constructor(state: SnapshotState | undefined, rows: Rows) {
    const ranges = state?.ranges ?? [];
    // Of the time of reading: a change of the key that follows it is streamed later.
    this.#order = state === undefined ? null : KeyOrder.parse(state.key);
    this.#rows = rows;
    // Of a table that is streamed, what a range does not have may have been delivered since the begin marker: its delete must follow
    // (Invariant 7), and so must all else, in order. Of a part, the keys say what the range has.
    const follows = (keys: unknown) => state?.kind === 'refresh' && keys === null;
    this.#visibilities = ranges.map(({ read, keys }) =>
      read === 'past' || follows(keys) ? null : new Visibility(read),
    );
    this.#bounds = ranges.flatMap(({ to }) => (to === null ? [] : [to]));
    this.#keys = ranges.map(({ keys }) => (keys === null ? null : new Set(keys.map((key) => key.join()))));
    this.#over = state?.over ?? false;
    // What was not read yet of a table that was never read comes with the reading.
    this.#restIsLeftOut = state === undefined || state.kind === 'initial';
  }

  /** @param xid of a top-level transaction */
  judge(xid: number, commitLsn: bigint): Judgement {
    const read = this.#visibilities.map((one) => one !== null && commitLsn < one.until && one.sees(xid));
    const ranges = this.#over ? read : [...read, this.#restIsLeftOut];
    const some = ranges.includes(true);
    const part = ranges.includes(false) || this.#keys.some((keys) => keys !== null);
    const leftOut = !some ? 'nothing' : part ? 'by key' : 'all';
    const rows = this.#restIsLeftOut ? read : ranges;
    return { leftOut, isMixed: rows.includes(true) && (rows.includes(false) || leftOut === 'by key'), ranges };
  }

  /** Of a change of that key; a promise: ask again when it has resolved. */
  leavesOut({ ranges }: Judgement, key: Key): boolean | Promise<void> {
    const place = this.#placeHere(key) ?? this.#places.get(key.join());
    if (place === undefined) return this.#ask(key);
    return ranges[place]! && (this.#keys[place]?.has(key.join()) ?? true);
  }

  /** Undefined where only the server knows. */
  #placeHere(key: Key): number | undefined {
    for (const [i, bound] of this.#bounds.entries()) {
      const order = this.#order?.compare(key, bound);
      if (order === undefined || order === null) return undefined;
      if (order <= 0) return i;
    }
    return this.#bounds.length;
  }

  async #ask(key: Key): Promise<void> {
    const order = this.#order!;
    const value = order.value(key);
    // The bounds rise: as many lie below the key as ranges come before its own.
    const above = this.#bounds.map((bound) => `(${value} > ${order.value(bound)})::int`);
    const [row] = await this.#rows<{ place: number }>(`SELECT ${above.join(' + ')} AS place`);
    if (this.#places.size >= MAX_PLACES) this.#places.clear();
    this.#places.set(key.join(), row!.place);
  }
}
