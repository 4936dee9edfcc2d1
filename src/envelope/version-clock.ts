/**
 * The version that every record of a source carries (DESIGN § 6, Version): `max(previous + 1, t_µs × 256)`, unsigned 63 bits,
 * kept as two halves because a number is exact only to 53 bits and a bigint would be an object per row.
 */

const DAY_US = 24 * 3_600 * 1_000_000;
const HALF = 2 ** 32;
/** t_µs × 256 divided by 2^32. */
const US_PER_HIGH = 2 ** 24;

export class VersionClock {
  /** Halves of the last version given. */
  high: number;
  low: number;
  /** Halves of t_µs × 256. */
  #timeHigh = 0;
  #timeLow = 0;

  /** @param last decimal; versions rise above it. Null: nothing was given yet */
  constructor(last: string | null) {
    const value = BigInt(last ?? 0);
    this.high = Number(value >> 32n);
    this.low = Number(value & 0xffffffffn);
  }

  /**
   * Sets the time for the versions that follow.
   * @param nowMs our own time: more than a day ahead of it is cut to a day
   * @returns whether the time was cut
   */
  observe(timeUs: number, nowMs: number): boolean {
    const limit = nowMs * 1_000 + DAY_US;
    const time = Math.min(timeUs, limit);
    this.#timeHigh = Math.floor(time / US_PER_HIGH);
    this.#timeLow = (time % US_PER_HIGH) * 256;
    return timeUs > limit;
  }

  /** The versions that follow are not below this one. Until the next `observe`. */
  atLeast(version: bigint): void {
    this.#timeHigh = Number(version >> 32n);
    this.#timeLow = Number(version & 0xffffffffn);
  }

  /** Steps to the next version: that of the record about to be written. */
  advance(): void {
    if (++this.low === HALF) {
      this.low = 0;
      this.high++;
    }
    // Invariant 7: versions never go back, whatever the source's clock does.
    if (this.#timeHigh > this.high || (this.#timeHigh === this.high && this.#timeLow > this.low)) {
      this.high = this.#timeHigh;
      this.low = this.#timeLow;
    }
  }

  /** The last version given. */
  value(): bigint {
    return whole(this.high, this.low);
  }

  /** The version that `advance` will step to. */
  next(): bigint {
    const risen = this.value() + 1n;
    const time = whole(this.#timeHigh, this.#timeLow);
    return risen > time ? risen : time;
  }
}

function whole(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
