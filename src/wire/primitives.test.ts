import { describe, expect, test } from 'vitest';
import { ProtocolReader, ProtocolWriter } from './primitives.ts';

function written(flexible: boolean, write: (writer: ProtocolWriter) => void): string {
  const writer = new ProtocolWriter();
  writer.flexible = flexible;
  write(writer);
  const bytes = Buffer.concat(writer.finish());
  expect(bytes.length).toBe(writer.size);
  return bytes.toString('hex');
}

function reader(flexible: boolean, hex: string): ProtocolReader {
  const made = new ProtocolReader(Buffer.from(hex, 'hex'));
  made.flexible = flexible;
  return made;
}

const malformed = expect.objectContaining({ code: 'kafka.malformed' });

describe('primitives', () => {
  test('numbers are big-endian', () => {
    const hex = written(false, (writer) => {
      writer.int8(-2);
      writer.int16(-2);
      writer.int32(0x01020304);
      writer.int64(-2n);
      writer.boolean(true);
      writer.uuid('00112233445566778899aabbccddeeff');
    });
    expect(hex).toBe('fefffe01020304fffffffffffffffe0100112233445566778899aabbccddeeff');
    const back = reader(false, hex);
    expect([
      back.int8(),
      back.int16(),
      back.int32(),
      back.int64(),
      back.boolean(),
      back.uuid(),
      back.remaining,
    ]).toEqual([-2, -2, 0x01020304, -2n, true, '00112233445566778899aabbccddeeff', 0]);
  });

  test.each([
    [0, '00'],
    [1, '01'],
    [127, '7f'],
    [128, '8001'],
    [300, 'ac02'],
    [2 ** 31, '8080808008'],
    [2 ** 32 - 1, 'ffffffff0f'],
  ])('unsigned varint %d is %s', (value, hex) => {
    expect(written(true, (writer) => writer.unsignedVarint(value))).toBe(hex);
    expect(reader(true, hex).unsignedVarint()).toBe(value);
  });

  test.each(['808080808001', 'ffffffff10', '80', ''])('varint %s is refused', (hex) => {
    expect(() => reader(true, hex).unsignedVarint()).toThrow(malformed);
  });

  test('lengths: classic, flexible and null', () => {
    expect(written(false, (writer) => writer.string('aé'))).toBe('000361c3a9');
    expect(written(true, (writer) => writer.string('aé'))).toBe('0461c3a9');
    expect(written(false, (writer) => writer.string(null))).toBe('ffff');
    expect(written(true, (writer) => writer.string(null))).toBe('00');
    expect(written(false, (writer) => writer.byteString([Buffer.from([1]), Buffer.from([2, 3])]))).toBe(
      '00000003010203',
    );
    expect(written(true, (writer) => writer.byteString([]))).toBe('01');
    expect(written(false, (writer) => writer.byteString(null))).toBe('ffffffff');
    expect(written(false, (writer) => writer.arrayLength(-1))).toBe('ffffffff');
    expect(written(true, (writer) => writer.arrayLength(2))).toBe('03');
    expect(reader(false, '000361c3a9').string()).toBe('aé');
    expect(reader(true, '0461c3a9').string()).toBe('aé');
    expect(reader(false, 'ffff').string()).toBeNull();
    expect(reader(true, '00').byteView()).toBeNull();
  });

  test('large byte strings go out without a copy', () => {
    const large = Buffer.alloc(100_000, 7);
    const writer = new ProtocolWriter();
    writer.int32(1);
    writer.byteString([large]);
    writer.int32(2);
    expect(writer.finish()[1]).toBe(large);
  });

  test.each([
    ['string', false, '0005616263'],
    ['string', false, '8000'],
    ['string', true, '0a6162'],
    ['byteView', false, '7fffffff'],
    ['byteView', false, '80000000'],
    ['byteView', true, 'ffffffff0f'],
    ['uuid', true, '0011'],
    ['int64', true, '00'],
  ] as const)('%s of a message that ends too soon or lies (flexible: %s, %s)', (method, flexible, hex) => {
    expect(() => reader(flexible, hex)[method]()).toThrow(malformed);
  });

  test('an array may not declare more than the bytes can hold', () => {
    expect(reader(false, '000000020000').arrayLength(1)).toBe(2);
    expect(() => reader(false, '000000030000').arrayLength(1)).toThrow(malformed);
    expect(() => reader(false, '000000020000').arrayLength(2)).toThrow(malformed);
    expect(() => reader(false, 'fffffffe0000').arrayLength(1)).toThrow(malformed);
    expect(() => reader(true, 'ffffffff0f').arrayLength(1)).toThrow(malformed);
  });

  test('one message has a bounded number of elements, however large it is', () => {
    const many = new ProtocolReader(Buffer.alloc(1_000_000));
    many.bytes.writeInt32BE(150_000, 0);
    many.bytes.writeInt32BE(150_000, 4);
    expect(many.arrayLength(1)).toBe(150_000);
    expect(() => many.arrayLength(1)).toThrow(malformed);
  });

  test('a string too long for a classic length is a bug, not a broken message', () => {
    const long = 'x'.repeat(40_000);
    expect(() => written(false, (writer) => writer.string(long))).toThrow(
      expect.objectContaining({ code: 'internal.bug' }),
    );
    expect(written(true, (writer) => writer.string(long))).toHaveLength(2 * (long.length + 3));
  });
});
