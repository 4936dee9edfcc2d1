import type { LeaderEpochs as Contract } from '../contracts/log-admin.ts';
import type { LogState } from './state.ts';

/** Leader epochs by the table of who wrote what (DESIGN § 6, Lineage): one more at each opening of the log. */
export class LeaderEpochs implements Contract {
  readonly #state: LogState;

  constructor(state: LogState) {
    this.#state = state;
  }

  /** The same for all partitions. */
  current(): number {
    return this.#state.leaderEpoch;
  }

  endOf(topic: string, number: number, epoch: number): { epoch: number; endOffset: bigint } | null {
    const partition = this.#state.topicState(topic)?.partitions[number];
    if (partition === undefined) return null;
    let found: number | null = null;
    for (const { leaderEpoch, start } of partition.openings) {
      if (leaderEpoch > epoch) return found === null ? null : { epoch: found, endOffset: start };
      found = leaderEpoch;
    }
    return found === null ? null : { epoch: found, endOffset: partition.end };
  }
}
