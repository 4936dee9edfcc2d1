import { describe, expect, test } from 'vitest';
import { Random } from '../../test/support/random-message.ts';
import { FrameReader } from './frame-reader.ts';

function framed(...bodies: Buffer[]): Buffer {
  return Buffer.concat(
    bodies.flatMap((body) => {
      const size = Buffer.alloc(4);
      size.writeInt32BE(body.length);
      return [size, body];
    }),
  );
}

describe('frames', () => {
  test('however the bytes are cut, the same frames come out', () => {
    const random = new Random(5);
    const bodies = Array.from({ length: 40 }, (_, i) => Buffer.alloc(i % 7 === 0 ? 0 : random.below(300), i));
    const stream = framed(...bodies);
    for (let round = 0; round < 50; round++) {
      const reader = new FrameReader(1_000);
      const frames: Buffer[] = [];
      for (let at = 0; at < stream.length; ) {
        const end = at + 1 + random.below(round < 5 ? 1 : 400);
        reader.push(stream.subarray(at, end));
        for (let frame = reader.next(); frame !== null; frame = reader.next()) frames.push(frame);
        at = end;
      }
      expect(frames).toEqual(bodies);
      expect(reader.incomplete).toBe(false);
    }
  });

  test('what has begun to arrive', () => {
    const reader = new FrameReader(1_000);
    expect([reader.incomplete, reader.arrivingBytes]).toEqual([false, 0]);
    reader.push(Buffer.from([0, 0]));
    expect([reader.next(), reader.incomplete, reader.arrivingBytes]).toEqual([null, true, 0]);
    reader.push(Buffer.from([0, 5, 1]));
    expect([reader.next(), reader.incomplete, reader.arrivingBytes]).toEqual([null, true, 5]);
    reader.push(Buffer.from([2, 3, 4, 5]));
    expect([reader.next(), reader.incomplete, reader.arrivingBytes]).toEqual([Buffer.from([1, 2, 3, 4, 5]), false, 0]);
  });

  test('sizes that are not allowed', () => {
    for (const size of [-1, 1_001, 2 ** 31 - 1, -(2 ** 31)]) {
      const reader = new FrameReader(1_000);
      const bytes = Buffer.alloc(4);
      bytes.writeInt32BE(size);
      reader.push(bytes);
      expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'kafka.malformed' }));
    }
  });
});
