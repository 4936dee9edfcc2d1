/** Judges the record batch that a client wants to append: nothing that a reader would stumble over gets into the log. */
import { TailraceError } from '../contracts/errors.ts';
import { writeInt64, writeUint32 } from '../lib/bytes.ts';
import { crc32c } from '../lib/crc32c.ts';
import { CODEC_BITS, CONTROL_BIT, LOG_APPEND_TIME_BIT } from '../wire/batch-header.ts';
import { decompress, MAX_DECOMPRESSED_BYTES, ZSTD } from '../wire/compression/decompress.ts';
import { Cursor } from '../wire/cursor.ts';
import { KafkaError, type KafkaErrorCode } from '../wire/messages/error-codes.ts';
import { type BatchHeader, checkBatch, HEADER_BYTES, readBatchHeader, rememberValid } from '../wire/record-batch.ts';

const TRANSACTIONAL_BIT = 0x10;
const DELETE_HORIZON_BIT = 0x40;
const MAGIC_AT = 16;
const CRC_AT = 17;
const CRC_FROM = 21;
const MAX_TIMESTAMP_AT = 35;
/** ms from 1970: what a JavaScript date can be, and far below where numbers lose exactness. */
const MAX_TIMESTAMP = 8.64e15;
/** First version of Produce that may carry zstd (KIP-110). */
const ZSTD_FROM = 7;

export interface Rejected {
  readonly errorCode: KafkaErrorCode;
  readonly message: string;
}

export interface BatchRules {
  /** Version of the Produce request. */
  readonly version: number;
  readonly maxBatchBytes: number;
  /** Every record needs a key: the topic is compacted. */
  readonly keysNeeded: boolean;
  /** The request is part of a transaction. */
  readonly transactional: boolean;
}

/** The header of the one valid batch that is all of `records`, or why it is refused. */
export function judgeBatch(records: Uint8Array | null, rules: BatchRules): BatchHeader | Rejected {
  if (records === null || records.length === 0) return invalid('there is no record batch');
  if (records.length > MAGIC_AT && records[MAGIC_AT]! < 2) return invalid('the record format is older than version 2');
  if (records.length > rules.maxBatchBytes) {
    const message = `the batch has ${records.length} bytes, ${rules.maxBatchBytes} are allowed`;
    return { errorCode: KafkaError.MESSAGE_TOO_LARGE, message };
  }
  try {
    const size = checkBatch(records, 0, records.length);
    if (size !== records.length) return invalid('there is more than one record batch');
    const header = readBatchHeader(records, 0);
    const rejected = judgeHeader(header, rules) ?? judgeRecords(records, header, rules);
    if (rejected !== null) return rejected;
    rememberValid(records);
    return header;
  } catch (error) {
    if (!(error instanceof TailraceError) || error.code !== 'log.invalid_batch') throw error;
    return { errorCode: KafkaError.CORRUPT_MESSAGE, message: error.message };
  }
}

export function isRejected(judged: BatchHeader | Rejected): judged is Rejected {
  return 'errorCode' in judged;
}

function judgeHeader(header: BatchHeader, { version, transactional }: BatchRules): Rejected | null {
  const { attributes, count, lastOffsetDelta, producerId, producerEpoch, baseSequence } = header;
  if ((attributes & CONTROL_BIT) !== 0) return invalid('control batches are written by the broker only');
  if ((attributes & DELETE_HORIZON_BIT) !== 0) return invalid('the delete horizon is set by the broker only');
  if ((attributes & LOG_APPEND_TIME_BIT) !== 0) {
    return { errorCode: KafkaError.INVALID_TIMESTAMP, message: 'the time of appending is set by the broker only' };
  }
  if ((attributes & CODEC_BITS) === ZSTD && version < ZSTD_FROM) {
    const message = 'zstd needs Produce version 7';
    return { errorCode: KafkaError.UNSUPPORTED_COMPRESSION_TYPE, message };
  }
  if (count === 0 || count !== lastOffsetDelta + 1) return invalid('the number of records and the last offset differ');
  const idempotent = producerId >= 0n;
  if (idempotent && (producerEpoch < 0 || baseSequence < 0)) return invalid('the producer has no epoch or sequence');
  const saysTransactional = (attributes & TRANSACTIONAL_BIT) !== 0;
  if (!idempotent && saysTransactional) return invalid('a transaction needs a producer id');
  if (saysTransactional === transactional) return null;
  const message = 'the batch and the request differ about a transaction';
  return { errorCode: KafkaError.INVALID_TXN_STATE, message };
}

/** Throws `log.invalid_batch` for bytes that are not records. */
function judgeRecords(batch: Uint8Array, header: BatchHeader, { keysNeeded }: BatchRules): Rejected | null {
  const codec = header.attributes & CODEC_BITS;
  const compressed = codec !== 0;
  const bytes = compressed ? decompress(codec, batch.subarray(HEADER_BYTES), MAX_DECOMPRESSED_BYTES) : batch;
  const cursor = new Cursor(bytes, compressed ? 0 : HEADER_BYTES, bytes.length);
  let maxDelta = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < header.count; index++) {
    const end = cursor.varint() + cursor.at;
    cursor.skip(1);
    const delta = cursor.varlong();
    if (delta > maxDelta) maxDelta = delta;
    const offsetDelta = cursor.varint();
    const keyLength = walkBody(cursor);
    if (cursor.at !== end || offsetDelta !== index) return invalid(`record ${index} lies about its length or offset`);
    if (keysNeeded && keyLength < 0) return invalid(`record ${index} has no key, and the topic is compacted`);
  }
  if (cursor.at !== bytes.length) return invalid('bytes follow the last record');
  return settleMaxTimestamp(batch, header, header.baseTimestamp + maxDelta);
}

/** Steps over key, value and headers of a record (layout in wire/record-batch-builder.ts); returns the key's length. */
function walkBody(cursor: Cursor): number {
  const keyLength = cursor.varint();
  cursor.skip(keyLength);
  cursor.skip(cursor.varint());
  for (let left = cursor.count(); left > 0; left--) {
    cursor.skip(Math.max(0, cursor.varint()));
    cursor.skip(cursor.varint());
  }
  return keyLength;
}

/** The header must say the time of the newest record, as retention goes by it. Like Kafka, a wrong one is put right. */
function settleMaxTimestamp(batch: Uint8Array, header: BatchHeader, maxTimestamp: number): Rejected | null {
  const { baseTimestamp } = header;
  if (Math.abs(baseTimestamp) > MAX_TIMESTAMP || Math.abs(maxTimestamp) > MAX_TIMESTAMP) {
    return { errorCode: KafkaError.INVALID_TIMESTAMP, message: 'a timestamp is too far from now' };
  }
  if (header.maxTimestamp !== maxTimestamp) {
    writeInt64(batch, MAX_TIMESTAMP_AT, maxTimestamp);
    writeUint32(batch, CRC_AT, crc32c(batch.subarray(CRC_FROM)));
  }
  return null;
}

function invalid(message: string): Rejected {
  return { errorCode: KafkaError.INVALID_RECORD, message };
}
