import { expect, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import {
  readInt64,
  readInt64AsNumber,
  readUint32,
  varintSize,
  varlongSize,
  writeBigInt64,
  writeInt64,
  writeUint32,
  writeVarint,
  writeVarlong,
} from './bytes.ts';

/** The definition: zigzag, seven bits a byte, low ones first. */
function expected(value: number): Buffer {
  let zigzag = value >= 0 ? BigInt(value) * 2n : -BigInt(value) * 2n - 1n;
  const bytes: number[] = [];
  for (; zigzag >= 0x80n; zigzag >>= 7n) bytes.push(Number(zigzag & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(zigzag)]);
}

const edges = [0, -1, 1, 63, 64, -64, -65, 8191, 8192, 2 ** 20 - 1, 2 ** 20, 2 ** 27, 2 ** 31 - 1, -(2 ** 31)];

test('varints', () => {
  const check = (value: number) => {
    const buffer = Buffer.alloc(12, 0xee);
    const end = writeVarint(buffer, 1, value);
    expect(buffer.subarray(1, end)).toEqual(expected(value));
    expect(varintSize(value)).toBe(end - 1);
  };
  edges.forEach(check);
  fc.assert(fc.property(fc.integer(), check));
});

test('varlongs', () => {
  const check = (value: number) => {
    const buffer = Buffer.alloc(12, 0xee);
    const end = writeVarlong(buffer, 1, value);
    expect(buffer.subarray(1, end)).toEqual(expected(value));
    expect(varlongSize(value)).toBe(end - 1);
  };
  [...edges, 2 ** 51, -(2 ** 51), 1_795_361_778_774].forEach(check);
  fc.assert(fc.property(fc.integer({ min: -(2 ** 51), max: 2 ** 51 }), check));
});

test('fixed numbers, big-endian', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.maxSafeInteger(), (value, number) => {
      const buffer = Buffer.alloc(10);
      writeBigInt64(buffer, 1, value);
      expect(buffer.readBigInt64BE(1)).toBe(value);
      expect(readInt64(buffer, 1)).toBe(value);
      expect(readUint32(buffer, 1)).toBe(buffer.readUInt32BE(1));
      writeInt64(buffer, 1, number);
      expect(buffer.readBigInt64BE(1)).toBe(BigInt(number));
      expect(readInt64AsNumber(buffer, 1)).toBe(number);
      writeUint32(buffer, 1, Number(value & 0xffffffffn));
      expect(buffer.readUInt32BE(1)).toBe(Number(value & 0xffffffffn));
    }),
  );
});
