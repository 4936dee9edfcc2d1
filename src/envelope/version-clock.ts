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
    const time = Math.max(0, Math.min(timeUs, limit));
    const high = Math.floor(time / US_PER_HIGH);
    const low = (time % US_PER_HIGH) * 256;
    // Invariant 7: versions never go back, whatever the source's clock does.
    if (high > this.high || (high === this.high && low > this.low)) this.#set(high, low - 1);
    return timeUs > limit;
  }

  /** Steps to the next version: that of the record about to be written. */
  advance(): void {
    this.#set(this.high, this.low + 1);
  }

  value(): bigint {
    return (BigInt(this.high) << 32n) | BigInt(this.low);
  }

  #set(high: number, low: number): void {
    const carry = low < 0 ? -1 : low >= HALF ? 1 : 0;
    this.high = high + carry;
    this.low = low - carry * HALF;
  }
}
