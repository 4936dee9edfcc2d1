import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cached, installOnce } from './server-cache.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tailrace-cache-'));
  vi.stubEnv('TAILRACE_CACHE', directory);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

test('of several that ask at once one installs, all get it, and nothing else stays', async () => {
  let installs = 0;
  const install = async (into: string) => {
    installs++;
    await new Promise((wake) => setTimeout(wake, 150));
    await writeFile(join(into, 'server'), 'x');
  };
  const paths = await Promise.all([1, 2, 3].map(() => installOnce('s', install)));
  expect(new Set(paths)).toEqual(new Set([join(directory, 's')]));
  expect(installs).toBe(1);
  expect(readdirSync(directory)).toEqual(['s']);
  expect(existsSync(join(cached('s')!, 'server'))).toBe(true);
});

test('a failed installation leaves nothing and is tried again', async () => {
  const fails = () => Promise.reject(new RangeError('no network'));
  await expect(installOnce('s', fails)).rejects.toThrow('no network');
  expect(readdirSync(directory)).toEqual([]);
  await installOnce('s', async () => {});
  expect(cached('s')).toBe(join(directory, 's'));
});

test('the lock of a process that died is taken over', async () => {
  const lock = join(directory, 's.lock');
  await mkdir(lock);
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(lock, longAgo, longAgo);
  await installOnce('s', async () => {});
  expect(readdirSync(directory)).toEqual(['s']);
});
