/** Records a second: a limit that forgets what was not used, so that a pause is not followed by a flood. */
import type { Clock } from '../contracts/plugin.ts';

export class RateLimit {
  readonly #clock: Clock;
  readonly #perSecond: number;
  /** `clock.monotonic()` from which on the next records may go. */
  #freeAt = 0;

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /** Records that may go at once: a quarter of a second's. */
  get most(): number {
    return Math.max(1, Math.floor(this.#perSecond / 4));
  }

  /** Resolves when so many more may go. */
  async take(records: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    const waitMs = this.#freeAt - now;
    this.#freeAt = Math.max(now, this.#freeAt) + (records / this.#perSecond) * 1_000;
    if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
  }
}
