/** A partition with keys under test: random appends, and a naive model of what compaction must leave of them. */
import { expect } from 'vitest';
import type { Random } from '../../demo/shop/random.ts';
import type { Log } from '../../src/contracts/log.ts';
import { crc32c } from '../../src/lib/crc32c.ts';
import { CODEC_BITS } from '../../src/wire/batch-header.ts';
import { compress } from '../../src/wire/compression/compress.ts';
import { decompress } from '../../src/wire/compression/decompress.ts';
import { HEADER_BYTES, RecordBatchBuilder, readBatchHeader, readRecords } from '../../src/wire/record-batch.ts';

export const TOPIC = 't';

export interface ModelRecord {
  readonly offset: bigint;
  readonly batchBase: bigint;
  readonly key: string | null;
  /** Null: a tombstone. */
  readonly value: string | null;
  readonly time: number;
}

export type NewRecord = Pick<ModelRecord, 'key' | 'value' | 'time'>;

/** @param codec of the attributes; what cannot be compressed here stays as it is */
export function batchFrom(records: readonly NewRecord[], codec = 0): Uint8Array {
  const builder = new RecordBatchBuilder();
  builder.begin(records[0]!.time);
  for (const { key, value, time } of records) {
    const headers = [{ key: 'h', value: Buffer.from(String(time)) }];
    builder.append(time, key === null ? null : Buffer.from(key), value === null ? null : Buffer.from(value), headers);
  }
  return withCodec(builder.finish(), codec, (block) => compress(codec, block)!);
}

export function withCodec(batch: Uint8Array, codec: number, pack: (block: Uint8Array) => Uint8Array): Buffer {
  const packed = Buffer.concat([batch.subarray(0, HEADER_BYTES), pack(batch.subarray(HEADER_BYTES))]);
  packed.writeUInt32BE(packed.length - 12, 8);
  packed.writeUInt16BE(codec, 21);
  packed.writeUInt32BE(crc32c(packed.subarray(21)), 17);
  return packed;
}

/** Everything that a reader gets from `from` on, in pieces. */
export async function recordsIn(log: Log, from: bigint, maxBytes = 2_000): Promise<ModelRecord[]> {
  const end = log.topics.get(TOPIC)!.partitions[0]!.endOffset;
  const found: ModelRecord[] = [];
  for (let at = from; at < end; ) {
    const batches = await log.read(TOPIC, 0, at, maxBytes);
    expect(batches.length, `nothing at ${at}, below the end ${end}`).toBeGreaterThan(0);
    for (const { baseOffset, nextOffset, bytes } of batches) {
      expect(nextOffset).toBeGreaterThan(at);
      for (const { offset, key, value, timestamp, headers } of readRecords(plain(bytes))) {
        if (offset < at) continue;
        expect(Buffer.from(headers[0]!.value!).toString()).toBe(String(timestamp));
        const text = (part: Uint8Array | null) => (part === null ? null : Buffer.from(part).toString());
        found.push({ offset, batchBase: baseOffset, key: text(key), value: text(value), time: timestamp });
      }
      at = nextOffset;
    }
  }
  return found;
}

function plain(bytes: Uint8Array): Uint8Array {
  const codec = readBatchHeader(bytes, 0).attributes & CODEC_BITS;
  return codec === 0 ? bytes : withCodec(bytes, 0, (block) => decompress(codec, block, 1 << 24));
}

export class CompactionModel {
  /** Everything ever appended. */
  readonly all: ModelRecord[] = [];
  /** What must be there. */
  present: ModelRecord[] = [];
  start = 0n;
  compactedTo = 0n;
  deletesRemovedTo = 0n;
  readonly #horizons = new Map<bigint, number>();
  readonly #deleteRetentionMs: number;

  constructor(deleteRetentionMs: number) {
    this.#deleteRetentionMs = deleteRetentionMs;
  }

  get end(): bigint {
    return BigInt(this.all.length);
  }

  appended(records: readonly NewRecord[]): void {
    const batchBase = this.end;
    for (const [i, record] of records.entries()) {
      const placed = { ...record, offset: batchBase + BigInt(i), batchBase };
      this.all.push(placed);
      this.present.push(placed);
    }
  }

  /** A compaction that has reached `to`. */
  compacted(to: bigint, nowMs: number): void {
    if (to <= this.compactedTo || to <= this.start) return;
    this.present = this.visible();
    const mapped = (offset: bigint) => offset >= this.compactedTo && offset >= this.start;
    const last = new Map<string, bigint>();
    for (const { key, offset } of this.all) if (key !== null && offset < to) last.set(key, offset);
    this.present = this.present.filter(({ offset, key, value, batchBase }) => {
      if (offset >= to || key === null) return true;
      if (last.get(key)! > offset) return false;
      if (value !== null) return true;
      const horizon = this.#horizons.get(offset);
      if (horizon !== undefined && horizon <= nowMs && offset + 1n < this.end) {
        if (offset >= this.deletesRemovedTo) this.deletesRemovedTo = offset + 1n;
        return false;
      }
      if (horizon === undefined && mapped(batchBase)) this.#horizons.set(offset, nowMs + this.#deleteRetentionMs);
      return true;
    });
    this.compactedTo = to;
  }

  /** One past the last tombstone that is not there any more, for whatever reason. */
  get tombstonesGoneTo(): bigint {
    const there = new Set(this.present.map(({ offset }) => offset));
    const gone = this.all.findLast(({ offset, value }) => value === null && !there.has(offset));
    return gone === undefined ? 0n : gone.offset + 1n;
  }

  visible(): ModelRecord[] {
    return this.present.filter(({ offset }) => offset >= this.start);
  }
}

/** Value of each key after all records, as a last-value target holds it. */
export function view(records: readonly ModelRecord[]): Map<string, string> {
  const rows = new Map<string, string>();
  for (const { key, value } of records) {
    if (key === null) continue;
    if (value === null) rows.delete(key);
    else rows.set(key, value);
  }
  return rows;
}

export function randomRecords(random: Random, timeMs: number, keys: number): NewRecord[] {
  return Array.from({ length: random.between(1, 6) }, () => ({
    key: random.unit() < 0.03 ? null : `k${random.between(1, keys)}`,
    value: random.unit() < 0.25 ? null : `${random.between(0, 1e9)}`.repeat(random.between(1, 20)),
    time: timeMs - random.between(0, 50),
  }));
}
