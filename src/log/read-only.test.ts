import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { batchOf, valuesIn } from '../../test/support/log-batches.ts';
import { eagerClock } from '../../test/support/log-history.ts';
import { type EmbeddedLog, type OpenLogOptions, openLog } from './embedded-log.ts';
import { openLogReadOnly } from './read-only.ts';

const PLACE = { topic: 't', partition: 0 };
/** Batches of the last commit are staged, those of the others are in the write-ahead log. */
const LIMITS = { stageBytes: 100 << 10, cleanEveryMs: null };

function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-read-only-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const options = (dir: string): OpenLogOptions => ({
  dir,
  clock: eagerClock,
  random: Math.random,
  log: () => {},
  ...LIMITS,
});

async function write(log: EmbeddedLog, values: readonly string[]): Promise<void> {
  const transaction = log.begin('writer', 0);
  for (const value of values) await transaction.append('t', 0, batchOf([value]));
  await transaction.commit();
}

/** A directory as a kill leaves it, with values in a segment, the write-ahead log and a staged file. */
async function killed(): Promise<{ dir: string; values: string[] }> {
  const running = directory();
  const first = await openLog(options(running));
  await first.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  const filler = 'x'.repeat(70 << 10);
  const values = [`segment ${filler}`, `segment 2 ${filler}`, 'wal', `staged ${filler}`, `staged 2 ${filler}`];
  await write(first, values.slice(0, 2));
  await first.close();
  const log = await openLog(options(running));
  await write(log, values.slice(2, 3));
  await write(log, values.slice(3));
  const dir = directory();
  cpSync(running, dir, { recursive: true, filter: (path) => path !== join(running, 'lock') });
  await log.close();
  return { dir, values };
}

/** Names, bytes and times of everything below a directory. */
function tree(dir: string): unknown[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const stat = statSync(join(dir, name));
      return [name, stat.mtimeMs, stat.isFile() ? readFileSync(join(dir, name)).toString('latin1') : null];
    });
}

test('everything is read, nothing is written, also where nothing may be', async () => {
  const { dir, values } = await killed();
  const before = tree(dir);
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((name) => join(dir, name));
  for (const path of files) chmodSync(path, statSync(path).isDirectory() ? 0o500 : 0o400);
  const log = await openLogReadOnly(options(dir));
  expect(await valuesIn(log, PLACE)).toEqual(values);
  await log.close();
  expect(tree(dir)).toEqual(before);
  for (const path of files) chmodSync(path, 0o700);
});

test('a process may start meanwhile; what is in the reader’s reach is still read, the next look is refused', async () => {
  const { dir, values } = await killed();
  const looked = await openLogReadOnly(options(dir));
  const log = await openLog(options(dir));
  await write(log, ['later']);
  const seen = await valuesIn(looked, PLACE).catch((error: { code: string }) => error.code);
  expect([values, 'log.locked']).toContainEqual(seen);
  await expect(openLogReadOnly(options(dir))).rejects.toMatchObject({ code: 'log.locked' });
  expect(await valuesIn(log, PLACE)).toEqual([...values, 'later']);
  await looked.close();
  await log.close();
});

test('a directory that is not there is refused with what to do', async () => {
  const missing = openLogReadOnly(options(join(directory(), 'nowhere')));
  await expect(missing).rejects.toMatchObject({ code: 'log.unwritable', remedy: expect.stringContaining('data_dir') });
});
