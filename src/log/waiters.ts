/** Readers that wait for a partition to grow. */
import type { TopicPartition } from '../contracts/log.ts';
import type { Partition } from './partition.ts';

interface Waiter {
  readonly partitions: readonly Partition[];
  readonly wake: () => void;
}

export class Waiters {
  readonly #byPartition = new Map<Partition, Set<Waiter>>();

  /** Resolves when one of the partitions ends above its offset; rejects with the signal's reason. */
  wait(
    positions: readonly (TopicPartition & { readonly offset: bigint; readonly at: Partition })[],
    signal: AbortSignal,
  ): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (positions.some(({ at, offset }) => at.end > offset)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const remove = () => {
        signal.removeEventListener('abort', onAbort);
        for (const { at } of positions) this.#byPartition.get(at)?.delete(waiter);
      };
      const onAbort = () => {
        remove();
        reject(signal.reason);
      };
      const waiter: Waiter = {
        partitions: positions.map(({ at }) => at),
        wake: () => {
          if (!positions.some(({ at, offset }) => at.end > offset)) return;
          remove();
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      for (const { at } of positions) {
        const waiting = this.#byPartition.get(at) ?? new Set();
        this.#byPartition.set(at, waiting.add(waiter));
      }
    });
  }

  grown(partitions: ReadonlySet<Partition>): void {
    for (const partition of partitions) {
      for (const { wake } of [...(this.#byPartition.get(partition) ?? [])]) wake();
    }
  }
}
