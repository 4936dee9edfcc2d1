/** Versions below which writes to a table are refused: a truncate or sweep has removed all that is older (DESIGN § 6). */
import type { SinkRecord } from '../../contracts/sink.ts';

/** Invariant 7: the records that a truncate or sweep up to the version has not removed. */
export function liveAbove(floor: bigint, records: readonly SinkRecord[]): readonly SinkRecord[] {
  return floor === 0n ? records : records.filter(({ change }) => change.version >= floor);
}

/** By the target's name of the table, as a session has read and raised them. What the target stores decides: see `learn`. */
export class Floors {
  #versions: Map<string, bigint>;

  constructor(versions: ReadonlyMap<string, bigint> = new Map()) {
    this.#versions = new Map(versions);
  }

  knows(table: string): boolean {
    return this.#versions.has(table);
  }

  /** What the target has stored, or what a sweep has stored now. */
  learn(table: string, version: bigint): void {
    this.#versions.set(table, version);
  }

  /** True when a truncate or sweep up to this version has not been here yet. */
  isBelow(table: string, version: bigint): boolean {
    return this.#of(table) < version;
  }

  /** Invariant 7: what lies below the table's floor was removed by a truncate or sweep and stays so. */
  refuses(table: string, version: bigint): boolean {
    return version < this.#of(table);
  }

  /** The records that are not refused. */
  live(table: string, records: readonly SinkRecord[]): readonly SinkRecord[] {
    return liveAbove(this.#of(table), records);
  }

  /** For `restore`, when what was written since is rolled back. */
  copy(): Floors {
    return new Floors(this.#versions);
  }

  restore(copy: Floors): void {
    this.#versions = new Map(copy.#versions);
  }

  #of(table: string): bigint {
    return this.#versions.get(table) ?? 0n;
  }
}
