/** Reading a partition: segments first, then what only the write-ahead log holds. Segments may be replaced meanwhile. */
import { TailraceError } from '../contracts/errors.ts';
import type { ReadMemory } from '../contracts/log.ts';
import { HEADER_BYTES, isLent, placeBatch, readBatchHeader } from '../wire/record-batch.ts';
import type { Hole, Partition, RecentBatch } from './partition.ts';
import type { Segment } from './segment.ts';
import { isEmptyBatch, type SegmentBatch } from './segment-batches.ts';

/** Whole batches from the one that holds `offset`, no more than `maxBytes` but for the first, at least one below the end. */
export async function readBatches(
  partition: Partition,
  offset: bigint,
  maxBytes: number,
  memory?: ReadMemory,
): Promise<readonly SegmentBatch[]> {
  let last: SegmentBatch | undefined;
  for (let at = offset; ; ) {
    // Invariant 5: never an automatic reset.
    if (at < partition.start || at > partition.end) throw outOfRange(partition, at);
    // Below the end there is always something: where nothing is left, an empty batch moves the reader on.
    if (at === partition.end) return last === undefined ? [] : [last];
    const hole = partition.holes.find(({ from, to }) => at >= from && at < to);
    if (hole !== undefined) throw lost(partition, hole);
    if (at >= partition.flushed) {
      const recent = await unlessMoved(partition, at, () => recentFrom(partition, at, maxBytes, memory));
      if (recent === null) continue;
      return recent;
    }
    const end = partition.segmentEnd(at);
    const batches = await unlessReplaced(partition, at, (segment) => segment.read(at, maxBytes, { end, memory }));
    if (batches === null) continue;
    const first = batches[0];
    if (first === undefined || first.base > at) {
      throw lost(partition, { from: at, to: first?.base ?? partition.segmentEnd(at) });
    }
    for (const batch of batches) restoreEpoch(partition, batch);
    const visible = batches.filter(({ bytes }) => !isEmptyBatch(bytes));
    if (visible.length > 0) return visible;
    last = batches.at(-1)!;
    at = last.next;
  }
}

/** The first batch that ends above `from` and has a record at or after the time; null when none has. */
export async function firstSince(partition: Partition, from: bigint, time: number): Promise<SegmentBatch | null> {
  let at = from > partition.start ? from : partition.start;
  while (at < partition.flushed) {
    const end = partition.segmentEnd(at);
    const found = await unlessReplaced(partition, at, async (segment) => ({
      batch: (await segment.maxTime()) < time ? null : await segment.since(at, time),
    }));
    if (found === null) {
      if (at < partition.start) at = partition.start;
      continue;
    }
    if (found.batch !== null) {
      restoreEpoch(partition, found.batch);
      return found.batch;
    }
    at = end;
  }
  for (const batch of partition.recent.slice(firstRecent(partition, at))) {
    const found = await unlessMoved(partition, batch.base, async () => ({
      batch: (await timeOf(batch)) < time ? null : await kept(batch),
    }));
    if (found === null) return firstSince(partition, batch.base, time);
    if (found.batch !== null) return found.batch;
  }
  return null;
}

/** The first batch with the largest time; null when the partition is empty. */
export async function newestBatch(partition: Partition): Promise<SegmentBatch | null> {
  let newest = Number.NEGATIVE_INFINITY;
  for (let at = partition.start; at < partition.flushed; ) {
    const end = partition.segmentEnd(at);
    const time = await unlessReplaced(partition, at, (segment) => segment.maxTimeFrom(at));
    if (time !== null) {
      newest = Math.max(newest, time);
      at = end;
    } else if (at < partition.start) at = partition.start;
  }
  for (const batch of [...partition.recent]) {
    const time = await unlessMoved(partition, batch.base, () => timeOf(batch));
    if (time === null) return newestBatch(partition);
    newest = Math.max(newest, time);
  }
  return newest === Number.NEGATIVE_INFINITY ? null : firstSince(partition, partition.start, newest);
}

/** Null when the segment that holds the offset was deleted or replaced while it was read: to be tried again. */
async function unlessReplaced<T>(
  partition: Partition,
  offset: bigint,
  read: (segment: Segment) => Promise<T>,
): Promise<T | null> {
  const segment = partition.segmentOf(offset);
  if (segment === undefined) throw outOfRange(partition, offset);
  try {
    return await read(segment);
  } catch (error) {
    if (partition.segments.includes(segment)) throw error;
    return null;
  }
}

/** Null when a batch that was read from a staged file or from memory has gone into a segment meanwhile: to be tried again. */
async function unlessMoved<T>(partition: Partition, offset: bigint, read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (offset >= partition.flushed) throw error;
    return null;
  }
}

function firstRecent({ recent }: Partition, offset: bigint): number {
  let low = 0;
  let high = recent.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (recent[middle]!.next <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function recentFrom(
  partition: Partition,
  offset: bigint,
  maxBytes: number,
  memory: ReadMemory | undefined,
): Promise<readonly SegmentBatch[]> {
  const { recent } = partition;
  const wanted: RecentBatch[] = [];
  for (let bytes = 0, i = firstRecent(partition, offset); i < recent.length; i++) {
    const batch = recent[i]!;
    const before = wanted.at(-1);
    if (before !== undefined && (before.next !== batch.base || bytes + batch.size > maxBytes)) break;
    wanted.push(batch);
    bytes += batch.size;
  }
  // Before anything is waited for: what is in a segment after that is not there any more.
  if (memory === undefined) for (const batch of wanted) batch.kept = true;
  const copies = memory === undefined ? null : copied(wanted, memory);
  const found: SegmentBatch[] = [];
  for (const batch of wanted) found.push(copies?.get(batch) ?? (await placed(batch)));
  return found;
}

/** The batches whose memory may be used again while the reader has them. */
function copied(batches: readonly RecentBatch[], memory: ReadMemory): ReadonlyMap<RecentBatch, SegmentBatch> {
  const lent = batches.filter(({ at }) => at instanceof Uint8Array && isLent(at));
  const bytes = memory.take(lent.reduce((sum, { size }) => sum + size, 0));
  const copies = new Map<RecentBatch, SegmentBatch>();
  let at = 0;
  for (const batch of lent) {
    bytes.set(batch.at as Uint8Array, at);
    copies.set(batch, { base: batch.base, next: batch.next, bytes: bytes.subarray(at, at + batch.size) });
    at += batch.size;
  }
  return copies;
}

/** For a reader that may have it for any time. */
function kept(batch: RecentBatch): Promise<SegmentBatch> {
  batch.kept = true;
  return placed(batch);
}

/** The batch with its bytes, which carry its place. */
export async function placed({ base, next, size, at }: RecentBatch): Promise<SegmentBatch> {
  if (at === null) throw moved();
  if (at instanceof Uint8Array) return { base, next, bytes: at };
  const bytes = Buffer.allocUnsafe(size);
  // What a damaged file no longer has is no batch; it keeps its room, so that those behind it are found.
  bytes.fill(0, await at.file.read(bytes, at.position));
  bytes.writeUInt32BE(size - 12, 8);
  placeBatch(bytes, 0, base, at.leaderEpoch);
  return { base, next, bytes };
}

async function timeOf({ at }: RecentBatch): Promise<number> {
  if (at === null) throw moved();
  if (at instanceof Uint8Array) return readBatchHeader(at, 0).maxTimestamp;
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  await at.file.read(header, at.position);
  return readBatchHeader(header, 0).maxTimestamp;
}

/** Whoever reads it looks for the segment then. */
const moved = () => new TailraceError('internal.bug', 'a batch was read from memory after it had gone into a segment');

/** Not covered by the batch's checksum, and known. */
function restoreEpoch(partition: Partition, { base, bytes }: SegmentBatch): void {
  placeBatch(bytes, 0, base, partition.leaderEpochAt(base));
}

function outOfRange({ topic, partition, start, end }: Partition, offset: bigint): TailraceError {
  return new TailraceError(
    'log.offset_out_of_range',
    `${topic}-${partition} holds offsets ${start} to ${end}, not ${offset}`,
  );
}

function lost({ topic, partition }: Partition, { from, to }: Hole): TailraceError {
  return new TailraceError('log.damaged', `${topic}-${partition}: the records ${from} to ${to - 1n} are damaged`, {
    remedy: `restore the data directory from a backup, or go on at offset ${to}`,
  });
}
