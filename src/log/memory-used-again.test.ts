import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { batchOf } from '../../test/support/log-batches.ts';
import type { ReadMemory, StoredBatch } from '../contracts/log.ts';
import { systemClock } from '../lib/clock.ts';
import { isLent, lendFrame, takeFrame } from '../wire/buffer-pool.ts';
import { type EmbeddedLog, openLog } from './embedded-log.ts';

const COMMITS = 120;
const RECORD_BYTES = 90 << 10;
const TIME = 1_700_000_000_000;
const never = new AbortController().signal;

async function opened(): Promise<EmbeddedLog> {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-log-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const options = { cleanEveryMs: null, flushBytes: 256 << 10, segmentBytes: 4 << 20 };
  const log = await openLog({ dir, clock: systemClock, random: Math.random, log: () => {}, ...options });
  onTestFinished(() => log.close());
  await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  return log;
}

const VALUES = Array.from({ length: 26 }, (_, i) => Buffer.alloc(RECORD_BYTES, 97 + i));

/** The record at offset n is made of the n-th letter of the alphabet, in memory that the log gives back. Returns how often it was used again. */
async function write(log: EmbeddedLog): Promise<number> {
  const epoch = await log.fence('writer');
  const seen = new Set<ArrayBufferLike>();
  for (let n = 0; n < COMMITS; n++) {
    const batch = batchOf([VALUES[n % VALUES.length]!.toString()]);
    const frame = takeFrame(batch.length);
    seen.add(frame.buffer);
    frame.set(batch);
    lendFrame(frame);
    expect(isLent(frame)).toBe(true);
    const transaction = log.begin('writer', epoch);
    await transaction.append('t', 0, frame);
    await transaction.commit();
  }
  return COMMITS - seen.size;
}

/** @param batch as it was read: what its bytes say of themselves may be another batch by now */
function check(batch: StoredBatch): void {
  expect([...batch.records()].map(({ offset }) => offset)).toEqual([batch.baseOffset]);
  for (const { value } of batch.records()) {
    expect(VALUES[Number(batch.baseOffset) % VALUES.length]!.equals(value!)).toBe(true);
  }
}

/** Reads all as it comes. */
async function follow(log: EmbeddedLog, memory?: ReadMemory): Promise<StoredBatch[]> {
  const all: StoredBatch[] = [];
  for (let at = 0n; at < COMMITS; ) {
    await log.waitFor([{ topic: 't', partition: 0, offset: at }], never);
    for (const batch of await log.read('t', 0, at, 200 << 10, memory)) {
      all.push(batch);
      at = batch.nextOffset;
    }
  }
  return all;
}

test('memory of what is on disk is used again, and who takes what it reads into its own memory never sees that', async () => {
  const log = await opened();
  const reading = follow(log, { take: (bytes) => Buffer.alloc(bytes) });
  expect(await write(log)).toBeGreaterThan(COMMITS / 2);
  for (const batch of await reading) check(batch);
});

test('batches that are kept stay what they were, those found by time too', async () => {
  const log = await opened();
  const byTime = new Map<bigint, StoredBatch>();
  const reading = follow(log);
  let writing = true;
  const looking = (async () => {
    while (writing) {
      const { endOffset } = log.topics.get('t')!.partitions[0]!;
      const found = await log.admin.times!.firstSince('t', 0, endOffset - 2n, TIME);
      if (found !== null) byTime.set(found.baseOffset, found);
      await new Promise(setImmediate);
    }
  })();
  await write(log);
  writing = false;
  await looking;
  const kept = await reading;
  expect(byTime.size).toBeGreaterThan(0);
  for (const batch of [...kept, ...byTime.values()]) check(batch);
});
