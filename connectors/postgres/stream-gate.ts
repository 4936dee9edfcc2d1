/** Lets others hold the stream where it stands between two transactions. */
import type { Clock } from '../../src/sdk/index.ts';
import type { Pause } from './message-socket.ts';

/** A stream that sends nothing for as long has nothing to send. */
const QUIET_MS = 2;

interface Waiting {
  readonly grant: () => void;
}

export class StreamGate {
  readonly #isBetween: () => boolean;
  #waiting: Waiting | null = null;
  #held: Promise<void> | null = null;
  #passed = 0;

  /** @param isBetween no transaction is being read */
  constructor(isBetween: () => boolean) {
    this.#isBetween = isBetween;
  }

  get held(): boolean {
    return this.#held !== null;
  }

  /** Before each message of the stream: a pause to take it again after, or undefined to go on. */
  pass(): Pause | undefined {
    this.#passed++;
    if (this.#waiting !== null && this.#isBetween()) this.#waiting.grant();
    return this.#held === null ? undefined : { until: this.#held, again: true };
  }

  /**
   * Resolves, once the stream stands between two transactions, to what lets it go on. One holder at a time. Rejects with the
   * signal's reason.
   */
  hold(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting = null;
        reject(signal.reason);
      };
      const grant = () => {
        this.#waiting = null;
        signal.removeEventListener('abort', onAbort);
        const { promise, resolve: release } = Promise.withResolvers<void>();
        this.#held = promise;
        resolve(() => {
          this.#held = null;
          release();
        });
      };
      signal.addEventListener('abort', onAbort, { once: true });
      if (this.#isBetween()) grant();
      else this.#waiting = { grant };
    });
  }

  /** Leaves the stream alone for as long as it was held, or until it has nothing to send. */
  async breathe(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    const until = clock.monotonic() + ms;
    for (let passed = -1; passed !== this.#passed && clock.monotonic() < until; ) {
      passed = this.#passed;
      await clock.sleep(QUIET_MS, signal);
    }
  }
}
