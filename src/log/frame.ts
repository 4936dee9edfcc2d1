/**
 * Frames of the write-ahead log. Little-endian; one frame is one commit: a head, record batches, and the head again.
 *
 *     0  magic        u32   "TRF2"
 *     4  crc          u32   CRC-32C of bytes 8 … end of the head, seeded with the file's epoch: a frame of an earlier use of
 *                           the file does not verify
 *     8  sequence     u64   1, 2, 3 … over all files
 *    16  durableUpTo  u64   the sequence known to be on disk when this frame was written
 *    24  metaBytes    u32
 *    28  dataBytes    u32
 *    32  dataCrc      u32   CRC-32C of the first 21 bytes of each batch, seeded likewise. They hold offset, length and the
 *                           batch's own checksum, which covers the rest of it and was verified when the batch was appended
 *    36  meta               JSON, see commit-record.ts
 *        data               record batches, as `meta` lists them
 *        the head's bytes once more, so that one damaged sector does not hide which offsets it holds
 */
import { crc32c } from '../lib/crc32c.ts';
import { checkBatch, HEADER_BYTES, placeBatch } from '../wire/record-batch.ts';
import { type CommitRecord, decodeRecord } from './commit-record.ts';

/** Of the head without its meta. */
export const FRAME_HEADER_BYTES = 36;
export const MAGIC = 0x32465254;
/** Above what any commit writes inline: a length beyond it is not a length. */
export const MAX_FRAME_BYTES = 1 << 30;
/** Offset, length, leader epoch, magic and checksum of a batch. */
const BATCH_PLACE_BYTES = 21;

export interface FrameHead {
  readonly sequence: number;
  readonly durableUpTo: number;
  /** Of the head with its meta. */
  readonly headBytes: number;
  readonly dataBytes: number;
  readonly dataCrc: number;
  readonly record: CommitRecord;
}

/** The file's epoch as the seed of its frames' checksums. */
export function seedOf(epoch: number): number {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(epoch));
  return crc32c(bytes);
}

/** The frame as buffers to be written one behind the other; `data`, the batches, is not copied. */
export function encodeFrame(
  seed: number,
  { sequence, durableUpTo }: Pick<FrameHead, 'sequence' | 'durableUpTo'>,
  meta: Uint8Array,
  data: readonly Uint8Array[],
): Uint8Array[] {
  const head = Buffer.allocUnsafe(FRAME_HEADER_BYTES + meta.length);
  head.writeUInt32LE(MAGIC, 0);
  head.writeBigUInt64LE(BigInt(sequence), 8);
  head.writeBigUInt64LE(BigInt(durableUpTo), 16);
  head.writeUInt32LE(meta.length, 24);
  let dataBytes = 0;
  let dataCrc = seed;
  for (const batch of data) {
    dataBytes += batch.length;
    dataCrc = crc32c(batch.subarray(0, BATCH_PLACE_BYTES), dataCrc);
  }
  head.writeUInt32LE(dataBytes, 28);
  head.writeUInt32LE(dataCrc, 32);
  head.set(meta, FRAME_HEADER_BYTES);
  head.writeUInt32LE(crc32c(head.subarray(8), seed), 4);
  return [head, ...data, head];
}

/** The verified head at `at`; null for anything else. */
export function readFrameHead(buf: Buffer, at: number, seed: number): FrameHead | null {
  if (at + FRAME_HEADER_BYTES > buf.length || buf.readUInt32LE(at) !== MAGIC) return null;
  const headBytes = FRAME_HEADER_BYTES + buf.readUInt32LE(at + 24);
  const dataBytes = buf.readUInt32LE(at + 28);
  if (headBytes + dataBytes > MAX_FRAME_BYTES || at + headBytes > buf.length) return null;
  if (crc32c(buf.subarray(at + 8, at + headBytes), seed) !== buf.readUInt32LE(at + 4)) return null;
  return {
    sequence: Number(buf.readBigUInt64LE(at + 8)),
    durableUpTo: Number(buf.readBigUInt64LE(at + 16)),
    headBytes,
    dataBytes,
    dataCrc: buf.readUInt32LE(at + 32),
    record: decodeRecord(buf.subarray(at + FRAME_HEADER_BYTES, at + headBytes)),
  };
}

/** The frame's batches at `at`; null when they are not all there. Views. */
export function frameData(buf: Buffer, at: number, { record, dataBytes }: FrameHead): Buffer[] | null {
  if (at < 0 || at + dataBytes > buf.length) return null;
  const data: Buffer[] = [];
  let position = at;
  for (const [, , , , size] of record.batches ?? []) {
    data.push(buf.subarray(position, position + size));
    position += size;
  }
  return position === at + dataBytes ? data : null;
}

/** True when these are the batches that were written. */
export function verifyData(data: readonly Buffer[], { dataCrc }: FrameHead, seed: number): boolean {
  return placesCrc(data, seed) === dataCrc && data.every(isWhole);
}

/**
 * Puts right what the head knows of each batch's first bytes; the head and data were on disk once. Returns the numbers of the
 * batches that are damaged beyond that.
 */
export function repairData(data: readonly Buffer[], { record }: FrameHead, leaderEpoch: number): number[] {
  const damaged: number[] = [];
  for (const [i, batch] of data.entries()) {
    placeBatch(batch, 0, BigInt(record.batches![i]![2]), leaderEpoch);
    batch.writeUInt32BE(batch.length - 12, 8);
    batch[16] = 2;
    if (!isWhole(batch)) damaged.push(i);
  }
  return damaged;
}

function placesCrc(data: readonly Buffer[], seed: number): number {
  return data.reduce((crc, batch) => crc32c(batch.subarray(0, BATCH_PLACE_BYTES), crc), seed);
}

function isWhole(batch: Buffer): boolean {
  if (batch.length < HEADER_BYTES) return false;
  try {
    return checkBatch(batch, 0, batch.length) === batch.length;
  } catch {
    return false;
  }
}
