import { Partitioners } from 'kafkajs';
import { expect, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import { murmur2, partitionOfKey } from './murmur2.ts';

test("the values of Kafka's own test", () => {
  const signed = (text: string) => murmur2(Buffer.from(text)) | 0;
  expect(signed('21')).toBe(-973932308);
  expect(signed('foobar')).toBe(-790332482);
  expect(signed('a-little-bit-long-string')).toBe(-985981536);
  expect(signed('a-little-bit-longer-string')).toBe(-1486304829);
  expect(signed('lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8')).toBe(-58897971);
});

test('every key goes where kafkajs sends it', () => {
  const partitioner = Partitioners.DefaultPartitioner();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 100 }), (bytes, partitions) => {
      const key = Buffer.from(bytes);
      const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
        partitionId,
        leader: 1,
        replicas: [1],
        isr: [1],
        partitionErrorCode: 0,
      }));
      const message = { key, value: null };
      expect(partitionOfKey(key, partitions)).toBe(partitioner({ topic: 't', partitionMetadata, message }));
    }),
  );
});
