/** Reads the topics of one sink in turn, from its positions, and hands out decoded records in bounded batches. */
import type { Envelope } from '../contracts/envelope.ts';
import type { Log, LogRecord, TopicPartition } from '../contracts/log.ts';
import type { Change } from '../contracts/row.ts';
import type { SinkPositions } from '../contracts/sink.ts';
import type { ReadGuard } from './read-guard.ts';
import type { SchemaFeed } from './schema-feed.ts';

/** One record with its bytes, kept for a dead letter. */
export interface ReadRecord extends TopicPartition {
  readonly offset: bigint;
  readonly raw: LogRecord;
  /** Null for a tombstone. */
  readonly change: Change | null;
  /** Set instead of `change` when the bytes cannot be decoded. */
  readonly error?: unknown;
}

interface Cursor extends TopicPartition {
  /** Offset after the last record handed out. */
  next: bigint;
  /** Offset after the last batch read into `buffer`. */
  fetched: bigint;
  buffer: ReadRecord[];
  taken: number;
}

export interface SinkReaderOptions {
  readonly log: Log;
  readonly envelope: Envelope;
  readonly schemas: SchemaFeed;
  readonly guard: ReadGuard;
  readonly maxRecords: number;
  /** Bytes read ahead over all partitions (Invariant 10). */
  readonly maxBytes: number;
}

export class SinkReader {
  readonly #options: SinkReaderOptions;
  readonly #cursors: Cursor[];
  #turn = 0;

  constructor(options: SinkReaderOptions, start: SinkPositions) {
    this.#options = options;
    this.#cursors = start.map(({ topic, partition, next }) => ({
      topic,
      partition,
      next,
      fetched: next,
      buffer: [],
      taken: 0,
    }));
  }

  /** Positions after everything handed out so far. */
  positions(): SinkPositions {
    return this.#cursors.map(({ topic, partition, next }) => ({ topic, partition, next }));
  }

  /** Up to `maxRecords` records, in offset order per partition; empty when all are at their end. Never waits for data. */
  async next(): Promise<readonly ReadRecord[]> {
    const { maxRecords } = this.#options;
    const records: ReadRecord[] = [];
    for (let tried = 0; tried < this.#cursors.length && records.length < maxRecords; tried++) {
      const cursor = this.#cursors[(this.#turn + tried) % this.#cursors.length]!;
      if (cursor.taken === cursor.buffer.length) await this.#fetch(cursor);
      const upTo = Math.min(cursor.buffer.length, cursor.taken + maxRecords - records.length);
      for (; cursor.taken < upTo; cursor.taken++) records.push(cursor.buffer[cursor.taken]!);
      cursor.next = cursor.taken === cursor.buffer.length ? cursor.fetched : cursor.buffer[cursor.taken]!.offset;
    }
    this.#turn = (this.#turn + 1) % Math.max(1, this.#cursors.length);
    return records;
  }

  /** Resolves when there is more to read. */
  async wait(signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    await log.waitFor(
      this.#cursors.map(({ topic, partition, fetched }) => ({ topic, partition, offset: fetched })),
      signal,
    );
  }

  async #fetch(cursor: Cursor): Promise<void> {
    const { log, envelope, schemas, guard, maxBytes } = this.#options;
    cursor.buffer = [];
    cursor.taken = 0;
    // Invariant 5: an offset outside the partition throws, it is never reset.
    const batches = await log.read(cursor.topic, cursor.partition, cursor.fetched, maxBytes / this.#cursors.length);
    guard.check(cursor, cursor.fetched);
    if (batches.length === 0) return;
    await schemas.catchUp();
    const { topic, partition, fetched } = cursor;
    for (const batch of batches) {
      for (const raw of batch.records()) {
        if (raw.offset < fetched) continue;
        cursor.buffer.push({ topic, partition, offset: raw.offset, raw, ...decode(envelope, raw, schemas) });
      }
      cursor.fetched = batch.nextOffset;
    }
  }
}

function decode(envelope: Envelope, raw: LogRecord, schemas: SchemaFeed): { change: Change | null; error?: unknown } {
  try {
    return { change: envelope.decode(raw, schemas.store) };
  } catch (error) {
    return { change: null, error };
  }
}
