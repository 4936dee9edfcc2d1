/** Frames as format 1 of the data directory had them: magic "TRF1", one checksum over all, the head once. Only read. */
import { crc32c } from '../lib/crc32c.ts';
import { decodeRecord } from './commit-record.ts';
import { type FrameHead, MAX_FRAME_BYTES } from './frame.ts';

export const MAGIC_V1 = 0x31465254;
const HEADER_BYTES = 32;

/** The frame at `at`, verified as a whole; null for anything else. */
export function readFrameV1(buf: Buffer, at: number, seed: number): FrameHead | null {
  if (at + HEADER_BYTES > buf.length || buf.readUInt32LE(at) !== MAGIC_V1) return null;
  const headBytes = HEADER_BYTES + buf.readUInt32LE(at + 24);
  const dataBytes = buf.readUInt32LE(at + 28);
  const end = at + headBytes + dataBytes;
  if (headBytes + dataBytes > MAX_FRAME_BYTES || end > buf.length) return null;
  if (crc32c(buf.subarray(at + 8, end), seed) !== buf.readUInt32LE(at + 4)) return null;
  return {
    sequence: Number(buf.readBigUInt64LE(at + 8)),
    durableUpTo: Number(buf.readBigUInt64LE(at + 16)),
    headBytes,
    dataBytes,
    dataCrc: 0,
    record: decodeRecord(buf.subarray(at + HEADER_BYTES, at + headBytes)),
  };
}
