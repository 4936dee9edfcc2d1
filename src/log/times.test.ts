/** Time lookup against a scan of everything. `TAILRACE_SEED` repeats a run. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { partitionFolder } from '../../test/support/partition-folder.ts';
import { testSeed } from '../../test/support/seed.ts';
import type { StoredBatch } from '../contracts/log.ts';
import { systemClock } from '../lib/clock.ts';
import { RecordBatchBuilder, readBatchHeader } from '../wire/record-batch.ts';
import { type EmbeddedLog, openLog } from './embedded-log.ts';

const seed = testSeed;
console.log(`time lookup, seed ${seed}`);
const TIME = 1_700_000_000_000;

function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-times-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function open(dir: string): Promise<EmbeddedLog> {
  const sizes = { flushBytes: 256 << 10, segmentBytes: 400 << 10, directBytes: 100 << 10, stageBytes: 300 << 10 };
  return openLog({ dir, clock: systemClock, random: Math.random, log: () => {}, ...sizes });
}

const timeOf = ({ bytes }: StoredBatch) => readBatchHeader(bytes, 0).maxTimestamp;

/** Times go up and down; some repeat. */
async function fill(log: EmbeddedLog, random: Random, commits: number): Promise<void> {
  await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  for (let i = 0; i < commits; i++) {
    const transaction = log.begin('w', 0);
    for (let n = random.unit() < 0.1 ? 40 : random.between(1, 4); n > 0; n--) {
      const builder = new RecordBatchBuilder();
      const time = TIME + i * 100 + random.between(-2_000, 2_000);
      builder.begin(time);
      for (let r = random.between(1, 3); r > 0; r--) {
        builder.append(time + random.between(0, 50), null, Buffer.alloc(random.between(10, 4_000)));
      }
      await transaction.append('t', 0, builder.finish());
    }
    await transaction.commit();
  }
}

async function all(log: EmbeddedLog): Promise<StoredBatch[]> {
  const { startOffset, endOffset } = log.topics.get('t')!.partitions[0]!;
  const found: StoredBatch[] = [];
  for (let at = startOffset; at < endOffset; at = found.at(-1)!.nextOffset) {
    found.push(...(await log.read('t', 0, at, 1 << 20)));
  }
  return found;
}

async function check(log: EmbeddedLog, random: Random): Promise<void> {
  const batches = await all(log);
  const times = log.admin.times!;
  const max = Math.max(...batches.map(timeOf));
  const newest = await times.newest('t', 0);
  expect(newest?.baseOffset).toBe(batches.find((batch) => timeOf(batch) === max)?.baseOffset);
  for (let i = 0; i < 200; i++) {
    const batch = random.pick(batches);
    const from = batch.baseOffset + BigInt(random.between(0, 2));
    const time = timeOf(random.pick(batches)) + random.between(-1, 1);
    const expected = batches.find((one) => one.nextOffset > from && timeOf(one) >= time);
    const found = await times.firstSince('t', 0, from, time);
    expect(found?.baseOffset, `seed ${seed}: from ${from}, since ${time}`).toBe(expected?.baseOffset);
    if (found !== null) expect(Buffer.compare(found.bytes, expected!.bytes)).toBe(0);
  }
}

test('the first batch since a time and the newest are those that a scan finds, before and after a restart', async () => {
  const random = new Random(seed, 1);
  const dir = directory();
  let log = await open(dir);
  await fill(log, random, 300);
  await check(log, random);
  await log.close();
  log = await open(dir);
  await check(log, random);
  await fill(log, random, 100);
  await check(log, random);
  await log.close();
});

test('an index that is gone, cut, of another form or damaged is made again', async () => {
  const random = new Random(seed, 2);
  const dir = directory();
  let log = await open(dir);
  await fill(log, random, 300);
  await log.close();
  const folder = partitionFolder(dir, 't', 0);
  const indexes = readdirSync(folder).filter((name) => name.endsWith('.index'));
  expect(indexes.length).toBeGreaterThan(2);
  for (const harm of [0, 1, 2, 3, 4]) {
    for (const name of indexes) {
      const path = join(folder, name);
      const bytes = readFileSync(path);
      if (harm === 0) rmSync(path);
      else if (harm === 1) writeFileSync(path, bytes.subarray(0, random.between(0, bytes.length)));
      else if (harm === 2) writeFileSync(path, Buffer.alloc(bytes.length));
      else if (harm === 3) bytes[random.between(0, bytes.length - 1)]! ^= 1 << random.between(0, 7);
      else bytes.writeBigUInt64LE(7n, 0);
      if (harm >= 3) writeFileSync(path, bytes);
    }
    log = await open(dir);
    await check(log, random);
    await log.close();
  }
});

test('an empty partition has no times', async () => {
  const log = await open(directory());
  await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  expect(await log.admin.times!.newest('t', 0)).toBeNull();
  expect(await log.admin.times!.firstSince('t', 0, 0n, 0)).toBeNull();
  await log.close();
});
