import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { batchOf, valuesIn } from '../../test/support/log-batches.ts';
import { eagerClock } from '../../test/support/log-history.ts';
import { testSeed } from '../../test/support/seed.ts';
import { type EmbeddedLog, openLog } from './embedded-log.ts';
import { createLogTools } from './tools/index.ts';

const ROUNDS = process.env.TAILRACE_FULL === undefined ? 4 : 200;
const quiet = () => {};
const never = new AbortController().signal;
const tools = createLogTools({ clock: eagerClock, random: Math.random });
console.log(`backups of a log that goes on, seed ${testSeed}`);

function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-backup-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Small enough that checkpoints, segments, staged and direct commits all happen within a few dozen commits. */
const LIMITS = {
  flushBytes: 2_000,
  segmentBytes: 8_000,
  walFileBytes: 6_000,
  stageBytes: 3_000,
  directBytes: 1_500,
  cleanEveryMs: null,
} as const;

const open = (dir: string): Promise<EmbeddedLog> =>
  openLog({ dir, clock: eagerClock, random: Math.random, log: () => {}, ...LIMITS });

/** Large commits beside small ones: the former go into segments while a checkpoint moves the latter. */
const WRITERS = [
  { name: 'small', partitions: [0], sizes: [10, 300] },
  { name: 'large', partitions: [1], sizes: [1_600, 2_500] },
  { name: 'mixed', partitions: [2, 3], sizes: [10, 300, 1_600, 4_000] },
] as const;

/** Commits numbered from 1 on until told to end: each says its number in all its partitions and in its checkpoint. */
class Writer {
  readonly #log: EmbeddedLog;
  readonly #name: string;
  readonly #partitions: readonly number[];
  readonly #sizes: () => number;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  n = 0;

  constructor(log: EmbeddedLog, { name, partitions }: (typeof WRITERS)[number], sizes: () => number) {
    this.#log = log;
    this.#name = name;
    this.#partitions = partitions;
    this.#sizes = sizes;
    this.#done = this.#run();
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async atLeast(n: number): Promise<void> {
    while (this.n < n) await new Promise((resolve) => setImmediate(resolve));
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) await this.#commit(this.n + 1);
  }

  async #commit(n: number): Promise<void> {
    const transaction = this.#log.begin(this.#name, 0);
    const bytes = this.#sizes();
    for (const partition of this.#partitions) {
      await transaction.append('t', partition, batchOf([`${n} `.padEnd(bytes, '.')]));
    }
    transaction.checkpoint(this.#name, String(n));
    await transaction.commit();
    this.n = n;
    if (this.#name !== 'mixed') return;
    if (n % 13 === 0) await this.#log.admin.topics!.delete('passing');
    if (n % 13 === 1) await this.#log.topics.ensure('passing', { partitions: 2, cleanup: 'delete' });
  }
}

/** Number of the last commit of each writer that a log holds; every commit up to it is there as a whole, and none above. */
async function lastCommits(dir: string): Promise<number[]> {
  const log = await open(dir);
  const lasts: number[] = [];
  for (const { name, partitions } of WRITERS) {
    const last = Number(log.checkpoints.get(name) ?? 0);
    for (const partition of partitions) {
      const values = await valuesIn(log, { topic: 't', partition });
      const numbers = Array.from({ length: last }, (_, i) => i + 1);
      expect(values.map((value) => Number(value.split(' ')[0]))).toEqual(numbers);
    }
    lasts.push(last);
  }
  await log.close();
  return lasts;
}

async function backedUp(random: Random): Promise<void> {
  const [dir, targets] = [directory(), directory()];
  const log = await open(dir);
  await log.topics.ensure('t', { partitions: 4, cleanup: 'delete' });
  const writers = WRITERS.map((one) => new Writer(log, one, () => random.pick(one.sizes)));
  const numbers = () => writers.map(({ n }) => n);
  for (const name of ['first', 'second']) {
    const steps = random.pick([1, 5, 30]);
    for (const writer of writers) await writer.atLeast(writer.n + steps);
    const before = numbers();
    const report = await log.backup(join(targets, name), quiet, never);
    const after = numbers();
    expect(report.unreadable).toEqual([]);
    const restored = join(targets, `${name} restored`);
    await tools.restore(join(targets, name), restored, quiet);
    for (const [i, held] of (await lastCommits(restored)).entries()) {
      expect(held).toBeGreaterThanOrEqual(before[i]!);
      // One may be durable that the writer does not know yet.
      expect(held).toBeLessThanOrEqual(after[i]! + 1);
    }
  }
  for (const writer of writers) await writer.end();
  await log.close();
  expect(await lastCommits(dir)).toEqual(numbers());
}

test('invariant 3: a backup of a log that goes on holds whole commits, up to one of its time', async () => {
  const random = new Random(testSeed);
  for (let round = 0; round < ROUNDS; round++) await backedUp(random);
});

test('files that the log drops during a backup go when it has ended', async () => {
  const dir = directory();
  const log = await open(dir);
  onTestFinished(() => log.close());
  await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  await log.topics.ensure('gone', { partitions: 1, cleanup: 'delete' });
  const transaction = log.begin('writer', 0);
  await transaction.append('gone', 0, batchOf(['x'.repeat(2_500)]));
  await transaction.commit();
  await log.clean();
  const folders = () => readdirSync(join(dir, 'topics')).filter((name) => name.startsWith('gone'));
  expect(folders()).toHaveLength(1);
  let deleted: Promise<void> | null = null;
  await log.backup(
    join(directory(), 'copy'),
    () => {
      deleted ??= log.admin.topics!.delete('gone');
      expect(folders()).toHaveLength(1);
    },
    never,
  );
  await deleted;
  await log.topics.ensure('other', { partitions: 1, cleanup: 'delete' });
  await log.clean();
  await expect.poll(folders).toEqual([]);
});

test('one that is broken off, and one into a directory that is not empty or inside, leave nothing', async () => {
  const dir = directory();
  const log = await open(dir);
  await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  const targets = directory();
  const abort = new AbortController();
  await expect(log.backup(join(targets, 'a'), () => abort.abort(), abort.signal)).rejects.toMatchObject({
    name: 'AbortError',
  });
  for (const target of [dir, join(dir, 'topics', 'copy'), dirnameOf(dir)]) {
    await expect(log.backup(target, quiet, never)).rejects.toMatchObject({ code: 'log.unwritable' });
  }
  expect(readdirSync(targets)).toEqual([]);
  const closed = log.backup(join(targets, 'b'), () => void log.close(), never);
  await expect(closed).rejects.toMatchObject({ code: 'log.closed' });
  expect(existsSync(join(targets, 'b'))).toBe(false);
  await log.close();
});

const dirnameOf = (dir: string) => join(dir, '..');
