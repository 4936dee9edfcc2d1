/** Lets others hold the stream where it stands between two transactions. */

export class StreamGate {
  readonly #isBetween: () => boolean;
  #waiting: (() => void)[] = [];
  #held: Promise<void> | null = null;

  /** @param isBetween no transaction is being read */
  constructor(isBetween: () => boolean) {
    this.#isBetween = isBetween;
  }

  get held(): boolean {
    return this.#held !== null;
  }

  /** Before each event of the stream, and when there is none: undefined to go on, or what it has to wait for. */
  pass(): Promise<void> | undefined {
    this.#grant();
    return this.#held?.then(() => this.pass());
  }

  #grant(): void {
    if (this.#held === null && this.#isBetween()) this.#waiting.shift()?.();
  }

  /**
   * Resolves, once the stream stands between two transactions, to what lets it go on. Others wait until then. Rejects with the
   * signal's reason.
   */
  hold(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting = this.#waiting.filter((one) => one !== grant);
        reject(signal.reason);
      };
      const grant = () => {
        signal.removeEventListener('abort', onAbort);
        const { promise, resolve: release } = Promise.withResolvers<void>();
        this.#held = promise;
        resolve(() => {
          this.#held = null;
          release();
          this.#grant();
        });
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(grant);
      this.#grant();
    });
  }
}
