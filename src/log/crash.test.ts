/**
 * Crashes at every change of a simulated disk, by kill and by power loss. `TAILRACE_FULL` walks many more; `TAILRACE_SEED`
 * repeats a run.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { eagerClock, LogHistory } from '../../test/support/log-history.ts';
import { testSeed } from '../../test/support/seed.ts';
import { SimulatedDisk } from '../../test/support/simulated-disk.ts';
import { type EmbeddedLog, openLog } from './embedded-log.ts';

const seed = testSeed;
const full = process.env.TAILRACE_FULL !== undefined;
console.log(`crashes of the log, seed ${seed}`);

/** Holds only the lock: the files are in memory. */
const dir = mkdtempSync(join(tmpdir(), 'tailrace-crash-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** So small that a few commits cross every border. */
const limits = {
  flushBytes: 16 << 10,
  segmentBytes: 6 << 10,
  walFileBytes: 16 << 10,
  stageBytes: 4 << 10,
  directBytes: 1 << 10,
};

function open(disk: SimulatedDisk, random: Random): Promise<EmbeddedLog> {
  return openLog({
    dir,
    clock: eagerClock,
    random: () => random.unit(),
    log: () => {},
    files: disk,
    ...limits,
    cleanEveryMs: null,
  });
}

interface Image {
  readonly disk: SimulatedDisk;
  readonly acknowledged: number;
  readonly after: string;
}

/** Runs commits over two openings and takes the disk as a crash would leave it, after changes of it chosen at random. */
async function imagesOf(random: Random, commits: number): Promise<{ history: LogHistory; images: Image[] }> {
  const disk = new SimulatedDisk();
  const history = new LogHistory(random);
  const images: Image[] = [];
  let changes = 0;
  disk.onChange = ({ call, path }) => {
    changes++;
    if (random.unit() >= (full ? 0.5 : 0.15)) return;
    const kill = random.unit() < 0.2;
    images.push({
      disk: kill ? disk.copy() : disk.afterPowerLoss(() => random.unit()),
      acknowledged: history.acknowledged,
      after: `${kill ? 'kill' : 'power loss'} after change ${changes}, ${call} ${path.slice(dir.length)}`,
    });
  };
  for (let opening = 0; opening < 2; opening++) {
    const log = await open(disk, random);
    if (opening === 0) await history.createTopics(log);
    await history.run(log, commits);
    await log.close();
  }
  return { history, images };
}

describe('a crash at any moment', () => {
  const rounds = Array.from({ length: full ? 40 : 4 }, (_, i) => i);
  test.each(rounds)(
    'invariant 3: leaves every acknowledged commit whole and no part of another, round %i',
    async (round) => {
      const random = new Random(seed, round);
      const { history, images } = await imagesOf(random, 40);
      console.log(`round ${round}: ${images.length} crashes`);
      expect(images.length).toBeGreaterThan(20);
      for (const { disk, acknowledged, after } of images) {
        const log = await open(disk, random);
        try {
          await history.check(log, acknowledged);
        } catch (cause) {
          throw new Error(`seed ${seed}, round ${round}: ${after}`, { cause });
        } finally {
          await log.close();
        }
      }
    },
  );

  test('leaves a log that takes commits again, crash after crash', async () => {
    const random = new Random(seed, 1_000);
    let disk = new SimulatedDisk();
    const history = new LogHistory(random);
    for (let life = 0; life < (full ? 100 : 10); life++) {
      const log = await open(disk, random);
      history.cutTo(await history.check(log, history.acknowledged));
      await history.createTopics(log);
      await history.run(log, random.between(1, 25));
      const left = random.unit() < 0.3 ? disk.copy() : disk.afterPowerLoss(() => random.unit());
      await log.close();
      disk = left;
    }
  });
});
