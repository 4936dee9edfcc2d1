/**
 * Where batches lie in a segment, by offset and by time. A block is the batches of about 64 KiB: its first offset, its place and
 * the largest time of its records. Complete blocks are kept in `<segment>.index`, 32 bytes each, little-endian:
 *
 *     0  offset    u64
 *     8  position  u64
 *    16  maxTime   i64   ms since 1970
 *    24  length    u32
 *    28  crc       u32   CRC-32C of bytes 0 … 28
 *
 * They follow one another from position 0. What does not fit the segment is made again by reading its batches' headers.
 */
import { crc32c } from '../lib/crc32c.ts';

export const BLOCK_BYTES = 64 * 1024;
export const INDEX_ENTRY_BYTES = 32;
const CRC_AT = 28;

export interface Block {
  readonly offset: bigint;
  readonly position: number;
  readonly length: number;
  /** ms since 1970. */
  readonly maxTime: number;
}

/** In columns: a large log has millions of blocks. */
export class SegmentIndex {
  readonly #base: bigint;
  /** Relative to the segment's base. */
  readonly #offsets: number[] = [];
  readonly #positions: number[] = [];
  readonly #maxTimes: number[] = [];
  /** Bytes of the segment that are indexed. */
  covered = 0;

  constructor(base: bigint) {
    this.#base = base;
  }

  get length(): number {
    return this.#positions.length;
  }

  /** Complete blocks: all but the last. */
  get complete(): number {
    return Math.max(0, this.#positions.length - 1);
  }

  /** Adds the batch that lies at `covered`. */
  add(offset: bigint, size: number, time: number): void {
    const maxTime = Math.min(time, Number.MAX_SAFE_INTEGER);
    const last = this.#positions.length - 1;
    if (last < 0 || this.covered - this.#positions[last]! >= BLOCK_BYTES) {
      this.#offsets.push(Number(offset - this.#base));
      this.#positions.push(this.covered);
      this.#maxTimes.push(maxTime);
    } else if (maxTime > this.#maxTimes[last]!) this.#maxTimes[last] = maxTime;
    this.covered += size;
  }

  /** Counts bytes that hold no batch. */
  skipTo(size: number): void {
    this.covered = size;
  }

  /** The block that holds `offset`; 0 when it lies before all. */
  blockOf(offset: bigint): number {
    const wanted = Number(offset - this.#base);
    let low = 0;
    let high = this.#offsets.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#offsets[middle]! <= wanted) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  block(i: number): Block | undefined {
    const position = this.#positions[i];
    if (position === undefined) return undefined;
    const offset = this.#base + BigInt(this.#offsets[i]!);
    const length = (this.#positions[i + 1] ?? this.covered) - position;
    return { offset, position, length, maxTime: this.#maxTimes[i]! };
  }

  /** The first block from number `from` on that has a record at or after the time; undefined when there is none. */
  since(from: number, time: number): number | undefined {
    for (let i = from; i < this.#positions.length; i++) if (this.#maxTimes[i]! >= time) return i;
    return undefined;
  }

  /** Largest time of the blocks from number `from` on; -Infinity when there are none. */
  maxTimeFrom(from: number): number {
    let max = Number.NEGATIVE_INFINITY;
    for (let i = from; i < this.#maxTimes.length; i++) max = Math.max(max, this.#maxTimes[i]!);
    return max;
  }

  /** Entries of the complete blocks from number `from` on. */
  encode(from: number): Buffer {
    const count = Math.max(0, this.complete - from);
    const bytes = Buffer.alloc(count * INDEX_ENTRY_BYTES);
    for (let i = 0; i < count; i++) {
      const at = i * INDEX_ENTRY_BYTES;
      const { position, length, maxTime } = this.block(from + i)!;
      bytes.writeBigUInt64LE(this.#base + BigInt(this.#offsets[from + i]!), at);
      bytes.writeBigUInt64LE(BigInt(position), at + 8);
      bytes.writeBigInt64LE(BigInt(maxTime), at + 16);
      bytes.writeUInt32LE(length, at + 24);
      bytes.writeUInt32LE(crc32c(bytes.subarray(at, at + CRC_AT)), at + CRC_AT);
    }
    return bytes;
  }

  /** Takes the blocks that fit a segment of `size` bytes into an empty index. */
  restore(bytes: Buffer, size: number): void {
    for (let at = 0; at + INDEX_ENTRY_BYTES <= bytes.length; at += INDEX_ENTRY_BYTES) {
      if (crc32c(bytes.subarray(at, at + CRC_AT)) !== bytes.readUInt32LE(at + CRC_AT)) return;
      const offset = Number(bytes.readBigUInt64LE(at) - this.#base);
      const length = bytes.readUInt32LE(at + 24);
      const follows = Number(bytes.readBigUInt64LE(at + 8)) === this.covered && offset >= (this.#offsets.at(-1) ?? 0);
      if (!follows || length === 0 || this.covered + length > size) return;
      this.#offsets.push(offset);
      this.#positions.push(this.covered);
      this.#maxTimes.push(Number(bytes.readBigInt64LE(at + 16)));
      this.covered += length;
    }
  }
}
