/** Readers that wait for a partition to grow. */
import type { TopicPartition } from '../contracts/log.ts';
import type { Partition } from './partition.ts';
import { noSuchTopic } from './topic-state.ts';

interface Waiter {
  /** Looks whether there is anything to tell. */
  readonly wake: () => void;
  readonly fail: (reason: unknown) => void;
}

type Position = TopicPartition & { readonly offset: bigint; readonly at: Partition };

export class Waiters {
  readonly #byPartition = new Map<Partition, Set<Waiter>>();
  /** Why nobody waits any more. */
  #ended: { readonly reason: unknown } | null = null;

  /**
   * Resolves when one of the partitions ends above its offset; rejects with the signal's reason, with `log.no_such_topic`
   * when one is deleted, and with the reason of `end`.
   */
  wait(positions: readonly Position[], signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (positions.some(isAhead)) return Promise.resolve();
    if (this.#ended !== null) return Promise.reject(this.#ended.reason);
    return new Promise((resolve, reject) => {
      const remove = () => {
        signal.removeEventListener('abort', onAbort);
        for (const { at } of positions) this.#remove(at, waiter);
      };
      const fail = (reason: unknown) => {
        remove();
        reject(reason);
      };
      const onAbort = () => fail(signal.reason);
      const wake = () => {
        const gone = positions.find(({ at }) => at.dropped);
        if (gone !== undefined) fail(noSuchTopic(gone.topic));
        else if (positions.some(isAhead)) {
          remove();
          resolve();
        }
      };
      const waiter: Waiter = { wake, fail };
      signal.addEventListener('abort', onAbort, { once: true });
      for (const { at } of positions) {
        const waiting = this.#byPartition.get(at) ?? new Set();
        this.#byPartition.set(at, waiting.add(waiter));
      }
    });
  }

  /** The partitions have grown or are gone. */
  changed(partitions: ReadonlySet<Partition>): void {
    for (const partition of partitions) {
      for (const { wake } of [...(this.#byPartition.get(partition) ?? [])]) wake();
    }
  }

  /** No partition will grow any more: whoever waits, now or later, is told. The first reason stays. */
  end(reason: unknown): void {
    this.#ended ??= { reason };
    for (const waiter of new Set([...this.#byPartition.values()].flatMap((waiting) => [...waiting]))) {
      waiter.fail(this.#ended.reason);
    }
  }

  #remove(partition: Partition, waiter: Waiter): void {
    const waiting = this.#byPartition.get(partition);
    waiting?.delete(waiter);
    if (waiting?.size === 0) this.#byPartition.delete(partition);
  }
}

function isAhead({ at, offset }: Position): boolean {
  return at.end > offset;
}
