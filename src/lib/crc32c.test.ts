import { expect, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import { chooseCrc32c, crc32c } from './crc32c.ts';
import { tableCrc32c } from './crc32c-table.ts';

const implementations = [
  ['native', crc32c],
  ['table', tableCrc32c],
] as const;

// RFC 3720, B.4.
test.each(implementations)('%s: the examples of the specification', (_, crc) => {
  expect(crc(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  expect(crc(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  expect(crc(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe(0x113fdb5c);
  expect(crc(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc(Buffer.alloc(0))).toBe(0);
});

test('the table equals the native one, in one piece and in two', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, cut) => {
      const expected = crc32c(bytes);
      expect(tableCrc32c(bytes)).toBe(expected);
      for (const [, crc] of implementations)
        expect(crc(bytes.subarray(cut), crc(bytes.subarray(0, cut)))).toBe(expected);
    }),
  );
});

test('the table is taken where the native package cannot be loaded', async () => {
  const missing = await chooseCrc32c(() => Promise.reject(new Error('no native binding')));
  expect(missing).toBe(tableCrc32c);
  expect(crc32c).not.toBe(tableCrc32c);
});
