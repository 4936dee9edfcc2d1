/**
 * Memory that answers to Fetch are read into, used again and again: V8 collects its whole heap for each 64 MiB of fresh memory
 * outside of it, and fresh memory costs page faults.
 */
import type { ReadMemory } from '../contracts/log.ts';

/** As much as the log reads at once. */
const BUFFER_BYTES = (1 << 20) + (64 << 10);
/** Smaller pieces are not worth a whole buffer. */
const POOLED_FROM_BYTES = 128 << 10;

/** What one answer is read into. */
export interface LentMemory extends ReadMemory {
  /** Takes it back: nothing refers to it any more. */
  release(): void;
}

export class FetchMemory {
  readonly #idle: Buffer[] = [];
  readonly #maxIdle: number;

  /** @param idleBytes most that is kept for later answers */
  constructor(idleBytes: number) {
    // Invariant 10
    this.#maxIdle = Math.floor(idleBytes / BUFFER_BYTES);
  }

  get idleBytes(): number {
    return this.#idle.length * BUFFER_BYTES;
  }

  lend(): LentMemory {
    let lent: Buffer[] = [];
    return {
      take: (bytes) => {
        if (bytes < POOLED_FROM_BYTES || bytes > BUFFER_BYTES) return Buffer.allocUnsafe(bytes);
        const buffer = this.#idle.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
        lent.push(buffer);
        return buffer.subarray(0, bytes);
      },
      release: () => {
        for (const buffer of lent) if (this.#idle.length < this.#maxIdle) this.#idle.push(buffer);
        lent = [];
      },
    };
  }
}
