/** The other way round from decompress.ts, for the codecs that the platform has. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { GZIP, ZSTD } from './decompress.ts';

/** Null for a codec that can only be read. */
export function compress(codec: number, bytes: Uint8Array): Uint8Array | null {
  switch (codec) {
    case 0:
      return bytes;
    case GZIP:
      return gzipSync(bytes);
    case ZSTD:
      return zstdCompressSync(bytes);
    default:
      return null;
  }
}
