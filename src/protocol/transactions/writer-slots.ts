/** Writers of the log for open transactions: each has one at a time, and its name is used again afterwards. */
import type { Log } from '../../contracts/log.ts';

export interface WriterSlot {
  readonly name: string;
  readonly epoch: number;
}

export class WriterSlots {
  readonly #log: Log;
  readonly #epochs = new Map<string, number>();
  readonly #free: string[] = [];
  #made = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  async acquire(): Promise<WriterSlot> {
    const free = this.#free.pop();
    if (free !== undefined) return { name: free, epoch: this.#epochs.get(free)! };
    const name = `kafka/transaction/${this.#made++}`;
    const epoch = await this.#log.fence(name);
    this.#epochs.set(name, epoch);
    return { name, epoch };
  }

  release(name: string): void {
    this.#free.push(name);
  }
}
