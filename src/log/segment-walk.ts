/**
 * Reads a segment batch by batch and finds its way past damage. A batch's checksum does not cover its offset: but offsets
 * follow one another, so a batch that does not begin where the one before it ended is damaged, unless the one behind it shows
 * that records between were lost before.
 */
import type { OpenFile } from '../lib/files.ts';
import { HEADER_BYTES, readBatchHeader } from '../wire/record-batch.ts';
import { placeOf, type SegmentBatch, verifiedBatch } from './segment-batches.ts';

const READ_BYTES = 256 * 1024;

export interface SegmentSpan {
  /** Bytes that count. */
  readonly size: number;
  /** One past the last offset that it can hold. */
  readonly end: bigint;
}

export interface SegmentPoint {
  readonly position: number;
  /** Where the batch at `position` begins, if nothing is damaged. */
  readonly offset: bigint;
}

export type Step =
  | { readonly batch: SegmentBatch; readonly position: number }
  /** Offsets [from, to) cannot be read. */
  | { readonly batch: null; readonly from: bigint; readonly to: bigint };

export async function* walkSegment(
  file: OpenFile,
  span: SegmentSpan,
  { position: start, offset }: SegmentPoint,
): AsyncGenerator<Step, void, undefined> {
  const window = new Window(file, span.size);
  let expected = offset;
  for (let position = start; position < span.size; ) {
    const batch = await window.batchAt(position);
    if (batch !== null && (await follows(window, span, position, batch, expected))) {
      yield { batch, position };
      position += batch.bytes.length;
      expected = batch.next;
      continue;
    }
    const from = expected;
    if (batch === null) {
      const next = await nextValid(window, span, position, expected);
      position = next?.position ?? span.size;
      expected = next?.offset ?? span.end;
    } else {
      position += batch.bytes.length;
      expected += batch.next - batch.base;
    }
    yield { batch: null, from, to: expected };
  }
}

/** A whole batch is where it was written. */
async function follows(
  window: Window,
  { end }: SegmentSpan,
  position: number,
  { base, next, bytes }: SegmentBatch,
  expected: bigint,
): Promise<boolean> {
  if (base < expected || next > end) return false;
  if (base === expected) return true;
  const behind = await window.at(position + bytes.length, HEADER_BYTES);
  return behind === null ? next === end : readBatchHeader(behind, 0).baseOffset === next;
}

/** The first whole batch behind the one at `position`, which is damaged; null when there is none. */
async function nextValid(
  window: Window,
  span: SegmentSpan,
  position: number,
  expected: bigint,
): Promise<SegmentPoint | null> {
  // Mostly its length is right, and says so by agreeing with its last offset. A record may hold what looks like a batch.
  const header = await window.at(position, HEADER_BYTES);
  if (header !== null) {
    const { size, next, base } = placeOf(header, 0, position);
    const offset = expected + (next - base);
    if (size >= HEADER_BYTES && offset > expected) {
      if (position + size === span.size && offset === span.end) return null;
      if ((await window.batchAt(position + size))?.base === offset) return { position: position + size, offset };
    }
  }
  for (let at = position + 1; ; ) {
    const bytes = await window.from(at);
    if (bytes.length < HEADER_BYTES) return null;
    const candidate = candidateIn(bytes, expected, span.end);
    at += candidate ?? bytes.length - HEADER_BYTES + 1;
    if (candidate === null) continue;
    const batch = await window.batchAt(at);
    if (batch !== null && batch.next <= span.end) return { position: at, offset: batch.base };
    at++;
  }
}

/** Where in the bytes a header could begin; null when nowhere. */
function candidateIn(bytes: Buffer, above: bigint, end: bigint): number | null {
  for (let at = 0; at + HEADER_BYTES <= bytes.length; at++) {
    if (bytes[at + 16] !== 2) continue;
    const base = bytes.readBigInt64BE(at);
    if (base > above && base < end) return at;
  }
  return null;
}

/** Bytes of the counted part of the file, read ahead. */
class Window {
  readonly #file: OpenFile;
  readonly #size: number;
  #bytes = Buffer.alloc(0);
  #from = 0;

  constructor(file: OpenFile, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** Null when so many bytes are not there. */
  async at(position: number, length: number): Promise<Buffer | null> {
    if (position + length > this.#size) return null;
    const start = position - this.#from;
    if (start >= 0 && start + length <= this.#bytes.length) return this.#bytes.subarray(start, start + length);
    const bytes = Buffer.allocUnsafe(Math.min(Math.max(length, READ_BYTES), this.#size - position));
    this.#bytes = bytes.subarray(0, await this.#file.read(bytes, position));
    this.#from = position;
    return this.#bytes.length < length ? null : this.#bytes.subarray(0, length);
  }

  /** What is there from `position` on, at least a header's bytes unless the file ends. */
  async from(position: number): Promise<Buffer> {
    if ((await this.at(position, HEADER_BYTES)) === null) return Buffer.alloc(0);
    return this.#bytes.subarray(position - this.#from);
  }

  /** The batch whose checksum is right; null for anything else. */
  async batchAt(position: number): Promise<SegmentBatch | null> {
    const header = await this.at(position, HEADER_BYTES);
    if (header === null) return null;
    const { size } = readBatchHeader(header, 0);
    if (size < HEADER_BYTES) return null;
    const bytes = await this.at(position, size);
    return bytes === null ? null : verifiedBatch(bytes, 0);
  }
}
