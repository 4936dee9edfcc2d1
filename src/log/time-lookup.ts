import type { StoredBatch } from '../contracts/log.ts';
import type { TimeIndex } from '../contracts/log-admin.ts';
import { firstSince, newestBatch } from './partition-read.ts';
import type { LogState } from './state.ts';
import { ReadBatch } from './stored-batch.ts';

/** Time lookup by the indexes of the segments. Both throw `log.no_such_topic` and `log.damaged`. */
export class TimeLookup implements TimeIndex {
  readonly #state: LogState;

  constructor(state: LogState) {
    this.#state = state;
  }

  async firstSince(topic: string, partition: number, from: bigint, timestamp: number): Promise<StoredBatch | null> {
    const found = await firstSince(this.#state.partition(topic, partition), from, timestamp);
    return found === null ? null : new ReadBatch(found);
  }

  async newest(topic: string, partition: number): Promise<StoredBatch | null> {
    const found = await newestBatch(this.#state.partition(topic, partition));
    return found === null ? null : new ReadBatch(found);
  }
}
