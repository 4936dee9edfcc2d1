/** Compression of record batches: what follows the header is one compressed block. */
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { invalidBatch } from '../batch-header.ts';
import { decompressLz4 } from './lz4.ts';
import { decompressSnappy } from './snappy.ts';

/** Codecs in the low bits of a batch's attributes. */
export const GZIP = 1;
export const SNAPPY = 2;
export const LZ4 = 3;
export const ZSTD = 4;

/** Most that the records of one batch may take when decompressed, in bytes. A producer that sends more is refused. */
export const MAX_DECOMPRESSED_BYTES = 64 << 20;

/**
 * The records of a batch as they were before compression. Throws `log.invalid_batch` for broken data and for data that
 * yields more than `maxBytes`; memory is taken only as far as the data fills it.
 */
export function decompress(codec: number, bytes: Uint8Array, maxBytes: number): Uint8Array {
  switch (codec) {
    case 0:
      return bytes;
    case GZIP:
      return withZlib(() => gunzipSync(bytes, { maxOutputLength: maxBytes }));
    case SNAPPY:
      return decompressSnappy(bytes, maxBytes);
    case LZ4:
      return decompressLz4(bytes, maxBytes);
    case ZSTD:
      return withZlib(() => zstdDecompressSync(bytes, { maxOutputLength: maxBytes }));
    default:
      throw invalidBatch(`unknown compression codec ${codec}`, 0);
  }
}

function withZlib(run: () => Buffer): Buffer {
  try {
    return run();
  } catch (error) {
    const tooLarge = (error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE';
    throw invalidBatch(tooLarge ? 'it decompresses to more than is allowed' : 'its compressed data is broken', 0);
  }
}
