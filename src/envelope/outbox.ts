/** Batches of one source on their way into the log, and the topics they need. */
import type { NewTopic } from '../contracts/envelope.ts';
import type { PendingBatch } from '../contracts/log.ts';
import { RecordBatchBuilder } from '../wire/record-batch.ts';

/** A batch is ended above this: larger ones gain nothing and cost memory in every reader. */
const ROLL_BYTES = 512 << 10;
/** No batch is larger, unless one record is. Clients fetch 1 MiB of a partition by default. */
const MAX_BYTES = 1 << 20;

export class Outbox {
  /** Finished batches: those of service topics, which are taken first, and the others. */
  #service: PendingBatch[] = [];
  #rows: PendingBatch[] = [];
  #finishedBytes = 0;
  /** Channels that were written to since the last take. */
  #used: TopicChannel[] = [];
  #newTopics: NewTopic[] = [];

  get pendingBytes(): number {
    let bytes = this.#finishedBytes;
    for (const { builder } of this.#used) bytes += builder.at;
    return bytes;
  }

  /** Topics that were first written to since the last call. */
  newTopics(): readonly NewTopic[] {
    return this.#newTopics.splice(0);
  }

  take(): readonly PendingBatch[] {
    for (const channel of this.#used) channel.taken();
    // Schemas come before the rows that name them.
    const batches = [...this.#service, ...this.#rows];
    this.#used = [];
    this.#service = [];
    this.#rows = [];
    this.#finishedBytes = 0;
    return batches;
  }

  use(channel: TopicChannel, isNew: boolean): void {
    this.#used.push(channel);
    const { topic: name, service, holds } = channel;
    if (isNew) this.#newTopics.push({ name, service, ...(holds === 'messages' && { messages: true }) });
  }

  finished({ topic, service }: TopicChannel, bytes: Uint8Array): void {
    (service ? this.#service : this.#rows).push({ topic, partition: 0, bytes });
    this.#finishedBytes += bytes.length;
  }
}

/** The one writer of a topic's only partition. */
export class TopicChannel {
  readonly topic: string;
  readonly holds: 'schemas' | 'rows' | 'messages';
  readonly builder = new RecordBatchBuilder();
  readonly #outbox: Outbox;
  #isNew = true;
  #isUsed = false;

  constructor(topic: string, holds: TopicChannel['holds'], outbox: Outbox) {
    this.topic = topic;
    this.holds = holds;
    this.#outbox = outbox;
  }

  get service(): boolean {
    return this.holds === 'schemas';
  }

  /** Call before opening a record. */
  ready(timestampMs: number): void {
    if (this.builder.at > 0) return;
    this.builder.begin(timestampMs);
    if (this.#isUsed) return;
    this.#outbox.use(this, this.#isNew);
    this.#isUsed = true;
    this.#isNew = false;
  }

  /** Call after closing a record. */
  closed(): void {
    const { builder } = this;
    if (builder.at < ROLL_BYTES) return;
    if (builder.at > MAX_BYTES && builder.count > 1) this.#outbox.finished(this, builder.finishBeforeLast());
    if (builder.at >= ROLL_BYTES) this.#outbox.finished(this, builder.finish());
  }

  /** Call when the outbox hands over everything. */
  taken(): void {
    this.#isUsed = false;
    if (this.builder.at > 0) this.#outbox.finished(this, this.builder.finish());
  }
}
