/**
 * A full or broken disk at every write, sync, making and removing of a file (a sample unless TAILRACE_FULL is set;
 * TAILRACE_SEED repeats it).
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Random } from '../../../demo/shop/random.ts';
import { type EmbeddedLog, openLog } from '../../../src/log/embedded-log.ts';
import { TIGHT } from '../../acceptance/log/embedded-stores.ts';
import { eagerClock, LogHistory } from '../../support/log-history.ts';
import { testSeed } from '../../support/seed.ts';
import { type Fault, SimulatedDisk, systemError } from '../../support/simulated-disk.ts';

const seed = testSeed;
const full = process.env.TAILRACE_FULL !== undefined;
const SAMPLE = 12;
const COMMITS = 25;
console.log(`disk errors of the log, seed ${seed}`);

const dir = mkdtempSync(join(tmpdir(), 'tailrace-disk-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const open = (disk: SimulatedDisk): Promise<EmbeddedLog> =>
  openLog({ dir, clock: eagerClock, random: Math.random, log: () => {}, files: disk, ...TIGHT });

const isChange = ({ call }: Fault) => call !== 'read' && call !== 'open';

/** The same run for every fault: a random one, whose seed is the fault's number. */
async function run(disk: SimulatedDisk, history: LogHistory): Promise<EmbeddedLog> {
  const log = await open(disk);
  await history.createTopics(log);
  await history.run(log, COMMITS);
  return log;
}

/** Runs into a broken disk; resolves to what a power loss then leaves. What was acknowledged is still served. */
async function leftBy(disk: SimulatedDisk, history: LogHistory): Promise<SimulatedDisk> {
  const expected = { code: expect.stringMatching(/^log\.(failed|closed|unwritable)$/) };
  let log: EmbeddedLog;
  try {
    log = await open(disk);
  } catch (error) {
    expect(error).toMatchObject(expected);
    return disk.afterPowerLoss(Math.random);
  }
  try {
    await history.createTopics(log);
    await history.run(log, COMMITS);
  } catch (error) {
    expect(error).toMatchObject(expected);
  }
  // In call order: nothing is acknowledged behind the one that failed.
  await history.check(log, history.acknowledged);
  const left = disk.afterPowerLoss(Math.random);
  await log.close();
  return left;
}

/** Changes of the disk in a run without faults. */
async function changesOf(stream: number): Promise<number> {
  const disk = new SimulatedDisk();
  let changes = 0;
  disk.fault = (what) => {
    if (isChange(what)) changes++;
    return undefined;
  };
  const log = await run(disk, new LogHistory(new Random(seed, stream)));
  await log.close();
  return changes;
}

async function places(): Promise<number[]> {
  const count = await changesOf(0);
  const random = new Random(seed, 1);
  return full
    ? Array.from({ length: count }, (_, i) => i)
    : Array.from({ length: SAMPLE }, () => random.between(0, count));
}

test('a disk that is full for a while: appends wait and go on by themselves, reads go on, nothing is lost', async () => {
  let fired = 0;
  let opens = 0;
  for (const at of await places()) {
    const disk = new SimulatedDisk();
    const history = new LogHistory(new Random(seed, 0));
    let changes = 0;
    let fullFor = 5;
    disk.fault = (what) => {
      const takesRoom = what.call === 'write' || what.call === 'create';
      if (!isChange(what) || changes++ < at || !takesRoom || fullFor-- <= 0) return undefined;
      fired++;
      if (what.call === 'write' && what.bytes > 1 && fullFor === 2) return what.bytes >> 1;
      throw systemError('ENOSPC', what.path);
    };
    let log: EmbeddedLog;
    try {
      log = await run(disk, history);
    } catch (error) {
      // Before it is open, it cannot wait: the start says what is wrong.
      expect(error, `seed ${seed}, change ${at}`).toMatchObject({ code: 'log.unwritable' });
      opens++;
      continue;
    }
    await history.check(log, history.acknowledged);
    await log.close();
    const again = await open(disk.afterPowerLoss(Math.random));
    expect(await history.check(again, history.acknowledged)).toBe(history.commits.length);
    await again.close();
  }
  console.log(`${fired} times a full disk, ${opens} of them at a start`);
  expect(fired).toBeGreaterThan(0);
});

test('a disk that stays full does not hold a close up, and loses nothing', async () => {
  const disk = new SimulatedDisk();
  const history = new LogHistory(new Random(seed, 2));
  const log = await run(disk, history);
  let fired = 0;
  disk.fault = ({ call, path }) => {
    if (call !== 'write' && call !== 'create') return undefined;
    fired++;
    throw systemError('ENOSPC', path);
  };
  const waiting = log.begin('late', 0);
  waiting.checkpoint('late', '1');
  const refused = expect(waiting.commit()).rejects.toMatchObject({ code: expect.stringMatching(/^log\./) });
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([log.close(), refused]);
  expect(fired).toBeGreaterThan(0);
  disk.fault = () => undefined;
  const again = await open(disk);
  expect(await history.check(again, history.acknowledged)).toBe(history.commits.length);
  await again.close();
});

test.each(['write', 'sync', 'any'] as const)(
  'EIO at any %s: no later commit is acknowledged, none that was is lost',
  async (kind) => {
    let fired = 0;
    for (const at of await places()) {
      const disk = new SimulatedDisk();
      const history = new LogHistory(new Random(seed, 0));
      let changes = 0;
      let broken = false;
      disk.fault = (what) => {
        if (!isChange(what) || changes++ < at || broken || (kind !== 'any' && what.call !== kind)) return undefined;
        broken = true;
        fired++;
        throw systemError('EIO', what.path);
      };
      const left = await leftBy(disk, history).catch((error: unknown) => {
        throw new Error(`seed ${seed}, change ${at}`, { cause: error });
      });
      const again = await open(left);
      await history.check(again, history.acknowledged);
      await again.close();
    }
    console.log(`${fired} times EIO at a ${kind}`);
    expect(fired).toBeGreaterThan(0);
  },
);
