import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { Random } from '../../../test/support/random-message.ts';
import { decompress, GZIP, LZ4, SNAPPY, ZSTD } from './decompress.ts';

const invalid = expect.objectContaining({ code: 'log.invalid_batch' });
const LIMIT = 1 << 20;
const hex = (text: string) => Buffer.from(text.replace(/[ \n]/g, ''), 'hex');
const text = (codec: number, bytes: Uint8Array, limit = LIMIT) =>
  Buffer.from(decompress(codec, bytes, limit)).toString();

/** Snappy by the format's description: length, `abcd` literal, a copy of 8 from 4 back (overlapping), a literal. */
const SNAPPY_BLOCK = hex('0d 0c 61626364 1e 0400 00 65');
const XERIAL = Buffer.concat([
  hex('82534e4150505900 00000001 00000001'),
  hex('0000000b'),
  SNAPPY_BLOCK,
  hex('0000000b'),
  SNAPPY_BLOCK,
]);
/** LZ4 frame: version 1, independent blocks; one compressed block (4 literals, match of 8 from 4 back, 1 literal), one stored. */
const LZ4_FRAME = hex('04224d18 60 40 82 09000000 44 61626364 0400 10 65 02000080 7879 00000000');

describe('decompression', () => {
  test('what zlib compresses', () => {
    const plain = Buffer.from('tailrace '.repeat(1_000));
    expect(text(GZIP, gzipSync(plain))).toBe(plain.toString());
    expect(text(ZSTD, zstdCompressSync(plain))).toBe(plain.toString());
    expect(decompress(0, plain, 1)).toBe(plain);
  });

  test('snappy, raw and in the framing of the Java library', () => {
    expect(text(SNAPPY, SNAPPY_BLOCK)).toBe('abcdabcdabcde');
    expect(text(SNAPPY, XERIAL)).toBe('abcdabcdabcdeabcdabcdabcde');
    // A literal of 61 bytes has its length in a byte of its own.
    expect(text(SNAPPY, Buffer.concat([hex('3d f0 3c'), Buffer.alloc(61, 'z')]))).toBe('z'.repeat(61));
    // A copy with a one-byte offset: length 4, 1 back.
    expect(text(SNAPPY, hex('05 00 61 01 01'))).toBe('aaaaa');
  });

  test('LZ4 frames: compressed and stored blocks, one frame after the other', () => {
    expect(text(LZ4, LZ4_FRAME)).toBe('abcdabcdabcdexy');
    expect(text(LZ4, Buffer.concat([LZ4_FRAME, LZ4_FRAME]))).toBe('abcdabcdabcdexyabcdabcdabcdexy');
  });

  test('no more comes out than is allowed', () => {
    const zeros = Buffer.alloc(LIMIT + 1);
    expect(() => decompress(GZIP, gzipSync(zeros), LIMIT)).toThrow(invalid);
    expect(() => decompress(ZSTD, zstdCompressSync(zeros), LIMIT)).toThrow(invalid);
    expect(() => decompress(SNAPPY, XERIAL, 25)).toThrow(invalid);
    expect(() => decompress(LZ4, LZ4_FRAME, 14)).toThrow(invalid);
    // 1 MiB declared by seven bytes.
    expect(() => decompress(SNAPPY, hex('808040 00 61 01 01'), LIMIT)).toThrow(invalid);
    expect(() => decompress(7, LZ4_FRAME, LIMIT)).toThrow(invalid);
  });

  test('cut off or damaged data is refused or gives other bytes, never more than the limit and never another error', () => {
    const random = new Random(1);
    const good = [
      [GZIP, gzipSync('tailrace '.repeat(50))],
      [ZSTD, zstdCompressSync('tailrace '.repeat(50))],
      [SNAPPY, XERIAL],
      [LZ4, LZ4_FRAME],
    ] as const;
    for (const [codec, bytes] of good) {
      for (let length = 0; length < bytes.length; length++) tryBytes(codec, bytes.subarray(0, length));
      for (let round = 0; round < 700; round++) {
        const damaged = Buffer.from(bytes);
        for (let flips = 1 + random.below(3); flips > 0; flips--) {
          damaged[random.below(damaged.length)]! ^= 1 << random.below(8);
        }
        tryBytes(codec, damaged);
      }
    }
  });
});

function tryBytes(codec: number, bytes: Uint8Array): void {
  try {
    expect(decompress(codec, bytes, 4_096).length).toBeLessThanOrEqual(4_096);
  } catch (error) {
    expect(error).toEqual(invalid);
  }
}
