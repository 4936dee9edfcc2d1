/** Writes the segment that takes the place of others: batches in order, and what vanished between them covered. */

import type { Segment } from '../segment.ts';
import type { SegmentBatch } from '../segment-batches.ts';
import { emptyBatch, extended, leaderEpochOf, MAX_OFFSET_DELTA } from './batch-writer.ts';

const WRITE_BYTES = 1 << 20;
/** Commits wait behind a sync of much: it is made of small ones. */
const SYNC_BYTES = 2 << 20;
const MAX_RANGE = BigInt(MAX_OFFSET_DELTA);

/**
 * The checksum of a batch does not cover its offset: what proves it is that batches follow one another. So a batch is extended
 * over those that vanished behind it, and where none stands before, an empty batch takes their place, which no reader sees.
 */
export class SegmentWriter {
  readonly #segment: Segment;
  #buffer: SegmentBatch[] = [];
  #bytes = 0;
  #unsynced = 0;
  /** May still be extended. */
  #last: SegmentBatch | null = null;
  /** Where the next batch must begin, unless records were lost. */
  #at: bigint;
  #leaderEpoch = 0;

  constructor(segment: Segment) {
    this.#segment = segment;
    this.#at = segment.base;
  }

  async add(batch: SegmentBatch): Promise<void> {
    this.cover(batch.base);
    this.#push();
    this.#last = batch;
    this.#at = batch.next;
    this.#leaderEpoch = leaderEpochOf(batch.bytes);
    if (this.#bytes >= WRITE_BYTES) await this.#write();
  }

  /** Nothing is left up to `to`. */
  cover(to: bigint): void {
    while (this.#at < to) {
      const base = this.#last?.base ?? this.#at;
      const next = base + MAX_RANGE < to ? base + MAX_RANGE : to;
      if (this.#last !== null && next > this.#at) {
        this.#last = { base, next, bytes: extended(this.#last.bytes, base, next) };
      } else {
        this.#push();
        const end = this.#at + MAX_RANGE < to ? this.#at + MAX_RANGE : to;
        this.#last = { base: this.#at, next: end, bytes: emptyBatch(this.#at, end, this.#leaderEpoch) };
      }
      this.#at = this.#last.next;
    }
  }

  /** Records up to `to` were lost before: they stay missing, so that a reader is told. */
  skipLost(to: bigint): void {
    this.#push();
    this.#at = to;
  }

  /** Durable when it resolves. */
  async finish(): Promise<void> {
    this.#push();
    await this.#write();
    await this.#segment.sync();
  }

  #push(): void {
    if (this.#last === null) return;
    this.#buffer.push(this.#last);
    this.#bytes += this.#last.bytes.length;
    this.#last = null;
  }

  async #write(): Promise<void> {
    const batches = this.#buffer;
    this.#unsynced += this.#bytes;
    this.#buffer = [];
    this.#bytes = 0;
    if (batches.length > 0) await this.#segment.write(batches);
    if (this.#unsynced < SYNC_BYTES) return;
    await this.#segment.sync();
    this.#unsynced = 0;
  }
}
