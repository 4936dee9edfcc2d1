/**
 * One file of the write-ahead log. It grows in its first use and is used again and again: then fdatasync has no size to write.
 *
 *     0  magic u32 "TRW1" · 4 crc u32 of bytes 8…24 · 8 epoch u64 (of this use of the file) · 16 first sequence u64
 *  2048  the same once more: without it none of the frames could be verified
 *  4096  frames
 */
import { join } from 'node:path';
import { crc32c } from '../lib/crc32c.ts';
import type { Files, OpenFile } from '../lib/files.ts';
import { seedOf } from './frame.ts';

export const FRAMES_AT = 4096;
/** Made at once, so that the first small commits find room. */
const ROOM_BYTES = 1 << 20;
const MAGIC = 0x31575254;
const HEADER_BYTES = 24;
const COPY_AT = 2048;

export interface WalHeader {
  readonly epoch: number;
  readonly firstSequence: number;
}

export class WalFile {
  readonly name: string;
  readonly file: OpenFile;
  epoch = 0;
  seed = 0;
  position = FRAMES_AT;
  /** Of the last frame in it. */
  lastSequence = 0;

  constructor(name: string, file: OpenFile) {
    this.name = name;
    this.file = file;
  }

  static async create(files: Files, dir: string, name: string): Promise<WalFile> {
    await files.remove(join(dir, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    const file = await files.open(join(dir, name), 'create');
    await file.write([Buffer.alloc(ROOM_BYTES)], 0);
    return new WalFile(name, file);
  }

  /** Begins a use of the file; the header is durable with the first frames. */
  async begin({ epoch, firstSequence }: WalHeader): Promise<void> {
    this.epoch = epoch;
    this.seed = seedOf(epoch);
    this.position = FRAMES_AT;
    this.lastSequence = firstSequence - 1;
    const header = Buffer.alloc(FRAMES_AT);
    header.writeUInt32LE(MAGIC, 0);
    header.writeBigUInt64LE(BigInt(epoch), 8);
    header.writeBigUInt64LE(BigInt(firstSequence), 16);
    header.writeUInt32LE(crc32c(header.subarray(8, HEADER_BYTES)), 4);
    header.copy(header, COPY_AT, 0, HEADER_BYTES);
    await this.file.write([header], 0);
  }
}

/** Null for a file that was never begun, or whose beginning was torn. */
export function readWalHeader(bytes: Buffer): WalHeader | null {
  const [first, second] = [headerAt(bytes, 0), headerAt(bytes, COPY_AT)];
  // A torn beginning leaves one of the use before.
  if (first === null || second === null) return first ?? second;
  return first.epoch >= second.epoch ? first : second;
}

function headerAt(bytes: Buffer, at: number): WalHeader | null {
  if (bytes.length < at + HEADER_BYTES || bytes.readUInt32LE(at) !== MAGIC) return null;
  if (crc32c(bytes.subarray(at + 8, at + HEADER_BYTES)) !== bytes.readUInt32LE(at + 4)) return null;
  return { epoch: Number(bytes.readBigUInt64LE(at + 8)), firstSequence: Number(bytes.readBigUInt64LE(at + 16)) };
}
