/**
 * Compaction of a partition: of each key the last record stays, tombstones until their horizon. In passes: as many keys as
 * fit the map are read from the dirty range, then all segments up to there are written again, some of them at a time, each time
 * into a new file that takes the place of the old ones in the next snapshot. A crash leaves the old or the new.
 */
import { TailraceError } from '../../contracts/errors.ts';
import type { Partition } from '../partition.ts';
import type { Segment } from '../segment.ts';
import { isEmptyBatch, type SegmentBatch } from '../segment-batches.ts';
import { openBatch } from './batch-records.ts';
import { canSetHorizon, deleteHorizon, MAX_OFFSET_DELTA, rewritten } from './batch-writer.ts';
import { KeyMap } from './key-map.ts';
import type { DirtyRange } from './plan.ts';
import { SegmentWriter } from './segment-writer.ts';

/** So small that one step takes a few milliseconds. */
const READ_BYTES = 256 << 10;

export interface CompactionOptions {
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  /** A reader has not seen the tombstones from this offset on, unless they are older than `holdMs`; null: nobody. */
  readonly hold: bigint | null;
  readonly holdMs: number;
  /** Memory for keys. */
  readonly mapBytes: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Aborted: the step is finished, the rest left. */
  readonly signal: AbortSignal;
  /** After segments were replaced: the place to free those that were. */
  readonly replaced: () => Promise<void>;
}

export class Compactor {
  readonly #partition: Partition;
  readonly #options: CompactionOptions;
  #map!: KeyMap;
  /** Batches that the map has: from here on, up to the end. */
  #from = 0n;
  /** Records from here on stay as they are. */
  #end = 0n;
  /** A batch could not be looked into: a key that is deleted later may have a record there. */
  #opaque = false;
  /** One past the last tombstone that was removed. */
  #deletesRemovedTo = 0n;
  #changed = false;

  constructor(partition: Partition, options: CompactionOptions) {
    this.#partition = partition;
    this.#options = options;
  }

  /** Throws `log.damaged` where a record cannot be read: what was replaced so far stays. */
  async run({ from, to }: DirtyRange): Promise<void> {
    for (let at = from; at < to && !this.#stopped; at = this.#end) {
      await this.#readKeys(at, to);
      this.#opaque = false;
      for (const group of this.#groups()) {
        if (this.#stopped) return;
        await this.#rewrite(group);
        await this.#options.replaced();
      }
      if (!this.#stopped) this.#partition.compactedTo = this.#end;
    }
  }

  /** The log closes, or the topic is deleted. */
  get #stopped(): boolean {
    return this.#options.signal.aborted || this.#partition.dropped;
  }

  async #readKeys(from: bigint, to: bigint): Promise<void> {
    const { mapBytes: maxBytes, random } = this.#options;
    const map = new KeyMap({ maxBytes, expected: Number(to - from), base: from, random });
    this.#map = map;
    this.#from = from;
    this.#end = to;
    for (const segment of this.#partition.segments.filter(({ base }) => base < to)) {
      if (this.#partition.segmentEnd(segment.base) <= from) continue;
      for await (const { base, bytes } of this.#batches(segment, from)) {
        const batch = openBatch(bytes);
        if (batch === null || batch.records.length > map.limit) continue;
        if (batch.records.length > map.room) {
          this.#end = base;
          return;
        }
        for (const { keyAt, keyLength, offsetDelta } of batch.records) {
          const offset = base + BigInt(offsetDelta);
          if (keyLength >= 0 && offset >= from) map.put(batch.block, keyAt, keyLength, offset);
        }
      }
    }
  }

  /** Neighbours that are written into one segment. */
  #groups(): Segment[][] {
    const partition = this.#partition;
    const groups: Segment[][] = [];
    let bytes = 0;
    for (const segment of partition.closed.filter(({ base }) => base < this.#end)) {
      const group = groups.at(-1);
      const range = partition.segmentEnd(segment.base) - (group?.[0]?.base ?? segment.base);
      const fits = bytes + segment.size <= partition.segmentBytes && range <= BigInt(MAX_OFFSET_DELTA);
      if (group !== undefined && fits) group.push(segment);
      else groups.push([segment]);
      bytes = (group !== undefined && fits ? bytes : 0) + segment.size;
    }
    return groups;
  }

  async #rewrite(group: readonly Segment[]): Promise<void> {
    const output = await this.#partition.createReplacement(group);
    this.#changed = group.length > 1;
    try {
      const writer = new SegmentWriter(output);
      let at = group[0]!.base;
      for (const segment of group) {
        for await (const batch of this.#batches(segment, segment.base)) {
          if (batch.base > at) {
            writer.cover(at);
            writer.skipLost(batch.base);
          }
          const kept = this.#filtered(batch);
          if (kept !== null) await writer.add(kept);
          at = batch.next;
        }
      }
      writer.cover(at);
      await writer.finish();
    } catch (error) {
      await output.remove().catch(() => {});
      throw error;
    }
    if (this.#changed && !this.#stopped) {
      this.#partition.replace(group, output, this.#deletesRemovedTo);
    } else await output.remove();
  }

  /** What stays of the batch; null: nothing. */
  #filtered(batch: SegmentBatch): SegmentBatch | null {
    if (batch.base >= this.#end) return batch;
    if (isEmptyBatch(batch.bytes)) return null;
    const opened = openBatch(batch.bytes);
    if (opened === null) {
      this.#opaque = true;
      return batch;
    }
    const { nowMs, deleteRetentionMs, hold, holdMs } = this.#options;
    const horizon = deleteHorizon(opened);
    const held = hold !== null && batch.next > hold && nowMs - opened.header.maxTimestamp <= holdMs;
    const expired = horizon !== null && horizon <= nowMs && !this.#opaque && !held;
    const { block, records } = opened;
    const kept = records.filter(({ keyAt, keyLength, offsetDelta, isTombstone }) => {
      if (keyLength < 0) return true;
      const offset = batch.base + BigInt(offsetDelta);
      const last = this.#map.get(block, keyAt, keyLength);
      if (last !== undefined && last > offset) return false;
      // The last record stays: below the end of a partition there is always something to read.
      if (!isTombstone || !expired || offset + 1n >= this.#partition.end) return true;
      if (offset >= this.#deletesRemovedTo) this.#deletesRemovedTo = offset + 1n;
      return false;
    });
    const begins = nowMs + deleteRetentionMs;
    // Only where the map had its keys: what the tombstones delete is gone then.
    const mapped = batch.base >= this.#from && records.length <= this.#map.limit;
    const deletes = kept.some(({ isTombstone, keyLength }) => isTombstone && keyLength >= 0);
    const marks = horizon === null && mapped && deletes && canSetHorizon(opened, begins);
    if (kept.length === records.length && !marks) return batch;
    this.#changed = true;
    if (kept.length === 0) return null;
    return { ...batch, bytes: rewritten(batch.bytes, opened, kept, marks ? begins : null) };
  }

  /** Batches of a segment from the one that holds `from` on. */
  async *#batches(segment: Segment, from: bigint): AsyncGenerator<SegmentBatch, void, undefined> {
    const partition = this.#partition;
    const end = partition.segmentEnd(segment.base);
    for (let at = from > segment.base ? from : segment.base; at < end && !this.#stopped; ) {
      const batches = await segment.read(at, READ_BYTES);
      const first = batches[0];
      if (first === undefined || first.base > at) {
        const hole = partition.holes.find((lost) => lost.from <= at && at < lost.to);
        if (hole === undefined) {
          const { topic, partition: number } = partition;
          throw new TailraceError('log.damaged', `${topic}-${number}: the record ${at} cannot be read`);
        }
        if (first === undefined) return;
      }
      yield* batches;
      at = batches.at(-1)!.next;
    }
  }
}
