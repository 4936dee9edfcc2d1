/** How fast a verification reads, and how far it is. */
import type { Clock } from '../../contracts/plugin.ts';

const CREDIT_MS = 250;

export class Pace {
  readonly #clock: Clock;
  readonly #rate: number | null;
  #startedAt: number;
  /** By the rate, what was read takes until then. */
  #paidUntil: number;
  #rowsSinceStart = 0;
  #expected: number | null = null;
  rows = 0;

  /** @param rate rows a second; null: without limit */
  constructor(clock: Clock, rate: number | null) {
    this.#clock = clock;
    this.#rate = rate;
    this.#startedAt = this.#paidUntil = clock.monotonic();
  }

  /** Rows that may be read at once. */
  get most(): number {
    return this.#rate === null ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(this.#rate / 4));
  }

  /** Rows that there will be, of source and target; null: not known. */
  expect(rows: number | null): void {
    this.#expected = rows;
    this.#startedAt = this.#clock.monotonic();
    this.#rowsSinceStart = 0;
  }

  /** So many were read; waits as the rate says. */
  async read(rows: number, signal: AbortSignal): Promise<void> {
    this.rows += rows;
    this.#rowsSinceStart += rows;
    signal.throwIfAborted();
    if (this.#rate === null) return;
    const now = this.#clock.monotonic();
    // Time in which nothing was read is not made up for.
    this.#paidUntil = Math.max(this.#paidUntil, now - CREDIT_MS) + (rows / this.#rate) * 1_000;
    if (this.#paidUntil > now) await this.#clock.sleep(this.#paidUntil - now, signal);
  }

  /** 0 to 99. */
  get percent(): number | null {
    if (this.#expected === null || this.#expected <= 0) return null;
    return Math.min(99, Math.floor((this.rows * 100) / this.#expected));
  }

  /** At the rate so far. */
  get etaSeconds(): number | null {
    const seconds = (this.#clock.monotonic() - this.#startedAt) / 1_000;
    if (this.#expected === null || this.#rowsSinceStart === 0 || seconds <= 0) return null;
    const left = Math.max(0, this.#expected - this.rows);
    return Math.ceil((left * seconds) / this.#rowsSinceStart);
  }
}
