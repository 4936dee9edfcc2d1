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
import { TailraceError } from '../contracts/errors.ts';
import { varintSize, varlongSize, writeInt64, writeUint32, writeVarint, writeVarlong } from '../lib/bytes.ts';
import { crc32c } from '../lib/crc32c.ts';
import { HEADER_BYTES } from './batch-header.ts';
import { lendBuffer, takeBuffer } from './buffer-pool.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import { rememberValid } from './known-batches.ts';

/** Buffers up to this size stay with the builder; larger ones go back to the pool when a batch is finished. */
const KEPT_BYTES = 16 << 10;
/** One giant row does not make every later batch start with a giant buffer. */
const EXPECTED_LIMIT = 512 << 10;
/** Room for the head of a record besides its key. */
const HEAD_GUESS = 16;

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

export class RecordBatchBuilder extends GrowingBuffer {
  /** Records closed so far. */
  count = 0;
  /** Place of the open (or last closed) record's value. */
  valueAt = 0;
  #open = false;
  #recordAt = 0;
  #keyLength = 0;
  #valueLength = 0;
  #timestamp = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;
  /** Highest time before the last record. */
  #previousMax = 0;
  /** Size of the last batch: room to start the next with. */
  #expected = 0;

  /** Starts a batch. @param timestampMs base of the records' times, ms since 1970 */
  begin(timestampMs: number): void {
    if (this.bytes.length === 0) this.use(takeBuffer(Math.max(KEPT_BYTES, this.#expected)));
    this.at = HEADER_BYTES;
    this.#baseTimestamp = timestampMs;
    this.#maxTimestamp = timestampMs;
  }

  /**
   * Opens a record and moves `at` to the place of its value, `gap` bytes on. The caller writes the value, then the header
   * count and headers (`writeHeaders`), and calls `closeRecord`.
   * @param gap guessed size of everything before the value: `lastGap` after the last like record
   */
  openRecord(gap: number): void {
    this.reserve(gap);
    this.#open = true;
    this.#recordAt = this.at;
    this.at += gap;
    this.valueAt = this.at;
  }

  /**
   * Closes the open record, all of which but the key is written; the caller then writes the key's bytes, `keyLength` of
   * them, at the returned place. The value may have moved: to the new `valueAt`.
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
    const valueAt = this.#recordAt + varintSize(head + body) + head;
    if (valueAt !== this.valueAt) this.#moveValue(valueAt, body);
    const { bytes } = this;
    let at = writeVarint(bytes, this.#recordAt, head + body);
    bytes[at++] = 0;
    at = writeVarlong(bytes, at, delta);
    at = writeVarint(bytes, at, this.count);
    at = writeVarint(bytes, at, keyLength);
    writeVarint(bytes, at + keyBytes, valueLength);
    this.#remember(timestampMs, keyLength, valueLength);
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
      this.#writeSized(Buffer.from(key));
      this.#writeSized(value);
    }
  }

  /** A whole record from its parts. */
  append(
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[] = [],
  ): void {
    this.openRecord(HEAD_GUESS + (key?.length ?? 0));
    if (value !== null) this.write(value);
    this.writeHeaders(headers);
    const keyAt = this.closeRecord(timestampMs, key?.length ?? -1, value?.length ?? -1);
    if (key !== null) this.bytes.set(key, keyAt);
  }

  /** The batch, of at least one record, with base offset 0 and its CRC; the builder is empty then and needs `begin`. */
  finish(): Uint8Array {
    const { bytes, at, count } = this;
    if (this.#open || count === 0) throw new TailraceError('internal.bug', 'a record batch ended inside a record');
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
    this.#expected = Math.min(EXPECTED_LIMIT, at);
    const lent = lendBuffer(bytes, at);
    if (lent !== null) {
      this.forget();
      return rememberValid(lent);
    }
    const batch = Buffer.allocUnsafeSlow(at);
    bytes.copy(batch, 0, 0, at);
    if (bytes.length > KEPT_BYTES) this.release();
    return rememberValid(batch);
  }

  /** Ends the batch before its last record, which becomes the first of the next. Needs two records or more. */
  finishBeforeLast(): Uint8Array {
    const timestamp = this.#timestamp;
    const keyLength = this.#keyLength;
    const valueLength = this.#valueLength;
    const keyEnd = this.valueAt - varintSize(valueLength);
    const key = Buffer.copyBytesFrom(this.bytes, keyEnd - Math.max(keyLength, 0), Math.max(keyLength, 0));
    const body = Buffer.copyBytesFrom(this.bytes, this.valueAt, this.at - this.valueAt);
    this.at = this.#recordAt;
    this.count--;
    this.#maxTimestamp = this.#previousMax;
    const batch = this.finish();
    this.begin(timestamp);
    this.openRecord(HEAD_GUESS + key.length);
    this.write(body);
    this.bytes.set(key, this.closeRecord(timestamp, keyLength, valueLength));
    return batch;
  }

  #remember(timestampMs: number, keyLength: number, valueLength: number): void {
    this.#open = false;
    this.#timestamp = timestampMs;
    this.#keyLength = keyLength;
    this.#valueLength = valueLength;
    this.#previousMax = this.#maxTimestamp;
    if (timestampMs > this.#maxTimestamp) this.#maxTimestamp = timestampMs;
    this.count++;
  }

  #writeSized(value: Uint8Array | null): void {
    this.reserve(5);
    this.at = writeVarint(this.bytes, this.at, value?.length ?? -1);
    if (value !== null) this.write(value);
  }

  #moveValue(valueAt: number, length: number): void {
    const from = this.valueAt;
    this.reserve(Math.max(0, valueAt - from));
    this.bytes.copyWithin(valueAt, from, from + length);
    this.valueAt = valueAt;
    this.at = valueAt + length;
  }
}
