/** Bounds what all connections together hold in memory: requests being received or handled, and responses being sent. */

/** Memory that is given back. Once; releasing again does nothing. */
export interface Held {
  release(): void;
}

/** A share of the budget. */
export interface Reservation extends Held {
  /** Gives back what was reserved but is not needed. */
  shrinkTo(bytes: number): void;
}

interface Waiting {
  readonly bytes: number;
  readonly grant: (reservation: Reservation) => void;
}

export class MemoryBudget {
  readonly #totalBytes: number;
  #usedBytes = 0;
  readonly #waiting: Waiting[] = [];

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Whether somebody waits for memory. */
  get contended(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Resolves when the bytes are free, first come, first served. What is larger than the whole budget gets all of it.
   * Rejects with the signal's reason when it aborts first.
   */
  acquire(bytes: number, signal: AbortSignal): Promise<Reservation> {
    const wanted = Math.min(bytes, this.#totalBytes);
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#waiting.length === 0 && this.#usedBytes + wanted <= this.#totalBytes) {
      return Promise.resolve(this.#reserve(wanted));
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason);
        this.#grant();
      };
      const grant = (reservation: Reservation) => {
        signal.removeEventListener('abort', onAbort);
        resolve(reservation);
      };
      const waiting = { bytes: wanted, grant };
      this.#waiting.push(waiting);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #reserve(bytes: number): Reservation {
    let held = bytes;
    this.#usedBytes += bytes;
    const shrinkTo = (wanted: number) => {
      if (wanted >= held) return;
      this.#usedBytes -= held - wanted;
      held = wanted;
      this.#grant();
    };
    return { shrinkTo, release: () => shrinkTo(0) };
  }

  #grant(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (this.#usedBytes + first.bytes > this.#totalBytes) return;
      this.#waiting.shift();
      first.grant(this.#reserve(first.bytes));
    }
  }
}
