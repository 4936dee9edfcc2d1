/** Counts values by upper bounds. */

/** Seconds: from a local network to a sink that was down for an hour. */
export const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600];

export class Histogram {
  readonly #bounds: readonly number[];
  /** Of values above the bound before and at or below its own; the last: above all. */
  readonly #counts: number[];
  #count = 0;
  #sum = 0;

  /** @param bounds rising */
  constructor(bounds: readonly number[] = SECONDS) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  /** @param times how often the value occurs */
  add(value: number, times = 1): void {
    let at = 0;
    while (at < this.#bounds.length && value > this.#bounds[at]!) at++;
    this.#counts[at]! += times;
    this.#count += times;
    this.#sum += value * times;
  }

  /** Cumulative: how many values are at or below each bound. */
  get value(): { buckets: (readonly [bound: number, count: number])[]; count: number; sum: number } {
    let below = 0;
    const buckets = this.#bounds.map((bound, i) => [bound, (below += this.#counts[i]!)] as const);
    return { buckets, count: this.#count, sum: this.#sum };
  }
}
