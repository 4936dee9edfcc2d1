/** Records of a batch as bytes, to be copied one by one into another batch. Layout in record-batch-builder.ts. */
import { varintSize, varlongSize, writeVarint, writeVarlong } from '../lib/bytes.ts';
import { invalidBatch } from './batch-header.ts';
import { Cursor } from './cursor.ts';

export interface RawRecord {
  /** Where the record begins, with its length, and where it ends. */
  readonly at: number;
  readonly end: number;
  /** Relative to the base of the batch, ms. */
  readonly timestampDelta: number;
  /** Where what follows the time begins. */
  readonly restAt: number;
  readonly offsetDelta: number;
  readonly keyAt: number;
  /** -1 for null. */
  readonly keyLength: number;
  /** A record without value: its key is deleted. */
  readonly isTombstone: boolean;
}

/** @param block the records, not compressed. Throws `log.invalid_batch` for bytes that are not `count` records. */
export function* rawRecords(block: Uint8Array, count: number): Generator<RawRecord, void, undefined> {
  const cursor = new Cursor(block, 0, block.length);
  for (let i = 0; i < count; i++) {
    const { at } = cursor;
    const length = cursor.varint();
    const end = cursor.at + length;
    if (length < 0 || end > block.length) throw invalidBatch('a record reaches past the end', at);
    cursor.skip(1);
    const timestampDelta = cursor.varlong();
    const restAt = cursor.at;
    const offsetDelta = cursor.varint();
    const keyLength = cursor.varint();
    const keyAt = cursor.skip(keyLength);
    const isTombstone = cursor.varint() < 0;
    if (cursor.at > end) throw invalidBatch('the length of a record is wrong', at);
    cursor.at = end;
    yield { at, end, timestampDelta, restAt, offsetDelta, keyAt, keyLength, isTombstone };
  }
  if (cursor.at !== block.length) throw invalidBatch('bytes follow the last record', cursor.at);
}

/** The record with another time; its other bytes are copied. */
export function withTimestampDelta(block: Uint8Array, record: RawRecord, timestampDelta: number): Uint8Array {
  const rest = record.end - record.restAt;
  const length = 1 + varlongSize(timestampDelta) + rest;
  const bytes = Buffer.allocUnsafe(varintSize(length) + length);
  let at = writeVarint(bytes, 0, length);
  // Attributes: none are defined.
  bytes[at++] = 0;
  at = writeVarlong(bytes, at, timestampDelta);
  bytes.set(block.subarray(record.restAt, record.end), at);
  return bytes;
}
