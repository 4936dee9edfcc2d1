/** Reads Kafka's record fields from a range of bytes and never past it: every overrun is `log.invalid_batch`. */
import { invalidBatch } from './batch-header.ts';

export class Cursor {
  readonly bytes: Uint8Array;
  at: number;
  end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** Zigzag varint, int32. */
  varint(): number {
    let zigzag = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      zigzag |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (zigzag >>> 1) ^ -(zigzag & 1);
    }
    throw invalidBatch('a varint is too long', this.at);
  }

  /** Zigzag varlong as a number: exact up to 2^52, which times in ms do not reach. */
  varlong(): number {
    let zigzag = 0;
    for (let unit = 1; unit < 2 ** 70; unit *= 0x80) {
      const byte = this.#byte();
      zigzag += (byte & 0x7f) * unit;
      if (byte < 0x80) return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    }
    throw invalidBatch('a varlong is too long', this.at);
  }

  /** A varint that counts things of at least two bytes each in the rest of the range. */
  count(): number {
    const count = this.varint();
    if (count < 0 || count * 2 > this.end - this.at) throw invalidBatch('a count is impossible', this.at);
    return count;
  }

  /** Steps over `length` bytes (-1: null, none) and returns where they start. */
  skip(length: number): number {
    const start = this.at;
    if (length < -1 || length > this.end - start) throw invalidBatch('a field reaches past its record', start);
    if (length > 0) this.at = start + length;
    return start;
  }

  /** The bytes at `at`; null for length -1. */
  view(at: number, length: number): Uint8Array | null {
    return length < 0 ? null : this.bytes.subarray(at, at + length);
  }

  #byte(): number {
    if (this.at >= this.end) throw invalidBatch('a number is cut off', this.at);
    return this.bytes[this.at++]!;
  }
}
