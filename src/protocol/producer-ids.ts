/** Gives out producer ids, each once in the life of the log: ids are reserved durably in blocks. */
import type { Checkpoints } from '../contracts/log.ts';
import { PRODUCER_IDS_CHECKPOINT } from './checkpoint-names.ts';
import type { LogWriter } from './log-writer.ts';

const BLOCK = 1_000n;

export class ProducerIds {
  readonly #writer: LogWriter;
  #next: bigint;
  /** First id that is not reserved. */
  #end: bigint;
  #reserving: Promise<void> | null = null;

  constructor(checkpoints: Checkpoints, writer: LogWriter) {
    this.#writer = writer;
    this.#end = BigInt(checkpoints.get(PRODUCER_IDS_CHECKPOINT) ?? '0');
    this.#next = this.#end;
  }

  async next(): Promise<bigint> {
    while (this.#next === this.#end) {
      this.#reserving ??= this.#reserve().finally(() => {
        this.#reserving = null;
      });
      await this.#reserving;
    }
    return this.#next++;
  }

  async #reserve(): Promise<void> {
    const end = this.#end + BLOCK;
    await this.#writer.commit((transaction) => {
      transaction.checkpoint(PRODUCER_IDS_CHECKPOINT, String(end));
      return true;
    });
    this.#end = end;
  }
}
