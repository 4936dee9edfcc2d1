/** Batches as compaction writes them: some of the records of a stored batch, in its place. */
import { readUint32, writeBigInt64, writeInt64, writeUint32 } from '../../lib/bytes.ts';
import { crc32c } from '../../lib/crc32c.ts';
import { CODEC_BITS, DELETE_HORIZON_BIT, LOG_APPEND_TIME_BIT } from '../../wire/batch-header.ts';
import { compress } from '../../wire/compression/compress.ts';
import { type RawRecord, withTimestampDelta } from '../../wire/raw-records.ts';
import { HEADER_BYTES } from '../../wire/record-batch.ts';
import type { OpenedBatch } from './batch-records.ts';

/** Largest distance of times that a record can hold exactly, ms. */
const MAX_DELTA = 2 ** 52 - 1;
export const MAX_OFFSET_DELTA = 0x7fffffff;

/** When the tombstones of the batch may go, ms since 1970; null while no compaction has seen them. */
export function deleteHorizon({ header }: OpenedBatch): number | null {
  return (header.attributes & DELETE_HORIZON_BIT) === 0 ? null : header.baseTimestamp;
}

/** Whether the times of the batch can be told from a base of `horizonMs`. */
export function canSetHorizon({ header: { baseTimestamp }, records }: OpenedBatch, horizonMs: number): boolean {
  return records.every(({ timestampDelta }) => Math.abs(baseTimestamp + timestampDelta - horizonMs) <= MAX_DELTA);
}

/**
 * A batch of some records of another: offsets, times, producer and place are kept, and the codec where it can be written.
 * @param horizonMs becomes the base of the times, as Kafka does (KIP-534); null: unchanged
 */
export function rewritten(
  original: Uint8Array,
  { header, block }: OpenedBatch,
  kept: readonly RawRecord[],
  horizonMs: number | null,
): Buffer {
  const { attributes, baseTimestamp, maxTimestamp } = header;
  const base = horizonMs ?? baseTimestamp;
  const parts: Uint8Array[] = [];
  let latest = Number.NEGATIVE_INFINITY;
  for (const record of kept) {
    const time = baseTimestamp + record.timestampDelta;
    if (time > latest) latest = time;
    if (horizonMs === null) parts.push(block.subarray(record.at, record.end));
    else parts.push(withTimestampDelta(block, record, time - base));
  }
  const records = Buffer.concat(parts);
  const packed = compress(attributes & CODEC_BITS, records);
  const batch = Buffer.concat([original.subarray(0, HEADER_BYTES), packed ?? records]);
  writeUint32(batch, 8, batch.length - 12);
  const codec = packed === null ? attributes & ~CODEC_BITS : attributes;
  batch.writeUInt16BE(horizonMs === null ? codec : codec | DELETE_HORIZON_BIT, 21);
  writeInt64(batch, 27, base);
  if ((attributes & LOG_APPEND_TIME_BIT) === 0) writeInt64(batch, 35, latest);
  else writeInt64(batch, 35, maxTimestamp);
  writeUint32(batch, 57, kept.length);
  return sealed(batch);
}

/** The batch with its range up to `next`: what stood there is gone. @param next at most MAX_OFFSET_DELTA above the base */
export function extended(bytes: Uint8Array, base: bigint, next: bigint): Buffer {
  const batch = Buffer.from(bytes);
  writeUint32(batch, 23, Number(next - base) - 1);
  return sealed(batch);
}

/** A batch without records, for a range in which nothing is left and no batch stands before. */
export function emptyBatch(base: bigint, next: bigint, leaderEpoch: number): Buffer {
  const batch = Buffer.alloc(HEADER_BYTES);
  writeBigInt64(batch, 0, base);
  writeUint32(batch, 8, HEADER_BYTES - 12);
  writeUint32(batch, 12, leaderEpoch);
  batch[16] = 2;
  writeUint32(batch, 23, Number(next - base) - 1);
  // No times, no producer: -1.
  batch.fill(0xff, 27, 57);
  return sealed(batch);
}

function sealed(batch: Buffer): Buffer {
  writeUint32(batch, 17, crc32c(batch.subarray(21)));
  return batch;
}

export function leaderEpochOf(bytes: Uint8Array): number {
  return readUint32(bytes, 12) | 0;
}
