import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { batchOf } from '../../test/support/log-batches.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { partitionFolder } from '../../test/support/partition-folder.ts';
import type { Clock, Logger } from '../contracts/plugin.ts';
import { type EmbeddedLog, type OpenLogOptions, openLog } from './embedded-log.ts';

interface Opened {
  readonly dir: string;
  readonly clock: ManualClock;
  readonly errors: string[];
  readonly log: EmbeddedLog;
}

async function opened(options: Partial<OpenLogOptions> = {}): Promise<Opened> {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-scrub-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const clock = new ManualClock();
  const errors: string[] = [];
  const log = await openLog({
    dir,
    clock,
    random: Math.random,
    log: (level, message, fields) => level === 'error' && errors.push(`${message} ${JSON.stringify(fields)}`),
    cleanEveryMs: null,
    segmentBytes: 20_000,
    topicConfig: () => ({ 'retention.ms': '-1' }),
    ...options,
  });
  onTestFinished(() => log.close());
  await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  for (let i = 0; i < 100; i++) {
    const transaction = log.begin('w', 0);
    await transaction.append('t', 0, batchOf([`${i}:${'x'.repeat(900)}`]));
    await transaction.commit();
  }
  await log.clean();
  return { dir, clock, errors, log };
}

/** Flips a bit in the middle of a segment's file; returns its name. */
function harm({ dir }: Opened, segment: number): string {
  const folder = partitionFolder(dir, 't', 0);
  const name = readdirSync(folder).filter((file) => file.endsWith('.log'))[segment]!;
  const bytes = readFileSync(join(folder, name));
  bytes[bytes.length >> 1]! ^= 0x10;
  writeFileSync(join(folder, name), bytes);
  return name;
}

test('what is intact is found intact, and damage with its file and offsets, once', async () => {
  const one = await opened();
  expect(await one.log.scrub()).toEqual([]);
  const name = harm(one, 1);
  const [damage, ...more] = await one.log.scrub();
  expect(more).toEqual([]);
  expect(damage).toMatchObject({ topic: 't', partition: 0, file: join(partitionFolder(one.dir, 't', 0), name) });
  const base = BigInt(name.slice(0, 20));
  expect(damage!.from).toBeGreaterThan(base);
  expect(damage!.to).toBe(damage!.from + 1n);
  await expect(one.log.read('t', 0, damage!.from, 1)).rejects.toMatchObject({ code: 'log.damaged' });
  expect((await one.log.read('t', 0, damage!.to, 1))[0]!.baseOffset).toBe(damage!.to);
  expect((await one.log.scrub()).length).toBe(1);
  expect(one.errors).toEqual([
    `stored records are damaged {"file":"${name}","topic":"t","partition":0,"from":"${damage!.from}","to":"${damage!.from}"}`,
  ]);
});

test('in the background, at the given rate, and a close ends it at once', async () => {
  const clock = new ManualClock();
  let sleptMs = 0;
  const start = Promise.withResolvers<void>();
  const quick: Clock = {
    now: () => clock.now(),
    monotonic: () => sleptMs,
    sleep: async (ms, signal) => {
      await start.promise;
      await new Promise(setImmediate);
      signal?.throwIfAborted();
      sleptMs += ms;
    },
  };
  const found = Promise.withResolvers<number>();
  const log: Logger = (level) => level === 'error' && found.resolve(sleptMs);
  const one = await opened({ clock: quick, log, scrubEveryMs: 1_000, scrubBytesPerSecond: 10_000 });
  harm(one, 4);
  start.resolve();
  // The interval, and the time of the four segments before, of nearly 20 kB each.
  const foundMs = await found.promise;
  expect(foundMs).toBeGreaterThan(1_000 + 4 * 1_800);
  expect(foundMs).toBeLessThan(1_000 + 5 * 2_000);
  await one.log.close();
});
