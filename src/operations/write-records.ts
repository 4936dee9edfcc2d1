/** Writes records by hand: one transaction of the log per request. */
import { TailraceError } from '../contracts/errors.ts';
import type { Log, TopicInfo } from '../contracts/log.ts';
import type { NewRecord, WriteRequest, Written } from '../contracts/operations.ts';
import type { Clock } from '../contracts/plugin.ts';
import { partitionOfKey } from '../lib/murmur2.ts';
import { RecordBatchBuilder } from '../wire/record-batch.ts';
import { topicOf } from './readable-log.ts';
import { bytesOf } from './shown-bytes.ts';

/** Name of the writer in the log. */
const WRITER = 'operations';
/** Largest record, key and value together, and size at which a batch is ended, in bytes. */
const MAX_RECORD_BYTES = 1_000_000;
const BATCH_BYTES = 512 << 10;

export class RecordWriter {
  readonly #log: Log;
  readonly #clock: Clock;
  #epoch: Promise<number> | null = null;
  /** One request after the other: a writer has one transaction at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #next = 0;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  write(request: WriteRequest): Promise<readonly Written[]> {
    const written = this.#turn.then(() => this.#write(request));
    this.#turn = written.catch(() => {});
    return written;
  }

  async #write({ topic, partition, records }: WriteRequest): Promise<readonly Written[]> {
    const info = topicOf(this.#log, topic);
    const batches = this.#batches(info, partition, records);
    this.#epoch ??= this.#log.fence(WRITER);
    const transaction = this.#log.begin(WRITER, await this.#epoch);
    try {
      for (const [at, list] of batches) for (const batch of list) await transaction.append(topic, at, batch);
      const ends = await transaction.commit();
      return ends.map((end) => ({
        partition: end.partition,
        offset: String(end.baseOffset),
        records: Number(end.endOffset - end.baseOffset),
      }));
    } catch (error) {
      await transaction.abort();
      throw error;
    }
  }

  /** Partition → batches, in the order of the records. */
  #batches(info: TopicInfo, wanted: number | null, records: readonly NewRecord[]): Map<number, Uint8Array[]> {
    const { length } = info.partitions;
    if (wanted !== null && wanted >= length) {
      throw new TailraceError('topic.invalid', `${info.name} has no partition ${wanted}`, {
        remedy: `it has the partitions 0 to ${length - 1}`,
      });
    }
    const places = new Map<number, NewRecord[]>();
    for (const record of records) {
      const key = bytesOf(record.key);
      const partition = wanted ?? (key === null ? this.#next++ % length : partitionOfKey(key, length));
      const list = places.get(partition) ?? [];
      list.push(record);
      places.set(partition, list);
    }
    return new Map([...places].map(([partition, list]) => [partition, this.#encoded(info, list)]));
  }

  #encoded(info: TopicInfo, records: readonly NewRecord[]): Uint8Array[] {
    const now = this.#clock.now();
    const batches: Uint8Array[] = [];
    const builder = new RecordBatchBuilder();
    builder.begin(now);
    for (const { key, value, headers = [], timestamp = now } of records) {
      const [keyBytes, valueBytes] = [bytesOf(key), bytesOf(value)];
      checkRecord(info, keyBytes, valueBytes);
      builder.append(
        timestamp,
        keyBytes,
        valueBytes,
        headers.map((header) => ({ key: header.key, value: bytesOf(header.value) })),
      );
      if (builder.at < BATCH_BYTES) continue;
      batches.push(builder.finish());
      builder.begin(now);
    }
    if (builder.count > 0) batches.push(builder.finish());
    return batches;
  }
}

/** What the topic would also refuse from a Kafka client. */
function checkRecord({ name, settings }: TopicInfo, key: Buffer | null, value: Buffer | null): void {
  if (key === null && settings.cleanup === 'compact') {
    throw new TailraceError('topic.invalid', `${name} is compacted: a record needs a key there`, {
      remedy: 'give every record a key',
    });
  }
  if ((key?.length ?? 0) + (value?.length ?? 0) > MAX_RECORD_BYTES) {
    throw new TailraceError('topic.invalid', `a record has more than ${MAX_RECORD_BYTES} bytes`, {
      remedy: 'split it',
    });
  }
}
