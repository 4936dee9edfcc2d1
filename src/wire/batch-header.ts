/**
 * Header of a Kafka record batch, format 2. https://kafka.apache.org/documentation/#recordbatch
 *
 *     0  baseOffset            int64
 *     8  batchLength           int32   bytes after this field
 *    12  partitionLeaderEpoch  int32
 *    16  magic                 int8    2
 *    17  crc                   uint32  CRC-32C of everything from byte 21 on
 *    21  attributes            int16   0–2 codec, 3 log append time, 4 transactional, 5 control, 6 delete horizon
 *    23  lastOffsetDelta       int32
 *    27  baseTimestamp         int64
 *    35  maxTimestamp          int64
 *    43  producerId            int64
 *    51  producerEpoch         int16
 *    53  baseSequence          int32
 *    57  count                 int32
 *    61  records
 *
 * Base offset and leader epoch lie outside the CRC, so that a log can place a batch without hashing it again.
 */
import { TailraceError } from '../contracts/errors.ts';
import { readInt64, readInt64AsNumber, readUint32, writeBigInt64, writeUint32 } from '../lib/bytes.ts';
import { crc32c } from '../lib/crc32c.ts';

export const HEADER_BYTES = 61;
/** Bytes up to and with the length field. */
const LENGTH_END = 12;
const CRC_FROM = 21;
/** A record without key, value and headers: seven fields of one byte. */
const SMALLEST_RECORD = 7;
const LAST_CODEC = 4;

/** Bits of `attributes`. */
export const CODEC_BITS = 0x07;
export const LOG_APPEND_TIME_BIT = 0x08;
export const CONTROL_BIT = 0x20;
/** The base timestamp is when tombstones of the batch may be removed (KIP-534). */
export const DELETE_HORIZON_BIT = 0x40;

export interface BatchHeader {
  readonly baseOffset: bigint;
  /** Bytes after the length field. */
  readonly batchLength: number;
  /** Bytes of the whole batch. */
  readonly size: number;
  readonly leaderEpoch: number;
  readonly magic: number;
  readonly crc: number;
  readonly attributes: number;
  /** Offset of the last record, relative to `baseOffset`; stays when compaction removes that record. */
  readonly lastOffsetDelta: number;
  /** ms since 1970. */
  readonly baseTimestamp: number;
  /** ms since 1970. */
  readonly maxTimestamp: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly count: number;
}

/** Reads the 61 bytes at `at` without judging them. Throws `log.invalid_batch` when they are not all there. */
export function readBatchHeader(buf: Uint8Array, at: number): BatchHeader {
  if (at < 0 || at + HEADER_BYTES > buf.length) throw invalidBatch('the header is cut off', at);
  const batchLength = readUint32(buf, at + 8) | 0;
  return {
    baseOffset: readInt64(buf, at),
    batchLength,
    size: batchLength + LENGTH_END,
    leaderEpoch: readUint32(buf, at + 12) | 0,
    magic: buf[at + 16]!,
    crc: readUint32(buf, at + 17),
    attributes: readUint32(buf, at + 21) >>> 16,
    lastOffsetDelta: readUint32(buf, at + 23) | 0,
    baseTimestamp: readInt64AsNumber(buf, at + 27),
    maxTimestamp: readInt64AsNumber(buf, at + 35),
    producerId: readInt64(buf, at + 43),
    producerEpoch: readUint32(buf, at + 51) >> 16,
    baseSequence: readUint32(buf, at + 53) | 0,
    count: readUint32(buf, at + 57) | 0,
  };
}

/**
 * Size of the valid batch at `at`, of which at most `available` bytes are there. Throws `log.invalid_batch` for anything
 * else. Checks everything but the records themselves, which `readRecords` checks as it reads; allocates nothing.
 */
export function checkBatch(buf: Uint8Array, at: number, available: number): number {
  const end = Math.min(buf.length, at + available);
  if (at < 0 || at + HEADER_BYTES > end) throw invalidBatch('the header is cut off', at);
  if (buf[at + 16] !== 2) throw invalidBatch(`magic byte ${buf[at + 16]} instead of 2`, at);
  const size = (readUint32(buf, at + 8) | 0) + LENGTH_END;
  if (size < HEADER_BYTES) throw invalidBatch('the length is too small', at);
  if (at + size > end) throw invalidBatch(`${size} bytes declared, ${end - at} there`, at);
  if (crc32c(buf.subarray(at + CRC_FROM, at + size)) !== readUint32(buf, at + 17)) {
    throw invalidBatch('the checksum is wrong', at);
  }
  const codec = buf[at + 22]! & CODEC_BITS;
  const lastOffsetDelta = readUint32(buf, at + 23) | 0;
  const count = readUint32(buf, at + 57) | 0;
  if (codec > LAST_CODEC) throw invalidBatch(`unknown compression codec ${codec}`, at);
  if ((buf[at]! & 0x80) !== 0) throw invalidBatch('the base offset is negative', at);
  if (lastOffsetDelta < 0 || count < 0 || count > lastOffsetDelta + 1) throw invalidBatch('counts do not agree', at);
  if (codec === 0 && count * SMALLEST_RECORD > size - HEADER_BYTES) throw invalidBatch('too many records declared', at);
  return size;
}

/** Gives the batch its place in a partition. Neither field is covered by the batch's CRC. */
export function placeBatch(buf: Uint8Array, at: number, baseOffset: bigint, leaderEpoch: number): void {
  writeBigInt64(buf, at, baseOffset);
  writeUint32(buf, at + 12, leaderEpoch);
}

/** `log.invalid_batch`: what is wrong with the batch at byte `at` of its buffer. */
export function invalidBatch(reason: string, at: number): TailraceError {
  return new TailraceError('log.invalid_batch', `record batch at byte ${at}: ${reason}`);
}
