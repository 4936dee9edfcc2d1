/**
 * An open transaction of a client: one transaction of the log, in which everything is staged until the client ends it. So
 * nobody ever sees records of an open or aborted transaction, the last stable offset is the end of the log, and offsets and
 * records become visible together.
 */
import type { Log, LogTransaction, TopicPartition } from '../../contracts/log.ts';
import { groupCheckpoint } from '../checkpoint-names.ts';
import type { WriterSlots } from './writer-slots.ts';

export class StagedTransaction {
  /** Added by the client, by name. */
  readonly places = new Map<string, TopicPartition>();
  /** With records, by name. */
  readonly produced = new Map<string, TopicPartition>();
  /** Whose offsets may be committed. */
  readonly groups = new Set<string>();
  /** Names of the checkpoints that will change. */
  readonly offsets = new Set<string>();
  /** Of records. */
  bytes = 0;
  readonly #log: Log;
  readonly #slots: WriterSlots;
  #opened: { readonly slot: string; readonly transaction: LogTransaction } | null = null;

  constructor(log: Log, slots: WriterSlots) {
    this.#log = log;
    this.#slots = slots;
  }

  async append(place: TopicPartition, batch: Uint8Array): Promise<void> {
    const transaction = await this.#transaction();
    this.produced.set(placeName(place), place);
    this.bytes += batch.length;
    await transaction.append(place.topic, place.partition, batch);
  }

  async commitOffset(group: string, place: TopicPartition, value: string): Promise<void> {
    const name = groupCheckpoint(group, place.topic, place.partition);
    this.offsets.add(name);
    (await this.#transaction()).checkpoint(name, value);
  }

  /** Everything, and what `last` adds, becomes durable and visible together. */
  async commit(last: (transaction: LogTransaction) => void): Promise<void> {
    const transaction = await this.#transaction();
    try {
      last(transaction);
      await transaction.commit();
    } finally {
      this.#release();
    }
  }

  async abort(): Promise<void> {
    try {
      await this.#opened?.transaction.abort();
    } finally {
      this.#release();
    }
  }

  async #transaction(): Promise<LogTransaction> {
    if (this.#opened === null) {
      const { name, epoch } = await this.#slots.acquire();
      this.#opened = { slot: name, transaction: this.#log.begin(name, epoch) };
    }
    return this.#opened.transaction;
  }

  #release(): void {
    if (this.#opened !== null) this.#slots.release(this.#opened.slot);
    this.#opened = null;
  }
}

export function placeName({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
