/**
 * Reads for `consistency: transactional`: the records of all topics in the order of their versions, which is the order of
 * commits at the source (DESIGN § 6), and the places between them where every source transaction is whole.
 *
 * It needs no markers in the log. A commit of the log holds whole source transactions and becomes visible at once (Invariant
 * 3), so the end offsets of all topics, looked up together, are such a place; before it, a record is the last of its
 * transaction when none of the next records of the topics is of the same one.
 *
 * Where compaction has removed records the states between are lost: they are passed over as one step.
 */
import type { StoredBatch, TopicPartition } from '../contracts/log.ts';
import type { SinkPositions } from '../contracts/sink.ts';
import { type BatchReader, type ReadRecord, type ReadRecordOptions, readRecord, recordsOf } from './sink-reader.ts';

interface Cursor extends TopicPartition {
  /** Offset after the last record handed out. */
  next: bigint;
  /** Offset after the last batch that was read. */
  fetched: bigint;
  /** A place where all transactions are whole; records from here on are not looked at. */
  end: bigint;
  /** Below it compaction has removed records. */
  compactedTo: bigint;
  waiting: Iterator<Parameters<typeof readRecord>[2]> | null;
  head: ReadRecord | null;
}

export class TransactionReader implements BatchReader {
  readonly #options: ReadRecordOptions;
  readonly #cursors: Cursor[];
  /** By source: transaction of the last record handed out. */
  readonly #open = new Map<string, string>();
  #endsWhole = true;
  #wake = new AbortController();

  constructor(options: ReadRecordOptions, start: SinkPositions) {
    this.#options = options;
    this.#cursors = start.map(({ topic, partition, next }) => {
      return { topic, partition, next, fetched: next, end: next, compactedTo: 0n, waiting: null, head: null };
    });
  }

  /** True when every transaction of which something was handed out was handed out whole. */
  get endsWhole(): boolean {
    return this.#endsWhole;
  }

  positions(): SinkPositions {
    return this.#cursors.map(({ topic, partition, next }) => ({ topic, partition, next }));
  }

  async next(): Promise<readonly ReadRecord[]> {
    const { maxRecords } = this.#options;
    if (this.#cursors.every(({ head, fetched, end }) => head === null && fetched >= end)) this.#look();
    // Half of a batch is room for the rest of its last transaction; the rest of a longer one ends at the first whole place.
    const enough = this.#endsWhole ? Math.ceil(maxRecords / 2) : 1;
    const records: ReadRecord[] = [];
    for (const cursor of this.#cursors) if (!this.#advance(cursor)) await this.#fetch(cursor);
    for (let cursor = this.#oldest(); cursor !== undefined; cursor = this.#oldest()) {
      // A tombstone has no place of its own: it goes with the delete before it.
      const mayEnd = cursor.head!.change !== null;
      if (mayEnd && (records.length >= maxRecords || (records.length >= enough && this.#isWhole()))) break;
      records.push(cursor.head!);
      this.#handedOut(cursor);
      if (!this.#advance(cursor)) await this.#fetch(cursor);
    }
    this.#endsWhole = this.#isWhole();
    return records;
  }

  /** Resolves when there is more to read, or after `wake`. */
  async wait(signal: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    const either = AbortSignal.any([signal, this.#wake.signal]);
    const places = this.#cursors.map(({ topic, partition, fetched }) => ({ topic, partition, offset: fetched }));
    await this.#options.log.waitFor(places, either).catch((error: unknown) => {
      if (!this.#wake.signal.aborted || signal.aborted) throw error;
    });
  }

  wake(): void {
    this.#wake.abort();
  }

  /** All ends in one turn of this thread, so that no commit falls in between. */
  #look(): void {
    for (const cursor of this.#cursors) {
      const info = this.#options.log.topics.get(cursor.topic)?.partitions[cursor.partition];
      if (info === undefined) continue;
      cursor.end = info.endOffset;
      cursor.compactedTo = info.compactedTo ?? 0n;
    }
  }

  #oldest(): Cursor | undefined {
    let oldest: Cursor | undefined;
    for (const cursor of this.#cursors) {
      if (cursor.head === null) continue;
      const { change } = cursor.head;
      if (change === null) return cursor;
      if (oldest === undefined || change.version < oldest.head!.change!.version) oldest = cursor;
    }
    return oldest;
  }

  #handedOut(cursor: Cursor): void {
    const { change, offset } = cursor.head!;
    if (change !== null) this.#open.set(change.table.source, change.transaction);
    cursor.head = null;
    cursor.next = offset + 1n;
  }

  #isWhole(): boolean {
    return this.#cursors.every(({ head, next, end, compactedTo }) => {
      if (next < compactedTo && next < end) return false;
      const change = head?.change ?? null;
      if (change === null) return head === null;
      return change.transaction === '' || this.#open.get(change.table.source) !== change.transaction;
    });
  }

  /** Makes `head` the cursor's next record below its end, if there is one; false when it has to be fetched first. */
  #advance(cursor: Cursor): boolean {
    if (cursor.head !== null) return true;
    const result = cursor.waiting?.next();
    if (result !== undefined && result.done !== true) {
      cursor.head = readRecord(this.#options, cursor, result.value);
      return true;
    }
    cursor.waiting = null;
    cursor.next = cursor.fetched;
    return cursor.fetched >= cursor.end;
  }

  async #fetch(cursor: Cursor): Promise<void> {
    const { log, schemas, guard, maxBytes } = this.#options;
    const { topic, partition, end } = cursor;
    do {
      const { fetched } = cursor;
      // Invariant 5: an offset outside the partition throws, it is never reset.
      const batches = await log.read(topic, partition, fetched, maxBytes / this.#cursors.length);
      guard.check(cursor, fetched);
      await schemas.catchUp();
      // What was committed after the look stays for the next one; a batch is of one commit and does not reach over the end.
      const below: readonly StoredBatch[] = batches.filter(({ baseOffset }) => baseOffset < end);
      cursor.waiting = recordsOf(below, fetched);
      cursor.fetched = below.at(-1)?.nextOffset ?? end;
    } while (!this.#advance(cursor));
  }
}
