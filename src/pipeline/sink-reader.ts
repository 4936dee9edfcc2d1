/** Reads the topics of one sink in turn, from its positions, and hands out decoded records in bounded batches. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Envelope } from '../contracts/envelope.ts';
import type { Log, LogRecord, StoredBatch, TopicPartition } from '../contracts/log.ts';
import type { Change } from '../contracts/row.ts';
import type { SinkPositions } from '../contracts/sink.ts';
import { originOf, type RetryOrigin } from './dead-letters/entry.ts';
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
  /** Of a dead letter that is tried again. */
  readonly origin?: RetryOrigin;
}

/** Of a topic: whoever comes to `until` goes on at `onward`, which is not below it. */
export type Leaps = ReadonlyMap<string, { readonly until: bigint; readonly onward: bigint }>;

interface Cursor extends TopicPartition {
  /** Offset after the last record handed out. */
  next: bigint;
  /** Offset after the last batch that was read. */
  fetched: bigint;
  /** Records read and not handed out; decoded when their turn comes. */
  waiting: Iterator<LogRecord> | null;
  /** The first of them; null: there are none. */
  first: LogRecord | null;
}

/** Decoded in one go: what the target answers to the batch before is not kept waiting longer. */
const RECORDS_A_TURN = 256;

interface ReadBatch {
  readonly records: readonly ReadRecord[];
  /** After these records. */
  readonly positions: SinkPositions;
}

/** What reading a record needs. */
export interface ReadRecordOptions {
  readonly log: Log;
  readonly envelope: Envelope;
  readonly schemas: SchemaFeed;
  readonly guard: ReadGuard;
  readonly maxRecords: number;
  /** Bytes held over all partitions, of the batch handed out and of what is read ahead (Invariant 10). */
  readonly maxBytes: number;
}

/** Hands out batches to deliver. */
export interface BatchReader {
  /** Up to `maxRecords` records, in offset order per partition; empty when all are at their end. Never waits for data. */
  next(): Promise<readonly ReadRecord[]>;
  /** Positions after everything handed out so far. */
  positions(): SinkPositions;
  /** False while the target must not be left at these positions: more is to be written first. */
  readonly endsWhole: boolean;
  /** Resolves when there is more to read, or after `wake`. */
  wait(signal: AbortSignal): Promise<void>;
  /** Ends a `wait` that is under way. */
  wake(): void;
}

export interface SinkReaderOptions extends ReadRecordOptions {
  /** Topic of the sink's dead letters that are tried again; read from when it exists. */
  readonly retries: string;
  readonly leaps: Leaps;
}

export class SinkReader implements BatchReader {
  /** Each record stands for itself. */
  readonly endsWhole = true;
  readonly #options: SinkReaderOptions;
  readonly #cursors: Cursor[];
  #positions: SinkPositions;
  /** The batch after the one handed out, made while that one is on its way to the target. */
  #ahead: Promise<ReadBatch> | null = null;
  #turn = 0;
  #wake = new AbortController();

  constructor(options: SinkReaderOptions, start: SinkPositions) {
    this.#options = options;
    this.#cursors = start.map(({ topic, partition, next }) => cursorAt(topic, partition, next));
    this.#positions = start;
  }

  positions(): SinkPositions {
    return this.#positions;
  }

  async next(): Promise<readonly ReadRecord[]> {
    const ahead = this.#ahead;
    this.#ahead = null;
    let batch = ahead === null ? null : await ahead;
    // One that found nothing looked before this call.
    if (batch === null || batch.records.length === 0) batch = await this.#read();
    this.#positions = batch.positions;
    if (batch.records.length > 0) {
      this.#ahead = this.#read();
      this.#ahead.catch(() => {});
    }
    return batch.records;
  }

  async #read(): Promise<ReadBatch> {
    const { maxRecords } = this.#options;
    this.#seeRetries();
    const records: ReadRecord[] = [];
    for (let tried = 0; tried < this.#cursors.length && records.length < maxRecords; tried++) {
      const cursor = this.#cursors[(this.#turn + tried) % this.#cursors.length]!;
      this.#leap(cursor);
      if (cursor.first === null) await this.#fetch(cursor);
      await this.#take(cursor, records);
      this.#leap(cursor);
    }
    this.#turn = (this.#turn + 1) % Math.max(1, this.#cursors.length);
    return { records, positions: this.#cursors.map(({ topic, partition, next }) => ({ topic, partition, next })) };
  }

  async #take(cursor: Cursor, records: ReadRecord[]): Promise<void> {
    const { maxRecords, leaps } = this.#options;
    const until = leaps.get(cursor.topic)?.until;
    for (; cursor.first !== null && records.length < maxRecords; advance(cursor)) {
      if (until !== undefined && cursor.next < until && cursor.first.offset >= until) break;
      records.push(this.#record(cursor, cursor.first));
      if (records.length % RECORDS_A_TURN === 0) await turn();
    }
    cursor.next = cursor.first?.offset ?? cursor.fetched;
  }

  async wait(signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    this.#wake = new AbortController();
    if (this.#seeRetries()) return;
    const either = AbortSignal.any([signal, this.#wake.signal]);
    const places = this.#cursors.map(({ topic, partition, fetched }) => ({ topic, partition, offset: fetched }));
    await log.waitFor(places, either).catch((error: unknown) => {
      if (!this.#wake.signal.aborted || signal.aborted) throw error;
    });
  }

  wake(): void {
    this.#wake.abort();
  }

  /** True when the topic of retries has come into being. */
  #seeRetries(): boolean {
    const { log, retries } = this.#options;
    const info = log.topics.get(retries)?.partitions[0];
    if (info === undefined || this.#cursors.some(({ topic }) => topic === retries)) return false;
    this.#cursors.push(cursorAt(retries, 0, info.startOffset));
    return true;
  }

  #leap(cursor: Cursor): void {
    const leap = this.#options.leaps.get(cursor.topic);
    if (leap === undefined || cursor.next < leap.until || cursor.next >= leap.onward) return;
    Object.assign(cursor, cursorAt(cursor.topic, cursor.partition, leap.onward));
  }

  async #fetch(cursor: Cursor): Promise<void> {
    const { log, schemas, guard, maxBytes } = this.#options;
    const { topic, partition, fetched } = cursor;
    // Invariant 5: an offset outside the partition throws, it is never reset.
    const batches = await log.read(topic, partition, fetched, maxBytes / 2 / this.#cursors.length);
    guard.check(cursor, fetched);
    if (batches.length === 0) return;
    await schemas.catchUp();
    cursor.waiting = recordsOf(batches, fetched);
    cursor.fetched = batches.at(-1)!.nextOffset;
    advance(cursor);
  }

  #record(place: TopicPartition, raw: LogRecord): ReadRecord {
    const record = readRecord(this.#options, place, raw);
    const origin = place.topic === this.#options.retries ? originOf(raw) : undefined;
    return origin === undefined ? record : { ...record, origin };
  }
}

function cursorAt(topic: string, partition: number, next: bigint): Cursor {
  return { topic, partition, next, fetched: next, waiting: null, first: null };
}

function advance(cursor: Cursor): void {
  const result = cursor.waiting?.next();
  cursor.first = result === undefined || result.done === true ? null : result.value;
}

/** The records of the batches from an offset on. */
export function* recordsOf(batches: readonly StoredBatch[], from: bigint): Generator<LogRecord> {
  for (const batch of batches) for (const record of batch.records()) if (record.offset >= from) yield record;
}

export function readRecord(
  { envelope, schemas }: ReadRecordOptions,
  { topic, partition }: TopicPartition,
  raw: LogRecord,
): ReadRecord {
  const { offset } = raw;
  try {
    return { topic, partition, offset, raw, change: envelope.decode(raw, schemas.store) };
  } catch (error) {
    return { topic, partition, offset, raw, change: null, error };
  }
}
