/**
 * One partition: segments on disk, and behind them the batches that so far are only in the write-ahead log, held in memory
 * or in a staged file until a log checkpoint has moved them into a segment.
 */
import type { ReadMemory } from '../contracts/log.ts';
import type { Files } from '../lib/files.ts';
import { recycleBatch } from '../wire/record-batch.ts';
import type { OpenFiles } from './open-files.ts';
import { placed, readBatches } from './partition-read.ts';
import { Segment, type StoredSegment } from './segment.ts';
import type { SegmentBatch } from './segment-batches.ts';
import type { StagedFile } from './staged-file.ts';

/** A batch that no segment has yet. */
export interface RecentBatch {
  readonly base: bigint;
  readonly next: bigint;
  readonly size: number;
  /** Placed; or where it lies in a staged file, unplaced. Null: it is in a segment, and its memory is used for something else. */
  at: Uint8Array | { readonly file: StagedFile; readonly position: number; readonly leaderEpoch: number } | null;
  /** A reader may have its bytes for any time. */
  kept?: boolean;
}

/** Offsets that were acknowledged and are lost: [from, to). */
export interface Hole {
  readonly from: bigint;
  readonly to: bigint;
}

/** An opening of the log that writes: its index in the lineage, and the leader epoch of its batches. */
export interface Opening {
  readonly opening: number;
  readonly leaderEpoch: number;
}

export interface Writing extends Opening {
  /** Offset of its first record. */
  readonly start: bigint;
}

/** What the snapshot keeps of a partition. */
export interface StoredPartition {
  /** Absent: where the first segment begins, or 0. */
  readonly start?: string;
  readonly end: string;
  readonly segments: readonly StoredSegment[];
  readonly holes?: readonly (readonly [string, string])[];
  /** See `compactedTo` and `deletesRemovedTo`. */
  readonly compacted?: readonly [to: string, deletesRemovedTo: string];
  /** Index of the opening → start offset under it (DESIGN § 6, Lineage), leader epoch; formats 1 and 2 had only 0. */
  readonly openings: readonly (readonly [opening: number, start: string, leaderEpoch?: number])[];
}

const MAX_WRITE_BYTES = 8 << 20;

export class Partition {
  readonly topic: string;
  readonly partition: number;
  readonly dir: string;
  readonly #files: Files;
  readonly #open: OpenFiles;
  /** Size at which a new segment is begun. */
  segmentBytes: number;
  /** One flush at a time. */
  #moving: Promise<void> | null = null;
  /** A large commit is being written behind the last segment's counted bytes. */
  #writingDirect = false;
  /** The next batch begins a segment. */
  #rolled = false;
  #start = 0n;
  /** Segments that are no part of the log any more; their files go when a snapshot without them is on disk. */
  garbage: Segment[] = [];
  segments: Segment[] = [];
  recent: RecentBatch[] = [];
  #recentBytes = 0;
  #dropped = false;
  holes: Hole[] = [];
  /** One past the last durable record (Invariant 8: the high watermark). */
  end = 0n;
  /** One past the last record in a segment. */
  flushed = 0n;
  /** Who wrote from where on. */
  openings: Writing[] = [];
  /** Below it, of each key only the last record is there that stood below it. */
  compactedTo = 0n;
  /** Below it, tombstones may have been removed: whoever read up to a lower offset may never hear of a delete. */
  deletesRemovedTo = 0n;
  /** Batches that came through the write-ahead log so far, and how many of them the last snapshot has in segments. */
  #logged = 0;
  #counted = 0;

  constructor(topic: string, partition: number, dir: string, files: Files, open: OpenFiles, segmentBytes: number) {
    this.topic = topic;
    this.partition = partition;
    this.dir = dir;
    this.#files = files;
    this.#open = open;
    this.segmentBytes = segmentBytes;
  }

  static restored(stored: StoredPartition, partition: Partition): Partition {
    partition.#start = BigInt(stored.start ?? 0);
    partition.end = BigInt(stored.end);
    partition.flushed = partition.end;
    partition.segments = stored.segments.map((segment) => Segment.existing(partition.#open, partition.dir, segment));
    partition.holes = (stored.holes ?? []).map(([from, to]) => ({ from: BigInt(from), to: BigInt(to) }));
    partition.compactedTo = BigInt(stored.compacted?.[0] ?? 0);
    partition.deletesRemovedTo = BigInt(stored.compacted?.[1] ?? 0);
    partition.openings = stored.openings.map(([opening, start, leaderEpoch = 0]) => ({
      opening,
      start: BigInt(start),
      leaderEpoch,
    }));
    return partition;
  }

  get start(): bigint {
    const first = this.segments[0]?.base ?? this.recent[0]?.base ?? this.end;
    if (first > this.#start) return first;
    return this.#start;
  }

  get sizeBytes(): number {
    return this.segments.reduce((sum, { size }) => sum + size, this.#recentBytes);
  }

  /** A durable batch becomes visible. False when it was so already: a snapshot may be ahead of its commits. */
  add(batch: RecentBatch, by: Opening): boolean {
    if (batch.next <= this.end) return false;
    this.#begins(batch.base, by);
    this.recent.push(batch);
    this.#recentBytes += batch.size;
    this.#logged++;
    this.end = batch.next;
    return true;
  }

  /** Durable batches that `writeDirect` put into a segment become visible. */
  addDirect(
    segmentBase: bigint,
    position: number,
    batches: readonly { readonly base: bigint; readonly next: bigint; readonly size: number }[],
    by: Opening,
  ): boolean {
    const last = batches.at(-1);
    if (last === undefined || last.next <= this.end) return false;
    this.#begins(batches[0]!.base, by);
    let segment = this.segments.find(({ base }) => base === segmentBase);
    if (segment === undefined) {
      segment = Segment.existing(this.#open, this.dir, { base: String(segmentBase), size: 0 });
      this.segments.push(segment);
    }
    this.#writingDirect = false;
    segment.accept(position, batches);
    this.end = last.next;
    this.flushed = last.next;
    return true;
  }

  /** Batches are not yet where a snapshot says that they are: no large commit may be written behind them. */
  get hasUncounted(): boolean {
    return this.#logged > this.#counted;
  }

  /** For a snapshot that has moved what is there now: to be called when the snapshot is on disk. */
  counting(): () => void {
    const logged = this.#logged;
    return () => {
      this.#counted = logged;
    };
  }

  /** Puts batches, placed, behind the last segment's counted bytes. Only while no batch waits to be moved there. */
  async writeDirect(base: bigint, data: readonly Uint8Array[]): Promise<{ segment: string; position: number }> {
    const bytes = data.reduce((sum, { length }) => sum + length, 0);
    this.#writingDirect = true;
    const segment = await this.#segmentFor(base, bytes);
    return { segment: String(segment.base), position: await segment.writeAhead(data) };
  }

  /** A base above the end shows that what lay between was lost. */
  #begins(base: bigint, { opening, leaderEpoch }: Opening): void {
    if (base > this.end) this.holes.push({ from: this.end, to: base });
    if (this.openings.at(-1)?.opening !== opening) this.openings.push({ opening, leaderEpoch, start: base });
  }

  /** Under which the record at the offset was written. */
  leaderEpochAt(offset: bigint): number {
    return this.openings.findLast(({ start }) => start <= offset)?.leaderEpoch ?? 0;
  }

  /** Whole batches from the one that holds `offset`, no more than `maxBytes` but for the first, at least one below the end. */
  read(offset: bigint, maxBytes: number, memory?: ReadMemory): Promise<readonly SegmentBatch[]> {
    return readBatches(this, offset, maxBytes, memory);
  }

  /** The segment whose range holds `offset`. */
  segmentOf(offset: bigint): Segment | undefined {
    return this.segments.findLast(({ base }) => base <= offset);
  }

  /** End of the range of the segment that holds `offset`. */
  segmentEnd(offset: bigint): bigint {
    return this.segments.find(({ base }) => base > offset)?.base ?? this.flushed;
  }

  /** Moves the first `count` recent batches into segments, durably; they stay readable all the while. Resolves to their bytes. */
  async flush(count: number): Promise<number> {
    while (this.#moving !== null) await this.#moving;
    const work = this.#move(count);
    this.#moving = work.then(
      () => {},
      () => {},
    );
    try {
      return await work;
    } finally {
      this.#moving = null;
    }
  }

  async #move(count: number): Promise<number> {
    let bytes = 0;
    const batches = this.recent.slice(0, count);
    for (let done = 0; done < batches.length && !this.#dropped; ) {
      const segment = await this.#segmentFor(batches[done]!.base, batches[done]!.size);
      const part: SegmentBatch[] = [];
      // Staged batches come from disk: no more of them in memory than in one write.
      let room = Math.min(MAX_WRITE_BYTES, this.segmentBytes - segment.size);
      for (; done < batches.length && (part.length === 0 || batches[done]!.size <= room); done++) {
        part.push(await placed(batches[done]!));
        room -= batches[done]!.size;
      }
      await segment.append(part);
      if (this.#dropped) break;
      this.flushed = part.at(-1)!.next;
      for (const batch of this.recent.splice(0, part.length)) letGo(batch);
      const moved = part.reduce((sum, batch) => sum + batch.bytes.length, 0);
      this.#recentBytes -= moved;
      bytes += moved;
    }
    return bytes;
  }

  /** The topic is deleted: nothing is moved into segments any more. Returns the bytes that were still to be moved. */
  drop(): number {
    const bytes = this.#recentBytes;
    this.#dropped = true;
    this.#recentBytes = 0;
    this.recent = [];
    return bytes;
  }

  get dropped(): boolean {
    return this.#dropped;
  }

  /** Readers find nothing below it any more. Not below the start so far, not above the end. */
  moveStart(offset: bigint): void {
    const start = offset < this.end ? offset : this.end;
    if (start > this.#start) this.#start = start;
  }

  /** Lets the next batch begin a segment. False while something is being written to the last one. */
  roll(): boolean {
    if (this.#moving !== null || this.#writingDirect) return false;
    this.#rolled ||= (this.segments.at(-1)?.size ?? 0) > 0;
    return this.#rolled;
  }

  /** Segments that nothing is added to any more. */
  get closed(): readonly Segment[] {
    return this.#rolled ? this.segments : this.segments.slice(0, -1);
  }

  /** Takes the segments that end at or below the start out of the log; rolls where that is the last one. */
  dropBelowStart(): void {
    const { start } = this;
    if (this.flushed <= start) this.roll();
    const dropped = this.closed.filter(({ base }) => this.segmentEnd(base) <= start);
    this.#remove(dropped);
  }

  #remove(segments: readonly Segment[]): void {
    if (segments.length === 0) return;
    // What it began at stays: an empty partition begins where it ends.
    this.moveStart(this.segmentEnd(segments.at(-1)!.base));
    this.segments = this.segments.filter((segment) => !segments.includes(segment));
    if (this.segments.length === 0) this.#rolled = false;
    this.garbage.push(...segments);
  }

  /** An empty segment that can take the place of neighbours; it is no part of the partition yet. */
  createReplacement(segments: readonly Segment[]): Promise<Segment> {
    const generation = 1 + Math.max(...segments.map((segment) => segment.generation));
    return Segment.create(this.#open, this.dir, segments[0]!.base, generation);
  }

  /** Puts a segment in the place of closed neighbours; both hold for readers. Durable with the next snapshot. */
  replace(segments: readonly Segment[], replacement: Segment, deletesRemovedTo: bigint): void {
    this.segments.splice(this.segments.indexOf(segments[0]!), segments.length, replacement);
    this.garbage.push(...segments);
    if (deletesRemovedTo > this.deletesRemovedTo) this.deletesRemovedTo = deletesRemovedTo;
  }

  stored(): StoredPartition {
    return {
      ...(this.#start === 0n ? {} : { start: String(this.#start) }),
      end: String(this.flushed),
      segments: this.segments.map((segment) => segment.stored()),
      ...(this.holes.length === 0
        ? {}
        : { holes: this.holes.map(({ from, to }) => [String(from), String(to)] as const) }),
      ...(this.compactedTo === 0n && this.deletesRemovedTo === 0n
        ? {}
        : { compacted: [String(this.compactedTo), String(this.deletesRemovedTo)] as const }),
      openings: this.openings.map(({ opening, start, leaderEpoch }) => [opening, String(start), leaderEpoch] as const),
    };
  }

  async close(): Promise<void> {
    for (const segment of this.segments) await segment.close();
  }

  async #segmentFor(base: bigint, bytes: number): Promise<Segment> {
    const last = this.segments.at(-1);
    const room = last !== undefined && (last.size === 0 || last.size + bytes <= this.segmentBytes);
    if (room && !this.#rolled) return last;
    await this.#files.makeDirectory(this.dir);
    const segment = await Segment.create(this.#open, this.dir, base);
    this.segments.push(segment);
    this.#rolled = false;
    return segment;
  }
}

/** Of a batch that a segment has now. */
function letGo(batch: RecentBatch): void {
  if (batch.at instanceof Uint8Array && batch.kept !== true && recycleBatch(batch.at)) batch.at = null;
}
