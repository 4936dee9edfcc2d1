/** Batches of a segment's file, one behind the other. */
import { TailraceError } from '../contracts/errors.ts';
import type { OpenFile } from '../lib/files.ts';
import { checkBatch, HEADER_BYTES, readBatchHeader } from '../wire/record-batch.ts';

const READ_BYTES = 64 * 1024;

export interface SegmentBatch {
  readonly base: bigint;
  readonly next: bigint;
  readonly bytes: Uint8Array;
}

/** A batch of which only the header was looked at. */
export interface BatchPlace {
  readonly base: bigint;
  readonly next: bigint;
  readonly position: number;
  readonly size: number;
  /** ms since 1970. */
  readonly maxTime: number;
}

/**
 * Headers of the batches in [from, to), unverified. Ends early at bytes that cannot be a header, or a batch that would reach
 * past `to`.
 */
export async function* batchPlaces(
  file: OpenFile,
  from: number,
  to: number,
): AsyncGenerator<BatchPlace, void, undefined> {
  const buf = Buffer.allocUnsafe(Math.min(READ_BYTES, Math.max(to - from, HEADER_BYTES)));
  let bufAt = from;
  let bufEnd = from;
  for (let position = from; position + HEADER_BYTES <= to; ) {
    if (position + HEADER_BYTES > bufEnd) {
      const count = await file.read(buf, position);
      bufAt = position;
      bufEnd = position + count;
      if (count < HEADER_BYTES) return;
    }
    const place = placeOf(buf, position - bufAt, position);
    if (place.size < HEADER_BYTES || position + place.size > to || place.next <= place.base) return;
    yield place;
    position += place.size;
  }
}

export function placeOf(buf: Uint8Array, at: number, position: number): BatchPlace {
  const { baseOffset, lastOffsetDelta, size, maxTimestamp } = readBatchHeader(buf, at);
  return {
    base: baseOffset,
    next: baseOffset + BigInt(lastOffsetDelta) + 1n,
    position,
    size,
    maxTime: maxTimestamp,
  };
}

/** The valid batch at `at`; null when its bytes are not what was written. */
export function verifiedBatch(buf: Buffer, at: number): SegmentBatch | null {
  try {
    const size = checkBatch(buf, at, buf.length - at);
    const { baseOffset, lastOffsetDelta } = readBatchHeader(buf, at);
    return { base: baseOffset, next: baseOffset + BigInt(lastOffsetDelta) + 1n, bytes: buf.subarray(at, at + size) };
  } catch (error) {
    if (error instanceof TailraceError && error.code === 'log.invalid_batch') return null;
    throw error;
  }
}

/** An empty batch stands for records that compaction has removed; readers do not see it. */
export function isEmptyBatch(bytes: Uint8Array): boolean {
  return readBatchHeader(bytes, 0).count === 0;
}
