/** Room for running transactions: as if it were a list in memory, whatever goes to the disk. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { diskFiles, type Files } from '../../src/lib/files.ts';
import { TailraceError } from '../../src/sdk/index.ts';
import { FaultyFiles, failure } from '../../test/support/faulty-files.ts';
import { testSeed } from '../../test/support/seed.ts';
import { type Spill, SpillSpace, type SpillSpaceOptions } from './spill-space.ts';

interface Made {
  readonly dir: string;
  readonly space: SpillSpace;
  readonly end: AbortController;
  readonly logged: string[];
}

async function make(files: Files, extra: Partial<SpillSpaceOptions> = {}, left: readonly string[] = []): Promise<Made> {
  const root = await mkdtemp(join(tmpdir(), 'tailrace-spill-'));
  onTestFinished(() => rm(root, { recursive: true }));
  const dir = join(root, 'space');
  if (left.length > 0) await mkdir(dir);
  for (const name of left) await writeFile(join(dir, name), 'left behind');
  const end = new AbortController();
  const logged: string[] = [];
  const clock = { ...systemClock, sleep: (_: number, signal?: AbortSignal) => systemClock.sleep(1, signal) };
  const log = (level: string, message: string) => void logged.push(`${level} ${message.slice(0, 30)}`);
  const space = await SpillSpace.open({ dir, files, clock, signal: end.signal, log, ...extra });
  onTestFinished(async () => {
    end.abort();
    await space.close();
  });
  return { dir, space, end, logged };
}

async function append(spill: Spill, text: string): Promise<void> {
  const bytes = Buffer.from(`..${text}..`);
  await spill.append(bytes[2]!, bytes, 3, bytes.length - 2);
}

async function records(spill: Spill): Promise<string[]> {
  const read: string[] = [];
  const take = (buf: Buffer, from: number, to: number) => void read.push(buf.toString('latin1', from, to));
  await spill.replay(take, () => undefined);
  return read;
}

/** What the spill does, to a list. */
interface Model {
  readonly spill: Spill;
  readonly kept: { readonly offset: number; readonly text: string }[];
}

async function step(random: Random, models: Model[], space: SpillSpace): Promise<void> {
  if (models.length < 2 || random.chance(0.02)) models.push({ spill: space.create(), kept: [] });
  const model = random.pick(models);
  const { spill, kept } = model;
  if (random.chance(0.05) && kept.length > 0) {
    const from = random.between(0, kept.length - 1);
    await spill.truncate(kept[from]!.offset);
    kept.splice(from);
  } else if (random.chance(0.02)) {
    expect(await records(spill)).toEqual(kept.map(({ text }) => text));
    await spill.remove();
    models.splice(models.indexOf(model), 1);
  } else {
    const text = String.fromCharCode(random.between(97, 122)).repeat(random.pick([1, 2, 40, 300, 5_000]));
    kept.push({ offset: spill.bytes, text });
    await append(spill, text);
  }
}

test('invariant 10: what is put aside comes back in order, and memory stays bounded, also while the disk is full', async () => {
  const random = new Random(testSeed);
  let failing = 0;
  const files = new FaultyFiles(diskFiles, ({ kind }) => {
    if (failing === 0 && random.chance(0.05)) failing = random.between(1, 3);
    if (kind === 'write' && failing > 0) {
      failing--;
      return Promise.reject(failure('ENOSPC'));
    }
    return undefined;
  });
  const { space, logged, dir } = await make(files, { blockBytes: 2_000, memoryBytes: 9_000 });
  const models: Model[] = [];
  for (let i = 0; i < 2_000; i++) {
    await step(random, models, space);
    const held = models.reduce((sum, { spill }) => sum + spill.held, 0);
    expect(held).toBeLessThan(9_000 + 2 * 5_100);
  }
  for (const { spill, kept } of models) expect(await records(spill)).toEqual(kept.map(({ text }) => text));
  expect(readdirSync(dir).length).toBeGreaterThan(0);
  expect(logged.filter((line) => line.startsWith('warn the disk')).length).toBeGreaterThan(5);
  expect(logged.filter((line) => line.startsWith('info over: the disk')).length).toBeGreaterThan(5);
  expect(space.warnings).toEqual([]);
});

test('invariant 12: nothing of a row can be read in the files; they are gone at the end, and what was left behind', async () => {
  const { space, dir, end } = await make(diskFiles, { blockBytes: 100 }, ['7.spill']);
  expect(readdirSync(dir)).toEqual([]);
  const spill = space.create();
  for (let i = 0; i < 10; i++) await append(spill, 'very secret'.repeat(5));
  const stored = readdirSync(dir).map((name) => readFileSync(join(dir, name), 'latin1'));
  expect(stored.join().length).toBeGreaterThan(400);
  expect(stored.join()).not.toContain('secret');
  end.abort();
  await space.close();
  expect(existsSync(dir)).toBe(false);
});

test('a full disk is told of while it lasts; the end is not held up by it', async () => {
  const files = new FaultyFiles(diskFiles, ({ kind }) =>
    kind === 'write' ? Promise.reject(failure('ENOSPC')) : undefined,
  );
  const { space, end } = await make(files, { blockBytes: 100 });
  const writing = append(space.create(), 'x'.repeat(200)).catch((error: unknown) => error);
  while (space.warnings.length === 0) await systemClock.sleep(1);
  expect(space.warnings[0]!.remedy).toMatch(/make room/);
  end.abort(new Error('the end'));
  expect(await writing).toMatchObject({ message: 'the end' });
});

test('a disk that fails, and bytes that are not those that were written: an error after which all is read again', async () => {
  const broken = new FaultyFiles(diskFiles, ({ kind }) =>
    kind === 'write' ? Promise.reject(failure('EIO')) : undefined,
  );
  const { space } = await make(broken, { blockBytes: 100 });
  const error = await append(space.create(), 'x'.repeat(200)).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(TailraceError);
  expect(error).toMatchObject({ code: 'source.spill', message: expect.stringMatching(/EIO/) });
  const made = await make(diskFiles, { blockBytes: 100 });
  const spill = made.space.create();
  await append(spill, 'x'.repeat(200));
  const path = join(made.dir, readdirSync(made.dir)[0]!);
  const bytes = readFileSync(path);
  bytes[50]! ^= 1;
  await writeFile(path, bytes);
  await expect(records(spill)).rejects.toMatchObject({ code: 'source.spill' });
});
