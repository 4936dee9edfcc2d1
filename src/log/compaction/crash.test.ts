/**
 * Crashes at every change of a simulated disk while a partition is filled, compacted and cut, by kill and by power loss.
 * `TAILRACE_FULL` walks many more; `TAILRACE_SEED` repeats a run.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { Random } from '../../../demo/shop/random.ts';
import {
  batchFrom,
  type ModelRecord,
  type NewRecord,
  randomRecords,
  recordsIn,
  TOPIC,
  view,
} from '../../../test/support/compacted-log.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { testSeed } from '../../../test/support/seed.ts';
import { SimulatedDisk } from '../../../test/support/simulated-disk.ts';
import { type EmbeddedLog, openLog } from '../embedded-log.ts';

const seed = testSeed;
const full = process.env.TAILRACE_FULL !== undefined;
console.log(`crashes in compactions, seed ${seed}`);

/** Holds only the lock: the files are in memory. */
const dir = mkdtempSync(join(tmpdir(), 'tailrace-compaction-crash-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function open(disk: SimulatedDisk, clock: ManualClock): Promise<EmbeddedLog> {
  return openLog({
    dir,
    clock,
    random: Math.random,
    log: () => {},
    files: disk,
    cleanEveryMs: null,
    ballastBytes: 0,
    flushBytes: 8 << 10,
    segmentBytes: 4 << 10,
    directBytes: 2 << 10,
    walFileBytes: 32 << 10,
    keyBytes: 64 * 24,
    topicConfig: () => ({ 'cleanup.policy': 'compact', 'delete.retention.ms': '100' }),
  });
}

interface History {
  /** Also what is on its way. */
  readonly all: ModelRecord[];
  acknowledged: number;
  start: bigint;
  startOnItsWay: bigint;
}

interface Image extends Omit<History, 'all'> {
  readonly disk: SimulatedDisk;
  readonly attempted: number;
  readonly after: string;
}

/** One commit; of many batches it goes straight to the segment. */
async function append(log: EmbeddedLog, history: History, batches: readonly (readonly NewRecord[])[]): Promise<void> {
  const transaction = log.begin('w', 0);
  for (const records of batches) {
    const batchBase = BigInt(history.all.length);
    for (const [i, record] of records.entries()) {
      history.all.push({ ...record, batchBase, offset: batchBase + BigInt(i) });
    }
    await transaction.append(TOPIC, 0, batchFrom(records));
  }
  await transaction.commit();
  history.acknowledged = history.all.length;
}

/** Invariant 7: whatever was cut short, a reader that starts empty ends with the rows that all records together leave. */
async function check(log: EmbeddedLog, { all }: History, image: Image): Promise<void> {
  const { startOffset, endOffset, compactedTo, deletesRemovedTo } = log.topics.get(TOPIC)!.partitions[0]!;
  expect(Number(endOffset)).toBeGreaterThanOrEqual(image.acknowledged);
  expect(Number(endOffset)).toBeLessThanOrEqual(image.attempted);
  expect(startOffset).toBeGreaterThanOrEqual(image.start);
  expect(startOffset).toBeLessThanOrEqual(image.startOnItsWay);
  const written = all.slice(Number(startOffset), Number(endOffset));
  const found = await recordsIn(log, startOffset);
  const offsets = new Set(found.map(({ offset }) => offset));
  for (const { offset, key, value, time } of found) expect({ offset, key, value, time }).toEqual(place(all, offset));
  expect(view(found)).toEqual(view(written));
  const last = new Map(written.map(({ key, offset }) => [key, offset]));
  const lastCompacted = new Map<string | null, bigint>();
  for (const { key, offset } of written) if (offset < compactedTo!) lastCompacted.set(key, offset);
  for (const { key, offset, value } of written) {
    const isThere = offsets.has(offset);
    if (key === null) expect(isThere).toBe(true);
    else if (!isThere && last.get(key) === offset) {
      // Invariant 5: who was below the offset of a removed delete can know.
      expect(value).toBeNull();
      expect(offset).toBeLessThan(deletesRemovedTo!);
    } else if (isThere && offset < compactedTo!) expect(lastCompacted.get(key)).toBe(offset);
  }
}

function place(all: readonly ModelRecord[], at: bigint) {
  const { offset, key, value, time } = all[Number(at)]!;
  return { offset, key, value, time };
}

async function imagesOf(random: Random): Promise<{ history: History; images: Image[]; clock: ManualClock }> {
  const disk = new SimulatedDisk();
  const clock = new ManualClock();
  const history: History = { all: [], acknowledged: 0, start: 0n, startOnItsWay: 0n };
  const images: Image[] = [];
  let changes = 0;
  let cleaning = false;
  const log = await open(disk, clock);
  await log.topics.ensure(TOPIC, { partitions: 1, cleanup: 'compact' });
  disk.onChange = ({ call, path }) => {
    changes++;
    if (random.unit() >= (cleaning ? 0.15 : 0.01) * (full ? 3 : 1)) return;
    const kill = random.unit() < 0.3;
    const { all, ...rest } = history;
    images.push({
      ...rest,
      disk: kill ? disk.copy() : disk.afterPowerLoss(() => random.unit()),
      attempted: all.length,
      after: `${kill ? 'kill' : 'power loss'} after change ${changes}, ${call} ${path.slice(dir.length)}`,
    });
  };
  for (let round = 0; round < 6; round++) {
    for (let i = 0; i < 25; i++) {
      const count = random.unit() < 0.15 ? 8 : 1;
      const batches = Array.from({ length: count }, () => randomRecords(random, clock.now(), 60));
      await append(log, history, batches);
    }
    await clock.advance(80);
    if (round === 3) {
      history.startOnItsWay = BigInt(random.between(1, 200));
      history.start = await log.admin.retention!.deleteBefore(TOPIC, 0, history.startOnItsWay);
    }
    cleaning = true;
    await log.clean({ compact: TOPIC });
    cleaning = false;
  }
  await log.close();
  return { history, images, clock };
}

test.each(Array.from({ length: full ? 10 : 2 }, (_, i) => i))(
  'invariant 7: a crash in a compaction leaves the rows that were there, round %i',
  async (round) => {
    const random = new Random(seed, round);
    const { history, images, clock } = await imagesOf(random);
    expect(images.length).toBeGreaterThan(30);
    for (const image of images) {
      const log = await open(image.disk, clock);
      onTestFinished(() => log.close());
      try {
        await check(log, history, image);
        if (random.unit() < 0.2) {
          await log.clean({ compact: TOPIC });
          await check(log, history, image);
        }
      } catch (cause) {
        throw new Error(`seed ${seed}, round ${round}: ${image.after}`, { cause });
      } finally {
        await log.close();
      }
    }
  },
);
