/** A process that writes to a log, killed with SIGKILL again and again (more often with TAILRACE_FULL; TAILRACE_SEED repeats it). */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { Random } from '../../../demo/shop/random.ts';
import { type EmbeddedLog, openLog } from '../../../src/log/embedded-log.ts';
import { valuesIn } from '../../support/log-batches.ts';
import { eagerClock } from '../../support/log-history.ts';
import { testSeed } from '../../support/seed.ts';

const seed = testSeed;
const lives = process.env.TAILRACE_FULL === undefined ? 4 : 150;
console.log(`kills of a process that writes to the log, seed ${seed}`);

const CHILD = fileURLToPath(new URL('./writer-child.ts', import.meta.url));
const directories: string[] = [];
afterAll(() => {
  for (const dir of directories) rmSync(dir, { recursive: true, force: true });
});

function directory(): string {
  directories.push(mkdtempSync(join(tmpdir(), 'tailrace-kill-')));
  return directories.at(-1)!;
}

const open = (dir: string): Promise<EmbeddedLog> =>
  openLog({ dir, clock: eagerClock, random: Math.random, log: () => {}, cleanEveryMs: null });

interface Life {
  readonly child: ChildProcess;
  /** Acknowledged commits, and the end of `a` after each. */
  readonly acknowledged: Map<number, bigint>;
  /** Resolves when so many were. */
  until(count: number): Promise<void>;
  kill(): Promise<void>;
}

function start(dir: string, first: number): Life {
  const child = spawn(process.execPath, [CHILD, dir, String(first)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged = new Map<number, bigint>();
  const waiting: { count: number; resolve: () => void }[] = [];
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout! });
  const read = once(lines, 'close');
  lines.on('line', (line) => {
    const [n = '', end = ''] = line.split(' ');
    acknowledged.set(Number(n), BigInt(end));
    for (const { count, resolve } of waiting) if (acknowledged.size >= count) resolve();
  });
  return {
    child,
    acknowledged,
    until: (count) => new Promise((resolve) => waiting.push({ count, resolve })),
    kill: async () => {
      child.kill('SIGKILL');
      // What it had printed before counts too.
      await Promise.all([exited, read]);
    },
  };
}

/** All commits up to some number are there, whole; returns it. */
async function commitsIn(log: EmbeddedLog): Promise<number> {
  const count = Number(log.checkpoints.get('n') ?? '0');
  const numbers = Array.from({ length: count }, (_, i) => i + 1);
  const name = (value: string) => value.split(' ')[0];
  expect((await valuesIn(log, { topic: 'a', partition: 0 })).map(name)).toEqual(numbers.map((n) => `a${n}`));
  expect(await valuesIn(log, { topic: 'b', partition: 0 })).toEqual(numbers.flatMap((n) => [`b${n}`, `b${n}`]));
  return count;
}

test('invariant 3: SIGKILL at any moment loses nothing that was acknowledged, and leaves no part of a commit', async () => {
  const random = new Random(seed);
  const dir = directory();
  let kept = 0;
  let acknowledged = 0;
  for (let i = 0; i < lives; i++) {
    const life = start(dir, kept + 1);
    await life.until(random.between(1, 120));
    await life.kill();
    const log = await open(dir);
    kept = await commitsIn(log);
    for (const [n, end] of life.acknowledged) {
      expect(n, `seed ${seed}, life ${i}: an acknowledged commit is lost`).toBeLessThanOrEqual(kept);
      expect(end, 'the offset that was acknowledged').toBe(BigInt(n));
    }
    acknowledged += life.acknowledged.size;
    await log.close();
  }
  console.log(`${lives} times SIGKILL, ${acknowledged} commits acknowledged, ${kept} kept`);
  expect(kept).toBeGreaterThanOrEqual(acknowledged);
});

/**
 * Copies what is there, as a backup tool does: files that go meanwhile are no error. Returns how many it has copied. The lock is
 * left out: a copy of it would drop the lock of whoever makes the copy in its own process.
 */
function copyUnderWrites(from: string, to: string): number {
  let copied = 0;
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.name === 'lock') continue;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    try {
      if (entry.isDirectory()) {
        mkdirSync(target);
        copied += copyUnderWrites(source, target);
      } else {
        copyFileSync(source, target);
        copied++;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return copied;
}

test('a second process is refused, also while the directory is copied, and takes nothing from the first', async () => {
  const dir = directory();
  const life = start(dir, 1);
  await life.until(20);
  await expect(open(dir)).rejects.toMatchObject({
    code: 'log.locked',
    message: expect.stringContaining(String(life.child.pid)),
    remedy: expect.stringContaining('stop it'),
  });
  const copy = directory();
  expect(copyUnderWrites(dir, copy)).toBeGreaterThan(5);
  await life.until(life.acknowledged.size + 20);
  await expect(open(dir)).rejects.toMatchObject({ code: 'log.locked' });
  await life.kill();
  const log = await open(dir);
  expect(await commitsIn(log)).toBeGreaterThanOrEqual(life.acknowledged.size);
  await log.close();
});
