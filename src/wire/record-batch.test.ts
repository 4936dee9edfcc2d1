import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import { naiveBatch } from '../../test/support/naive-batch.ts';
import { TailraceError } from '../contracts/errors.ts';
import { tableCrc32c } from '../lib/crc32c-table.ts';
import { MAX_DECOMPRESSED_BYTES } from './compression/decompress.ts';
import {
  checkBatch,
  HEADER_BYTES,
  placeBatch,
  RecordBatchBuilder,
  type RecordHeader,
  readBatchHeader,
  readRecords,
} from './record-batch.ts';

interface Parts {
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

const bytes = (maxLength: number) => fc.option(fc.uint8Array({ maxLength }));
const record: fc.Arbitrary<Parts> = fc.record({
  timestamp: fc.integer({ min: 0, max: 2 ** 42 }),
  key: bytes(80),
  value: bytes(200),
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 9 }), value: bytes(9) }), {
    maxLength: 3,
  }),
});
const records = fc.array(record, { minLength: 1, maxLength: 12 });

function build(parts: readonly Parts[], builder = new RecordBatchBuilder()): Buffer {
  builder.begin(parts[0]!.timestamp);
  for (const { timestamp, key, value, headers } of parts) builder.append(timestamp, key, value, headers);
  return Buffer.from(builder.finish());
}

/** Comparable whatever kind of array the bytes are in. */
function plain({ timestamp, key, value, headers }: Omit<Parts, 'timestamp'> & { timestamp: number | bigint }) {
  const hex = (part: Uint8Array | null) => (part === null ? null : Buffer.from(part).toString('hex'));
  return {
    timestamp: Number(timestamp),
    key: hex(key),
    value: hex(value),
    headers: headers.map((header) => [header.key, hex(header.value)]),
  };
}

function sample(): Buffer {
  return build([
    { timestamp: 1_700_000_000_000, key: Buffer.from('a'), value: Buffer.from('one'), headers: [] },
    {
      timestamp: 1_700_000_000_007,
      key: Buffer.from('b'),
      value: null,
      headers: [{ key: 'h', value: Buffer.from('x') }],
    },
  ]);
}

function withCrc(batch: Buffer): Buffer {
  batch.writeUInt32BE(tableCrc32c(batch.subarray(21)), 17);
  return batch;
}

test('the bytes of a batch', () => {
  expect(sample().toString('hex').match(/../g)!.join(' ')).toBe(
    [
      '00 00 00 00 00 00 00 00', // base offset
      '00 00 00 48', // length
      'ff ff ff ff', // leader epoch
      '02', // magic
      sample().subarray(17, 21).toString('hex').match(/../g)!.join(' '),
      '00 00', // attributes
      '00 00 00 01', // last offset delta
      '00 00 01 8b cf e5 68 00', // base timestamp
      '00 00 01 8b cf e5 68 07', // max timestamp
      'ff ff ff ff ff ff ff ff ff ff ff ff ff ff', // no producer
      '00 00 00 02', // count
      '14 00 00 00 02 61 06 6f 6e 65 00',
      '16 00 0e 02 02 62 01 02 02 68 02 78',
    ].join(' '),
  );
  expect(sample().readUInt32BE(17)).toBe(tableCrc32c(sample().subarray(21)));
});

test('what was appended is read back, by us and by an independent decoder', () => {
  const builder = new RecordBatchBuilder();
  fc.assert(
    fc.property(records, fc.bigInt({ min: 0n, max: 2n ** 62n }), fc.nat(), (parts, baseOffset, epoch) => {
      const batch = build(parts, builder);
      placeBatch(batch, 0, baseOffset, epoch);
      expect(checkBatch(batch, 0, batch.length)).toBe(batch.length);
      const naive = naiveBatch(batch);
      expect(naive.records.map(plain)).toEqual(parts.map(plain));
      expect([...readRecords(batch)].map(plain)).toEqual(parts.map(plain));
      const offsets = parts.map((_, i) => baseOffset + BigInt(i));
      expect(naive.records.map(({ offset }) => offset)).toEqual(offsets);
      expect([...readRecords(batch)].map(({ offset }) => offset)).toEqual(offsets);
      expect(naive.maxTimestamp).toBe(BigInt(Math.max(...parts.map(({ timestamp }) => timestamp))));
      const header = readBatchHeader(batch, 0);
      expect(header).toMatchObject({
        baseOffset,
        leaderEpoch: epoch,
        size: batch.length,
        magic: 2,
        count: parts.length,
      });
      expect([header.crc, header.lastOffsetDelta]).toEqual([naive.crc, naive.lastOffsetDelta]);
      expect([header.producerId, header.producerEpoch, header.baseSequence]).toEqual(naive.producer);
    }),
  );
});

test('a record written in place, whatever gap was guessed for its head', () => {
  fc.assert(
    fc.property(records, fc.array(fc.nat(200), { minLength: 1 }), (parts, gaps) => {
      const builder = new RecordBatchBuilder();
      builder.begin(parts[0]!.timestamp);
      parts.forEach(({ timestamp, key, value, headers }, i) => {
        builder.openRecord(gaps[i % gaps.length]!);
        if (value !== null) builder.write(value);
        builder.writeHeaders(headers);
        const keyAt = builder.closeRecord(timestamp, key?.length ?? -1, value?.length ?? -1);
        if (key !== null) builder.bytes.set(key, keyAt);
        if (value !== null) {
          const inPlace = builder.bytes.subarray(builder.valueAt, builder.valueAt + value.length);
          expect(Buffer.compare(inPlace, value)).toBe(0);
        }
      });
      expect(Buffer.compare(builder.finish(), build(parts))).toBe(0);
    }),
  );
});

test('a batch ended before its last record, and the next one with it', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 2, maxLength: 5 }), (parts) => {
      const builder = new RecordBatchBuilder();
      builder.begin(parts[0]!.timestamp);
      for (const { timestamp, key, value, headers } of parts) builder.append(timestamp, key, value, headers);
      const batches = [builder.finishBeforeLast(), builder.finish()];
      expect(Buffer.compare(batches[0]!, build(parts.slice(0, -1)))).toBe(0);
      expect(Buffer.compare(batches[1]!, build(parts.slice(-1)))).toBe(0);
    }),
  );
});

test('finished batches stay as they are while the builder goes on', () => {
  const builder = new RecordBatchBuilder();
  const big = Buffer.alloc(100_000, 1);
  const batches = [big, Buffer.from('small'), big, big].map((value, i) => {
    builder.begin(i);
    builder.append(i, null, value);
    return builder.finish();
  });
  batches.forEach((batch, i) => {
    expect(checkBatch(batch, 0, batch.length)).toBe(batch.length);
    expect([...readRecords(batch)][0]!.timestamp).toBe(i);
  });
});

test('an unfinished record or an empty batch is not handed out', () => {
  const builder = new RecordBatchBuilder();
  builder.begin(0);
  expect(() => builder.finish()).toThrow(TailraceError);
  builder.openRecord(8);
  expect(() => builder.finish()).toThrow(TailraceError);
});

describe('malformed batches', () => {
  test('one flipped bit in what the CRC covers, or in length and magic, is refused', () => {
    const good = sample();
    for (let bit = 8 * 8; bit < good.length * 8; bit++) {
      const at = bit >> 3;
      if (at >= 12 && at < 16) continue; // the leader epoch is the log's to set
      const bad = Buffer.from(good);
      bad[at]! ^= 1 << (bit & 7);
      expect(() => checkBatch(bad, 0, bad.length), `bit ${bit}`).toThrow(invalid());
    }
  });

  test('cut off at every byte', () => {
    const good = sample();
    for (let size = 0; size < good.length; size++) {
      expect(() => checkBatch(good.subarray(0, size), 0, good.length)).toThrow(invalid());
      expect(() => checkBatch(good, 0, size)).toThrow(invalid());
      expect(() => [...readRecords(good.subarray(0, size))]).toThrow(invalid());
    }
  });

  test('headers that lie, with a good checksum', () => {
    const cases: Record<string, (batch: Buffer) => void> = {
      'negative base offset': (batch) => batch.writeInt32BE(-1, 0),
      'unknown codec': (batch) => batch.writeInt16BE(5, 21),
      'negative last offset': (batch) => batch.writeInt32BE(-1, 23),
      'negative count': (batch) => batch.writeInt32BE(-1, 57),
      'more records than offsets': (batch) => batch.writeInt32BE(3, 57),
      'more records than bytes': (batch) => {
        batch.writeInt32BE(0x7ffffffe, 23);
        batch.writeInt32BE(0x7fffffff, 57);
      },
    };
    for (const [name, damage] of Object.entries(cases)) {
      const batch = sample();
      damage(batch);
      expect(() => checkBatch(withCrc(batch), 0, batch.length), name).toThrow(invalid());
    }
  });

  test('holes that compaction left are no error', () => {
    const batch = sample();
    batch.writeInt32BE(41, 23);
    expect(checkBatch(withCrc(batch), 0, batch.length)).toBe(batch.length);
  });

  test('records of random bytes: typed errors only, nothing but views', () => {
    fc.assert(
      fc.property(
        records,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (parts, edits) => {
          const batch = build(parts);
          for (const [place, byte] of edits) batch[HEADER_BYTES + (place % (batch.length - HEADER_BYTES))] = byte;
          let size = 0;
          try {
            for (const { key, value, headers } of readRecords(batch)) {
              size += (key?.length ?? 0) + (value?.length ?? 0) + headers.length;
            }
          } catch (error) {
            expect(error).toSatisfy((thrown) => thrown instanceof TailraceError && thrown.code === 'log.invalid_batch');
          }
          expect(size).toBeLessThanOrEqual(batch.length);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('records of compressed batches, of every codec, are those of the plain one', () => {
    const plain = sample();
    const records = plain.subarray(HEADER_BYTES);
    const seen = (batch: Buffer) =>
      [...readRecords(batch)].map(({ offset, timestamp, key, value, headers }) => ({
        offset,
        timestamp,
        key: key && Buffer.from(key),
        value: value && Buffer.from(value),
        headers: headers.map((header) => [header.key, header.value && Buffer.from(header.value)]),
      }));
    const blocks = [gzipSync(records), snappyLiteral(records), lz4Stored(records), zstdCompressSync(records)];
    for (const [index, block] of blocks.entries()) {
      expect(seen(compressedAs(plain, index + 1, block))).toEqual(seen(plain));
    }
    // Broken blocks, an unknown codec, and records that end before the block does.
    for (let codec = 1; codec <= 5; codec++) {
      expect(() => [...readRecords(compressedAs(plain, codec, Buffer.from('no such data')))]).toThrow(invalid());
    }
    const longer = gzipSync(Buffer.concat([records, Buffer.from([0])]));
    expect(() => [...readRecords(compressedAs(plain, 1, longer))]).toThrow(invalid());
  });

  test('invariant 10: a batch that decompresses to more than the limit is an error, and memory is not taken for it', () => {
    const bomb = compressedAs(sample(), 4, zstdCompressSync(Buffer.alloc(MAX_DECOMPRESSED_BYTES + 1)));
    expect(bomb.length).toBeLessThan(16 << 10);
    const before = process.memoryUsage().arrayBuffers;
    expect(() => [...readRecords(bomb)]).toThrow(/decompresses to more than/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * MAX_DECOMPRESSED_BYTES);
  });

  test('a control batch has no records', () => {
    const control = sample();
    control.writeInt16BE(0x20, 21);
    expect([...readRecords(control)]).toEqual([]);
  });

  test('log append time replaces the records’ own', () => {
    const batch = sample();
    batch.writeInt16BE(0x08, 21);
    expect([...readRecords(batch)].map(({ timestamp }) => timestamp)).toEqual([1_700_000_000_007, 1_700_000_000_007]);
  });
});

/** The batch with `block` in place of its records. */
function compressedAs(batch: Buffer, codec: number, block: Buffer): Buffer {
  const compressed = Buffer.concat([batch.subarray(0, HEADER_BYTES), block]);
  compressed.writeInt32BE(compressed.length - 12, 8);
  compressed.writeInt16BE(codec, 21);
  return compressed;
}

/** Snappy: the length (two bytes of a varint), then one literal. */
function snappyLiteral(bytes: Buffer): Buffer {
  const length = bytes.length;
  const literal = [0xf4, (length - 1) & 0xff, (length - 1) >> 8];
  return Buffer.concat([Buffer.from([(length & 0x7f) | 0x80, length >> 7, ...literal]), bytes]);
}

/** An LZ4 frame of one block that is stored as it is. */
function lz4Stored(bytes: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(0x80000000 + bytes.length);
  return Buffer.concat([Buffer.from('04224d18604082', 'hex'), size, bytes, Buffer.alloc(4)]);
}

function invalid() {
  return expect.objectContaining({ code: 'log.invalid_batch' }) as unknown as Error;
}
