/**
 * One file of a partition, in Kafka's layout: record batches one behind the other, `<base offset, 20 digits>.log`; one that
 * compaction wrote has its generation between, `<base>.<generation>.log`. Beside it the index, see segment-index.ts.
 */
import { join } from 'node:path';
import { TailraceError } from '../contracts/errors.ts';
import type { ReadMemory } from '../contracts/log.ts';
import type { OpenFile } from '../lib/files.ts';
import { HEADER_BYTES, readBatchHeader } from '../wire/record-batch.ts';
import type { OpenFiles } from './open-files.ts';
import { type BatchPlace, batchPlaces, placeOf, type SegmentBatch, verifiedBatch } from './segment-batches.ts';
import { BLOCK_BYTES, INDEX_ENTRY_BYTES, SegmentIndex } from './segment-index.ts';
import { completeIndex } from './segment-index-build.ts';
import { type SegmentPoint, type SegmentSpan, walkSegment } from './segment-walk.ts';

const READ_AHEAD_BYTES = 64 * 1024;
/** Most that is read at once, but for a batch that is larger. */
const MAX_READ_BYTES = (1 << 20) + READ_AHEAD_BYTES;
/** Above every offset: it is not known where the segment ends. */
const NO_END = 1n << 63n;

/** What the snapshot keeps of a segment. */
export interface StoredSegment {
  readonly base: string;
  readonly size: number;
  /** How often compaction has written it; absent: never. */
  readonly generation?: number;
  /** Largest time of its records, ms since 1970; absent: unknown. */
  readonly maxTime?: number;
}

export interface ReadOptions {
  /** Where the next segment begins; absent: not known. */
  readonly end?: bigint;
  /** As of `Log.read`. */
  readonly memory?: ReadMemory | undefined;
}

interface Wanted {
  readonly offset: bigint;
  readonly maxBytes: number;
  readonly memory: ReadMemory;
}

const FRESH: ReadMemory = { take: (bytes) => Buffer.allocUnsafe(bytes) };

export interface CheckedPart {
  readonly damaged: readonly { readonly from: bigint; readonly to: bigint }[];
  readonly next: SegmentPoint | null;
}

export function segmentName(base: bigint, generation: number): string {
  return `${String(base).padStart(20, '0')}${generation === 0 ? '' : `.${generation}`}`;
}

export class Segment {
  readonly base: bigint;
  readonly generation: number;
  /** Made by this process. */
  readonly fresh: boolean;
  readonly path: string;
  readonly #files: OpenFiles;
  #size: number;
  /** One past the last offset in it; null while this process has written nothing to it. */
  #next: bigint | null = null;
  #index: SegmentIndex | null;
  #indexing: Promise<SegmentIndex> | null = null;
  /** Entries that the index file has. */
  #indexStored = 0;
  #maxTime: number | undefined;
  #reindexed = false;
  /** Written, not yet counted: see `writeAhead`. */
  #ahead: readonly BatchPlace[] = [];

  private constructor(files: OpenFiles, dir: string, base: bigint, generation: number, fresh: boolean) {
    this.#files = files;
    this.base = base;
    this.generation = generation;
    this.path = join(dir, segmentName(base, generation));
    this.fresh = fresh;
    this.#size = 0;
    this.#index = fresh ? new SegmentIndex(base) : null;
    if (fresh) this.#maxTime = Number.NEGATIVE_INFINITY;
  }

  static async create(files: OpenFiles, dir: string, base: bigint, generation = 0): Promise<Segment> {
    const segment = new Segment(files, dir, base, generation, true);
    // A start that died here before may have left the files.
    for (const path of [segment.logPath, segment.#indexPath]) await files.remove(path);
    await files.create(segment.logPath, async () => {});
    return segment;
  }

  /** Of an existing file; what lies behind the counted bytes was never part of the log. */
  static existing(files: OpenFiles, dir: string, stored: StoredSegment): Segment {
    const segment = new Segment(files, dir, BigInt(stored.base), stored.generation ?? 0, false);
    segment.#size = stored.size;
    segment.#maxTime = stored.size === 0 ? Number.NEGATIVE_INFINITY : stored.maxTime;
    return segment;
  }

  get size(): number {
    return this.#size;
  }

  get logPath(): string {
    return `${this.path}.log`;
  }

  stored(): StoredSegment {
    const maxTime = this.#maxTime;
    return {
      base: String(this.base),
      size: this.#size,
      ...(this.generation === 0 ? {} : { generation: this.generation }),
      ...(maxTime === undefined || !Number.isFinite(maxTime) ? {} : { maxTime }),
    };
  }

  /** Appends placed batches and makes them durable. A repeat after a failure writes the same place again. */
  append(batches: readonly SegmentBatch[]): Promise<void> {
    return this.#append(batches, true);
  }

  /** The same, durable only after `sync`. */
  write(batches: readonly SegmentBatch[]): Promise<void> {
    return this.#append(batches, false);
  }

  sync(): Promise<void> {
    return this.#use((file) => file.sync());
  }

  /** Writes behind the counted bytes, durably, without counting them; returns the position. See `accept`. */
  async writeAhead(data: readonly Uint8Array[]): Promise<number> {
    const position = this.#size;
    await this.#use(async (file) => {
      await file.write(data, position);
      await file.sync();
    });
    this.#ahead = placesOf(data, position);
    return position;
  }

  /** Counts batches that `writeAhead`, of this process or an earlier one, put at `position`. */
  accept(position: number, batches: readonly { readonly size: number }[]): void {
    const ahead = this.#ahead;
    this.#ahead = [];
    if (ahead.length === batches.length && ahead[0]?.position === position) {
      this.#count(ahead);
      return;
    }
    this.#maxTime = undefined;
    this.#next = null;
    this.#size = batches.reduce((sum, { size }) => sum + size, position);
  }

  /**
   * Whole batches from the one that holds `offset` (or the first after it), no more than `maxBytes` but for the first, at least
   * one if there is one; also empty ones. Ends before damage; throws `log.damaged` where it would begin with it.
   */
  async read(
    offset: bigint,
    maxBytes: number,
    { end = NO_END, memory = FRESH }: ReadOptions = {},
  ): Promise<SegmentBatch[]> {
    const span = { size: this.#size, end: this.#next ?? end };
    const wanted = { offset, maxBytes: Math.max(1, maxBytes), memory };
    const index = await this.index();
    try {
      return await this.#read(index, span, wanted);
    } catch (error) {
      if (!(error instanceof TailraceError) || this.#reindexed) throw error;
      // It may be the index that is damaged.
      return this.#read(await this.#reindex(), span, wanted);
    }
  }

  /** The first batch that ends above `from` and has a record at or after the time, ms since 1970; null when none has. */
  async since(from: bigint, time: number): Promise<SegmentBatch | null> {
    const index = await this.index();
    let i = index.since(index.blockOf(from), time);
    for (; i !== undefined; i = index.since(i + 1, time)) {
      const { position, length } = index.block(i)!;
      const found = await this.#use(async (file) => {
        for await (const place of batchPlaces(file, position, position + length)) {
          if (place.next > from && place.maxTime >= time) return place;
        }
        return null;
      });
      if (found !== null) return (await this.read(found.base, 1))[0] ?? null;
    }
    return null;
  }

  /**
   * Checks about `bytes` of the segment from `point` on. Resolves to the offsets [from, to) that cannot be read, and to where
   * to go on; null at the end.
   * @param end where the next segment begins
   */
  check(point: SegmentPoint, bytes: number, end: bigint): Promise<CheckedPart> {
    const span = { size: this.#size, end: this.#next ?? end };
    return this.#use(async (file) => {
      const damaged: { from: bigint; to: bigint }[] = [];
      for await (const step of walkSegment(file, span, point)) {
        if (step.batch === null) damaged.push({ from: step.from, to: step.to });
        else if (step.position + step.batch.bytes.length - point.position >= bytes) {
          const position = step.position + step.batch.bytes.length;
          return { damaged, next: position < span.size ? { position, offset: step.batch.next } : null };
        }
      }
      return { damaged, next: null };
    });
  }

  /** Largest time of its records, ms since 1970; -Infinity when it is empty. */
  async maxTime(): Promise<number> {
    this.#maxTime ??= (await this.index()).maxTimeFrom(0);
    return this.#maxTime;
  }

  /** Time of its first batch, ms since 1970; only of one that is not empty. */
  firstTime(): Promise<number> {
    return this.#use(async (file) => {
      for await (const { maxTime } of batchPlaces(file, 0, this.#size)) return maxTime;
      return Number.POSITIVE_INFINITY;
    });
  }

  /** The same, of the batches that end above `offset`. */
  async maxTimeFrom(offset: bigint): Promise<number> {
    if (offset <= this.base) return this.maxTime();
    const index = await this.index();
    const i = index.blockOf(offset);
    const { position, length } = index.block(i) ?? { position: 0, length: 0 };
    let max = index.maxTimeFrom(i + 1);
    await this.#use(async (file) => {
      for await (const { next, maxTime } of batchPlaces(file, position, position + length)) {
        if (next > offset) max = Math.max(max, maxTime);
      }
    });
    return max;
  }

  /** Removes the files. Reads that have begun go on; later ones fail. */
  async remove(): Promise<void> {
    for (const path of [this.logPath, this.#indexPath]) await this.#files.remove(path);
  }

  /** Lets go of files and index; the next use opens them again. */
  async close(): Promise<void> {
    this.#index = null;
    await Promise.all([this.#files.close(this.logPath), this.#files.close(this.#indexPath)]);
  }

  /** Of all that is counted. From its file while that fits; the rest by reading the segment. */
  index(): Promise<SegmentIndex> | SegmentIndex {
    if (this.#index !== null && this.#index.covered === this.#size) return this.#index;
    this.#indexing ??= this.#loadIndex().finally(() => {
      this.#indexing = null;
    });
    return this.#indexing;
  }

  /** The index goes when the file does: of a large log, all of them would be too much memory (Invariant 10). */
  #use<T>(run: (file: OpenFile) => Promise<T>): Promise<T> {
    return this.#files.use(this.logPath, run, this.#forget);
  }

  readonly #forget = (): void => {
    if (this.#indexing === null) this.#index = null;
  };

  get #indexPath(): string {
    return `${this.path}.index`;
  }

  async #append(batches: readonly SegmentBatch[], durable: boolean): Promise<void> {
    const data = batches.map(({ bytes }) => bytes);
    await this.#use(async (file) => {
      await file.write(data, this.#size);
      if (durable) await file.sync();
    });
    this.#count(placesOf(data, this.#size));
    // Of a damaged batch that recovery has placed, its own bytes may say otherwise.
    this.#next = batches.at(-1)?.next ?? this.#next;
    await this.#storeIndex();
  }

  #read(index: SegmentIndex, span: SegmentSpan, { offset, maxBytes, memory }: Wanted): Promise<SegmentBatch[]> {
    return this.#use(async (file) => {
      let { position, offset: expected } = index.block(index.blockOf(offset)) ?? { position: 0, offset: this.base };
      let length = Math.min(Math.max(maxBytes, HEADER_BYTES) + READ_AHEAD_BYTES, MAX_READ_BYTES);
      const found: SegmentBatch[] = [];
      const damaged = (at: number) => this.#pastDamage(file, span, { position: at, offset: expected }, found, offset);
      let bytes = 0;
      while (position < span.size && bytes < maxBytes) {
        const buf = memory.take(Math.min(length, span.size - position));
        if ((await file.read(buf, position)) < buf.length) return damaged(position);
        let at = 0;
        while (at + HEADER_BYTES <= buf.length && bytes < maxBytes) {
          const { size } = readBatchHeader(buf, at);
          const fits = size >= HEADER_BYTES && position + at + size <= span.size;
          if (fits && found.length > 0 && bytes + size > maxBytes) return found;
          if (fits && at + size > buf.length) break;
          const batch = fits ? verifiedBatch(buf, at) : null;
          // The batch checksum does not cover offsets: they must follow one another.
          if (batch === null || batch.base !== expected || batch.next > span.end) return damaged(position + at);
          expected = batch.next;
          at += size;
          if (batch.next <= offset) continue;
          found.push(batch);
          bytes += size;
        }
        if (at > 0) {
          position += at;
          length = Math.min(Math.max(maxBytes - bytes, HEADER_BYTES), MAX_READ_BYTES);
        } else if (position + buf.length >= span.size) return damaged(position);
        else length = Math.max(length * 2, readBatchHeader(buf, 0).size);
      }
      return found;
    });
  }

  /** What was found before `point`, where damage begins or records were lost; else the first batch behind it, or the damage. */
  async #pastDamage(
    file: OpenFile,
    span: SegmentSpan,
    point: SegmentPoint,
    found: SegmentBatch[],
    offset: bigint,
  ): Promise<SegmentBatch[]> {
    if (found.length > 0) return found;
    for await (const step of walkSegment(file, span, point)) {
      if (step.batch !== null && step.batch.next > offset) return [step.batch];
      if (step.batch !== null || step.to <= offset) continue;
      const range = step.to === NO_END ? `${step.from} to the end of the file` : `${step.from} to ${step.to - 1n}`;
      throw new TailraceError('log.damaged', `${this.logPath} is damaged: the records ${range} cannot be read`, {
        remedy: 'restore the data directory from a backup; records outside of the range can be read',
      });
    }
    return [];
  }

  #count(places: readonly BatchPlace[]): void {
    const index = this.#index?.covered === this.#size ? this.#index : null;
    for (const { base, next, position, size, maxTime } of places) {
      index?.add(base, size, maxTime);
      this.#next = next;
      if (this.#maxTime !== undefined && maxTime > this.#maxTime) this.#maxTime = maxTime;
      this.#size = position + size;
    }
  }

  async #loadIndex(): Promise<SegmentIndex> {
    let index = this.#index ?? (await this.#storedIndex());
    while (index.covered < this.#size) {
      const span = { size: this.#size, end: this.#next ?? NO_END };
      const known = index;
      index = await this.#use((file) => completeIndex(known, file, this.base, span));
      if (index !== known) this.#indexStored = 0;
    }
    this.#index = index;
    await this.#storeIndex();
    return index;
  }

  async #storedIndex(): Promise<SegmentIndex> {
    const index = new SegmentIndex(this.base);
    this.#indexStored = 0;
    if (this.#size < BLOCK_BYTES) return index;
    try {
      await this.#files.use(this.#indexPath, async (file) => {
        const bytes = Buffer.alloc(await file.size());
        await file.read(bytes, 0);
        index.restore(bytes, this.#size);
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    this.#indexStored = index.length;
    return index;
  }

  async #reindex(): Promise<SegmentIndex> {
    await this.#indexing;
    this.#reindexed = true;
    this.#index = new SegmentIndex(this.base);
    this.#indexStored = 0;
    return this.index();
  }

  /** Small segments have no index file. One that cannot be written, or is lost, costs time and nothing else: it is not synced. */
  async #storeIndex(): Promise<void> {
    const index = this.#index;
    const from = this.#indexStored;
    if (index === null || index.complete <= from) return;
    const entries = index.encode(from);
    const write = (file: OpenFile) => file.write([entries], from * INDEX_ENTRY_BYTES);
    this.#indexStored = index.complete;
    try {
      if (from === 0) await this.#files.remove(this.#indexPath);
      await (from === 0 ? this.#files.create(this.#indexPath, write) : this.#files.use(this.#indexPath, write));
    } catch {
      this.#indexStored = from;
    }
  }
}

function placesOf(data: readonly Uint8Array[], position: number): BatchPlace[] {
  let at = position;
  return data.map((bytes) => {
    const place = placeOf(bytes, 0, at);
    at += bytes.length;
    return place;
  });
}
