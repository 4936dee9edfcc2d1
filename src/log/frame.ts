/**
 * Frames of the write-ahead log. Little-endian; one frame is one commit.
 *
 *     0  magic        u32   "TRF1"
 *     4  crc          u32   CRC-32C of bytes 8 … end, seeded with the file's epoch: a frame of an earlier use of the file
 *                           does not verify
 *     8  sequence     u64   1, 2, 3 … over all files
 *    16  durableUpTo  u64   the sequence known to be on disk when this frame was written
 *    24  metaBytes    u32
 *    28  dataBytes    u32
 *    32  meta         JSON, see commit-record.ts
 *        data         record batches, as `meta` lists them
 *
 * The checksum covers offsets and lengths too, which that of Kafka's batches does not.
 */
import { crc32c } from '../lib/crc32c.ts';

export const FRAME_HEADER_BYTES = 32;
export const MAGIC = 0x31465254;
/** Above what any commit writes inline: a length beyond it is not a length. */
export const MAX_FRAME_BYTES = 1 << 30;

export interface FrameHead {
  readonly sequence: number;
  readonly durableUpTo: number;
  readonly metaBytes: number;
  readonly dataBytes: number;
}

/** The file's epoch as the seed of its frames' checksums. */
export function seedOf(epoch: number): number {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(epoch));
  return crc32c(bytes);
}

/** The frame as buffers to be written one behind the other; `data` is not copied. */
export function encodeFrame(
  seed: number,
  head: Pick<FrameHead, 'sequence' | 'durableUpTo'>,
  meta: Uint8Array,
  data: readonly Uint8Array[],
): Uint8Array[] {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  header.writeUInt32LE(MAGIC, 0);
  header.writeBigUInt64LE(BigInt(head.sequence), 8);
  header.writeBigUInt64LE(BigInt(head.durableUpTo), 16);
  header.writeUInt32LE(meta.length, 24);
  header.writeUInt32LE(
    data.reduce((sum, { length }) => sum + length, 0),
    28,
  );
  let crc = crc32c(header.subarray(8), seed);
  crc = crc32c(meta, crc);
  for (const bytes of data) crc = crc32c(bytes, crc);
  header.writeUInt32LE(crc, 4);
  return [header, meta, ...data];
}

/** The head of the frame at `at` if its bytes could be one, unverified; null otherwise. */
export function frameHead(buf: Buffer, at: number): FrameHead | null {
  if (at + FRAME_HEADER_BYTES > buf.length || buf.readUInt32LE(at) !== MAGIC) return null;
  const metaBytes = buf.readUInt32LE(at + 24);
  const dataBytes = buf.readUInt32LE(at + 28);
  if (metaBytes + dataBytes > MAX_FRAME_BYTES) return null;
  return {
    sequence: Number(buf.readBigUInt64LE(at + 8)),
    durableUpTo: Number(buf.readBigUInt64LE(at + 16)),
    metaBytes,
    dataBytes,
  };
}

export const frameBytes = ({ metaBytes, dataBytes }: FrameHead): number => FRAME_HEADER_BYTES + metaBytes + dataBytes;

/** True when the frame at `at` is whole and its checksum right. */
export function verifyFrame(buf: Buffer, at: number, head: FrameHead, seed: number): boolean {
  const end = at + frameBytes(head);
  return end <= buf.length && crc32c(buf.subarray(at + 8, end), seed) === buf.readUInt32LE(at + 4);
}
