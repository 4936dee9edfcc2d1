import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { compressedBatch, producedBatch, signed } from '../../test/support/produced-batch.ts';
import { Random } from '../../test/support/random-message.ts';
import { GZIP, ZSTD } from '../wire/compression/decompress.ts';
import { KafkaError } from '../wire/messages/error-codes.ts';
import { checkBatch, readBatchHeader } from '../wire/record-batch.ts';
import { isRejected, judgeBatch } from './produced-batch.ts';

const rules = { version: 9, maxBatchBytes: 10_000, keysNeeded: false, transactional: false };
const good = () => producedBatch([{ key: 'k', value: 'v' }, { value: null }, 'x'.repeat(50)]);
const verdict = (batch: Buffer | null, more: Partial<typeof rules> = {}) => {
  const judged = judgeBatch(batch, { ...rules, ...more });
  return isRejected(judged) ? judged.errorCode : KafkaError.NONE;
};
/** A batch with some bytes changed, and a checksum that fits. */
const lying = (change: (batch: Buffer) => void) => {
  const batch = good();
  change(batch);
  return signed(batch);
};

const inTransaction = (batch: Buffer) => {
  batch.writeInt16BE(0x10, 21);
  return signed(batch);
};

describe('a produced batch', () => {
  test('is taken as it is', () => {
    const batch = good();
    const before = Buffer.from(batch);
    expect(judgeBatch(batch, rules)).toMatchObject({ count: 3, producerId: -1n });
    expect(batch).toEqual(before);
    expect(verdict(compressedBatch(good(), GZIP, gzipSync))).toBe(KafkaError.NONE);
    expect(verdict(compressedBatch(good(), ZSTD, zstdCompressSync))).toBe(KafkaError.NONE);
  });

  test.each<[string, Buffer | null, number]>([
    ['nothing', null, KafkaError.INVALID_RECORD],
    ['no bytes', Buffer.alloc(0), KafkaError.INVALID_RECORD],
    ['a few bytes', Buffer.alloc(10), KafkaError.CORRUPT_MESSAGE],
    ['magic 0', lying((batch) => batch.writeInt8(0, 16)), KafkaError.INVALID_RECORD],
    ['magic 1', lying((batch) => batch.writeInt8(1, 16)), KafkaError.INVALID_RECORD],
    ['magic 3', lying((batch) => batch.writeInt8(3, 16)), KafkaError.CORRUPT_MESSAGE],
    ['two batches', Buffer.concat([good(), good()]), KafkaError.INVALID_RECORD],
    ['a cut-off batch', good().subarray(0, 100), KafkaError.CORRUPT_MESSAGE],
    ['a length that is too large', lying((batch) => batch.writeInt32BE(5_000, 8)), KafkaError.CORRUPT_MESSAGE],
    ['a negative length', lying((batch) => batch.writeInt32BE(-5, 8)), KafkaError.CORRUPT_MESSAGE],
    ['a negative offset', lying((batch) => batch.writeBigInt64BE(-1n, 0)), KafkaError.CORRUPT_MESSAGE],
    ['a wrong checksum', Buffer.concat([good().subarray(0, 110), Buffer.from([1])]), KafkaError.CORRUPT_MESSAGE],
    ['a control batch', lying((batch) => batch.writeInt16BE(0x20, 21)), KafkaError.INVALID_RECORD],
    ['a delete horizon', lying((batch) => batch.writeInt16BE(0x40, 21)), KafkaError.INVALID_RECORD],
    ['the time of appending', lying((batch) => batch.writeInt16BE(0x08, 21)), KafkaError.INVALID_TIMESTAMP],
    ['codec 7', lying((batch) => batch.writeInt16BE(0x07, 21)), KafkaError.CORRUPT_MESSAGE],
    ['a codec without compression', lying((batch) => batch.writeInt16BE(0x01, 21)), KafkaError.CORRUPT_MESSAGE],
    ['too many records', lying((batch) => batch.writeInt32BE(4, 57)), KafkaError.CORRUPT_MESSAGE],
    ['too few records', lying((batch) => batch.writeInt32BE(2, 57)), KafkaError.INVALID_RECORD],
    ['no records', lying((batch) => batch.writeInt32BE(0, 57)), KafkaError.INVALID_RECORD],
    ['a last offset beyond the count', lying((batch) => batch.writeInt32BE(9, 23)), KafkaError.INVALID_RECORD],
    [
      'both lying',
      lying((batch) => batch.writeInt32BE(3, 23) && batch.writeInt32BE(4, 57)),
      KafkaError.CORRUPT_MESSAGE,
    ],
    ['a producer without epoch', producedBatch(['v'], { producerId: 1n, sequence: 0 }), KafkaError.INVALID_RECORD],
    ['a producer without sequence', producedBatch(['v'], { producerId: 1n, epoch: 0 }), KafkaError.INVALID_RECORD],
    ['a transaction of nobody', lying((batch) => batch.writeInt16BE(0x10, 21)), KafkaError.INVALID_RECORD],
    [
      'a transaction in a request without one',
      inTransaction(producedBatch(['v'], { producerId: 1n, epoch: 0, sequence: 0 })),
      KafkaError.INVALID_TXN_STATE,
    ],
    ['a record with a wrong offset', lying((batch) => batch.writeInt8(2, 64)), KafkaError.INVALID_RECORD],
    ['a record with a wrong length', lying((batch) => batch.writeInt8(12, 61)), KafkaError.INVALID_RECORD],
    ['a key beyond the batch', lying((batch) => batch.writeInt8(126, 65)), KafkaError.CORRUPT_MESSAGE],
    ['a time beyond time', lying((batch) => batch.writeBigInt64BE(2n ** 61n, 27)), KafkaError.INVALID_TIMESTAMP],
  ])('%s', (_name, batch, errorCode) => {
    expect(verdict(batch)).toBe(errorCode);
  });

  test('lies inside a compressed batch are found too', () => {
    const lie = (change: (records: Buffer) => Buffer) =>
      verdict(compressedBatch(good(), GZIP, (records) => gzipSync(change(Buffer.from(records)))));
    expect(lie((records) => Buffer.concat([records, Buffer.from([0])]))).toBe(KafkaError.INVALID_RECORD);
    expect(lie((records) => records.subarray(0, 20))).toBe(KafkaError.CORRUPT_MESSAGE);
    const bomb = compressedBatch(good(), ZSTD, () => zstdCompressSync(Buffer.alloc(80 << 20)));
    expect(bomb.length).toBeLessThan(10_000);
    expect(verdict(bomb)).toBe(KafkaError.CORRUPT_MESSAGE);
  });

  test('size, compression and keys: as the topic and the version allow', () => {
    expect(verdict(good(), { maxBatchBytes: 100 })).toBe(KafkaError.MESSAGE_TOO_LARGE);
    const zstd = compressedBatch(good(), ZSTD, zstdCompressSync);
    expect(verdict(zstd, { version: 6 })).toBe(KafkaError.UNSUPPORTED_COMPRESSION_TYPE);
    expect(verdict(good(), { keysNeeded: true })).toBe(KafkaError.INVALID_RECORD);
    expect(verdict(producedBatch([{ key: '', value: null }]), { keysNeeded: true })).toBe(KafkaError.NONE);
    const keyless = compressedBatch(good(), GZIP, gzipSync);
    expect(verdict(keyless, { keysNeeded: true })).toBe(KafkaError.INVALID_RECORD);
  });

  test('a wrong time of the newest record is put right', () => {
    const batch = producedBatch([
      { value: 'a', timestamp: 5_000 },
      { value: 'b', timestamp: 9_000 },
      { value: 'c', timestamp: 1_000 },
    ]);
    batch.writeBigInt64BE(77_777n, 35);
    signed(batch);
    expect(isRejected(judgeBatch(batch, rules))).toBe(false);
    expect(readBatchHeader(batch, 0).maxTimestamp).toBe(9_000);
    expect(checkBatch(batch, 0, batch.length)).toBe(batch.length);
  });

  test('random damage under a checksum that fits is taken or refused, and nothing else happens', () => {
    const random = new Random(7);
    for (let round = 0; round < 20_000; round++) {
      const batch = good();
      for (let flips = 1 + random.below(4); flips > 0; flips--) {
        batch[random.below(batch.length)]! ^= 1 << random.below(8);
      }
      judgeBatch(signed(batch), rules);
    }
  });
});
