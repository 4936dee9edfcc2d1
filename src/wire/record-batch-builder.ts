/**
 * Builds record batches in a growing buffer. A record is
 *
 *     length varint · attributes int8 · timestampDelta varlong · offsetDelta varint ·
 *     keyLength varint · key · valueLength varint · value · headers varint · (nameLength · name · valueLength · value)*
 *
 * (all zigzag, -1 is the length of null). Lengths and key stand before the value, but are known only after it. So a
 * writer leaves a gap as wide as the head of its last record, writes the value behind it, and `closeRecord` fills the gap,
 * moving the value only when the guess was wrong.
 */
import { varintSize, varlongSize, writeInt64, writeUint32, writeVarint, writeVarlong } from '../lib/bytes.ts';
import { crc32c } from '../lib/crc32c.ts';
import { HEADER_BYTES, invalidBatch } from './batch-header.ts';

const FIRST_CAPACITY = 16 << 10;
/** Batch lengths are int32. */
const MAX_BYTES = 0x7fffffff;

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

export class RecordBatchBuilder {
  /** Replaced when it grows: read again after every `reserve`, `openRecord` and `closeRecord`. */
  bytes: Buffer = EMPTY;
  /** Where the next byte goes. */
  at = 0;
  /** Records closed so far. */
  count = 0;
  /** Place of the open (or last closed) record's value. */
  valueAt = 0;
  #recordAt = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;

  /** Starts a batch. @param timestampMs base of the records' times, ms since 1970 */
  begin(timestampMs: number): void {
    if (this.bytes.length === 0) this.bytes = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
    this.at = HEADER_BYTES;
    this.count = 0;
    this.#baseTimestamp = timestampMs;
    this.#maxTimestamp = timestampMs;
  }

  /** Makes room for `size` more bytes after `at`. */
  reserve(size: number): void {
    if (this.at + size > this.bytes.length) this.#grow(this.at + size);
  }

  /**
   * Opens a record and moves `at` to the place of its value, `gap` bytes on. The caller writes the value, then the header
   * count and headers (`writeHeaders`), and calls `closeRecord`.
   * @param gap guessed size of everything before the value: what `closeRecord` returned for the last like record
   */
  openRecord(gap: number): void {
    this.reserve(gap);
    this.#recordAt = this.at;
    this.at += gap;
    this.valueAt = this.at;
  }

  /**
   * Closes the open record, all of which but the key is written; the caller then writes the key's bytes, `keyLength` of
   * them, at the returned place. The value may have moved to `valueAt`.
   * @param keyLength -1 for null
   * @param valueLength -1 for null
   * @returns where the key goes
   */
  closeRecord(timestampMs: number, keyLength: number, valueLength: number): number {
    const delta = timestampMs - this.#baseTimestamp;
    const body = this.at - this.valueAt;
    const keyBytes = Math.max(keyLength, 0);
    const head =
      1 + varlongSize(delta) + varintSize(this.count) + varintSize(keyLength) + keyBytes + varintSize(valueLength);
    const gap = varintSize(head + body) + head;
    const valueAt = this.#recordAt + gap;
    if (valueAt !== this.valueAt) this.#moveValue(valueAt, body);
    const { bytes } = this;
    let at = writeVarint(bytes, this.#recordAt, head + body);
    bytes[at++] = 0;
    at = writeVarlong(bytes, at, delta);
    at = writeVarint(bytes, at, this.count);
    at = writeVarint(bytes, at, keyLength);
    writeVarint(bytes, at + keyBytes, valueLength);
    if (timestampMs > this.#maxTimestamp) this.#maxTimestamp = timestampMs;
    this.count++;
    return at;
  }

  /** Size of everything before the value of the last closed record: the guess for the next like it. */
  get lastGap(): number {
    return this.valueAt - this.#recordAt;
  }

  /** Writes the header count and headers of the open record. */
  writeHeaders(headers: readonly RecordHeader[]): void {
    this.reserve(5);
    this.at = writeVarint(this.bytes, this.at, headers.length);
    for (const { key, value } of headers) {
      this.#writeBytes(Buffer.from(key));
      this.#writeBytes(value);
    }
  }

  /** A whole record from its parts. */
  append(
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[] = [],
  ): void {
    this.openRecord(16 + (key?.length ?? 0));
    if (value !== null) {
      this.reserve(value.length);
      this.bytes.set(value, this.at);
      this.at += value.length;
    }
    this.writeHeaders(headers);
    const keyAt = this.closeRecord(timestampMs, key?.length ?? -1, value?.length ?? -1);
    if (key !== null) this.bytes.set(key, keyAt);
  }

  /** The batch with base offset 0 and its CRC, of at least one record; the builder is empty then and needs `begin`. */
  finish(): Uint8Array {
    const { bytes, at, count } = this;
    bytes.fill(0, 0, HEADER_BYTES);
    writeUint32(bytes, 8, at - 12);
    writeUint32(bytes, 12, -1);
    bytes[16] = 2;
    writeUint32(bytes, 23, count - 1);
    writeInt64(bytes, 27, this.#baseTimestamp);
    writeInt64(bytes, 35, this.#maxTimestamp);
    // No producer: id, epoch and sequence are -1.
    bytes.fill(0xff, 43, 57);
    writeUint32(bytes, 57, count);
    writeUint32(bytes, 17, crc32c(bytes.subarray(21, at)));
    this.at = 0;
    this.count = 0;
    if (at * 2 < bytes.length) return Buffer.copyBytesFrom(bytes, 0, at);
    this.bytes = EMPTY;
    return bytes.subarray(0, at);
  }

  #writeBytes(value: Uint8Array | null): void {
    const length = value?.length ?? -1;
    this.reserve(5 + length);
    this.at = writeVarint(this.bytes, this.at, length);
    if (value === null) return;
    this.bytes.set(value, this.at);
    this.at += length;
  }

  #moveValue(valueAt: number, length: number): void {
    const from = this.valueAt;
    this.reserve(Math.max(0, valueAt - from));
    this.bytes.copyWithin(valueAt, from, from + length);
    this.valueAt = valueAt;
    this.at = valueAt + length;
  }

  #grow(needed: number): void {
    if (needed > MAX_BYTES) throw invalidBatch('it would be larger than 2 GiB', 0);
    const capacity = Math.min(MAX_BYTES, Math.max(FIRST_CAPACITY, this.bytes.length * 2, needed));
    const larger = Buffer.allocUnsafeSlow(capacity);
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
}

const EMPTY = Buffer.alloc(0);
