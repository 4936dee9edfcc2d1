/** Reads the records of a batch; layout in record-batch-builder.ts. */
import type { LogRecord, StoredRecord } from '../contracts/log.ts';
import {
  CODEC_BITS,
  CONTROL_BIT,
  HEADER_BYTES,
  invalidBatch,
  LOG_APPEND_TIME_BIT,
  readBatchHeader,
} from './batch-header.ts';
import { decompress, MAX_DECOMPRESSED_BYTES } from './compression/decompress.ts';
import { Cursor } from './cursor.ts';

/**
 * The records of the one batch that starts `bytes`. Keys, values and headers are views of it, or of what it decompresses
 * to. Throws `log.invalid_batch` for bytes that are not records, and for a compressed batch that would yield more than
 * `MAX_DECOMPRESSED_BYTES` (Invariant 10). Does not check the CRC (`checkBatch` does). A control batch (transaction
 * markers) has no records for a reader.
 */
export function* readRecords(bytes: Uint8Array): Generator<LogRecord, void, undefined> {
  const header = readBatchHeader(bytes, 0);
  const { attributes, baseOffset, size, count } = header;
  if (header.magic !== 2) throw invalidBatch(`magic byte ${header.magic} instead of 2`, 0);
  if (size < HEADER_BYTES || size > bytes.length) throw invalidBatch('the length does not fit', 0);
  if ((attributes & CONTROL_BIT) !== 0) return;
  const appendTime = (attributes & LOG_APPEND_TIME_BIT) === 0 ? null : header.maxTimestamp;
  const codec = attributes & CODEC_BITS;
  const plain = codec === 0 ? bytes : decompress(codec, bytes.subarray(HEADER_BYTES, size), MAX_DECOMPRESSED_BYTES);
  const cursor = codec === 0 ? new Cursor(bytes, HEADER_BYTES, size) : new Cursor(plain, 0, plain.length);
  for (let i = 0; i < count; i++) {
    const length = cursor.varint();
    const end = cursor.at + length;
    if (length < 0 || end > cursor.end) throw invalidBatch('a record reaches past the end', cursor.at);
    const { end: last } = cursor;
    cursor.end = end;
    const record = readRecord(cursor, header.baseTimestamp, baseOffset, appendTime);
    cursor.end = last;
    yield record;
  }
  if (cursor.at !== cursor.end) throw invalidBatch('bytes follow the last record', cursor.at);
}

/** The record that fills the cursor's range. */
function readRecord(cursor: Cursor, baseTimestamp: number, baseOffset: bigint, appendTime: number | null): RecordView {
  cursor.skip(1);
  const timestampDelta = cursor.varlong();
  const offset = baseOffset + BigInt(cursor.varint());
  const keyLength = cursor.varint();
  const keyAt = cursor.skip(keyLength);
  const valueLength = cursor.varint();
  const valueAt = cursor.skip(valueLength);
  const headersAt = cursor.at;
  for (let left = cursor.count(); left > 0; left--) {
    const nameLength = cursor.varint();
    if (nameLength < 0) throw invalidBatch('a header has no name', cursor.at);
    cursor.skip(nameLength);
    cursor.skip(cursor.varint());
  }
  if (cursor.at !== cursor.end) throw invalidBatch('the length of a record is wrong', cursor.at);
  const timestamp = appendTime ?? baseTimestamp + timestampDelta;
  return new RecordView(cursor.bytes, offset, timestamp, keyAt, keyLength, valueAt, valueLength, headersAt);
}

interface HeaderName {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** Names met first: nearly all records of a process have the same few, and decoding one costs more than comparing it. */
const knownNames: HeaderName[] = [];
const MAX_KNOWN_NAMES = 8;

function headerName(bytes: Uint8Array, at: number, length: number): string {
  for (const { bytes: name, text } of knownNames) if (name.length === length && equals(bytes, at, name)) return text;
  const name = Uint8Array.from(bytes.subarray(at, at + length));
  const text = Buffer.from(name.buffer).toString();
  if (knownNames.length < MAX_KNOWN_NAMES && length < 64) knownNames.push({ bytes: name, text });
  return text;
}

function equals(bytes: Uint8Array, at: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name[i]) return false;
  return true;
}

/** Makes views only when they are asked for: most readers need few of them. */
class RecordView implements LogRecord, StoredRecord {
  readonly bytes: Uint8Array;
  readonly offset: bigint;
  readonly timestamp: number;
  readonly keyAt: number;
  readonly keyLength: number;
  readonly valueAt: number;
  readonly valueLength: number;
  readonly headersAt: number;

  constructor(
    bytes: Uint8Array,
    offset: bigint,
    timestamp: number,
    keyAt: number,
    keyLength: number,
    valueAt: number,
    valueLength: number,
    headersAt: number,
  ) {
    this.bytes = bytes;
    this.offset = offset;
    this.timestamp = timestamp;
    this.keyAt = keyAt;
    this.keyLength = keyLength;
    this.valueAt = valueAt;
    this.valueLength = valueLength;
    this.headersAt = headersAt;
  }

  get key(): Uint8Array | null {
    const { bytes, keyAt, keyLength } = this;
    return keyLength < 0 ? null : bytes.subarray(keyAt, keyAt + keyLength);
  }

  get value(): Uint8Array | null {
    const { bytes, valueAt, valueLength } = this;
    return valueLength < 0 ? null : bytes.subarray(valueAt, valueAt + valueLength);
  }

  get stored(): StoredRecord {
    return this;
  }

  get headers(): LogRecord['headers'] {
    const cursor = new Cursor(this.bytes, this.headersAt, this.bytes.length);
    const headers: { key: string; value: Uint8Array | null }[] = [];
    for (let left = cursor.count(); left > 0; left--) {
      const nameLength = cursor.varint();
      const key = headerName(cursor.bytes, cursor.skip(nameLength), nameLength);
      const length = cursor.varint();
      headers.push({ key, value: cursor.view(cursor.skip(length), length) });
    }
    return headers;
  }
}
