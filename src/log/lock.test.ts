import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkUnlocked, takeLock } from './lock.ts';

function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-lock-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const LOCKED = expect.objectContaining({ code: 'log.locked', message: expect.stringContaining(String(process.pid)) });

test('is one holder’s; a look at it names him and takes nothing from him', () => {
  const dir = directory();
  expect(() => checkUnlocked(dir)).not.toThrow();
  expect(readdirSync(dir)).toEqual([]);
  const lock = takeLock(dir);
  for (let i = 0; i < 3; i++) {
    expect(() => checkUnlocked(dir)).toThrow(LOCKED);
    expect(() => takeLock(dir)).toThrow(LOCKED);
  }
  lock.release();
  expect(() => checkUnlocked(dir)).not.toThrow();
  takeLock(dir).release();
});

test('a look changes nothing, also where nothing may be written', () => {
  const dir = directory();
  takeLock(dir).release();
  const owner = join(dir, 'lock', 'owner');
  const before = [readFileSync(owner, 'utf8'), statSync(owner).mtimeMs, statSync(join(dir, 'lock', 'lock.db')).mtimeMs];
  for (const path of [owner, join(dir, 'lock', 'lock.db')]) chmodSync(path, 0o400);
  chmodSync(join(dir, 'lock'), 0o500);
  checkUnlocked(dir);
  chmodSync(join(dir, 'lock'), 0o700);
  expect([
    readFileSync(owner, 'utf8'),
    statSync(owner).mtimeMs,
    statSync(join(dir, 'lock', 'lock.db')).mtimeMs,
  ]).toEqual(before);
});

test('another process’s is seen, and is free when that one is killed', async () => {
  const dir = directory();
  const code = `import { takeLock } from ${JSON.stringify(new URL('./lock.ts', import.meta.url).href)};
    const lock = takeLock(${JSON.stringify(dir)}); console.log('held'); setInterval(() => lock, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const its = expect.objectContaining({ code: 'log.locked', message: expect.stringContaining(String(child.pid)) });
  expect(() => checkUnlocked(dir)).toThrow(its);
  expect(() => takeLock(dir)).toThrow(its);
  child.kill('SIGKILL');
  await once(child, 'exit');
  checkUnlocked(dir);
  takeLock(dir).release();
});
