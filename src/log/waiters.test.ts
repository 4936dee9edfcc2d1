import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { batchOf } from '../../test/support/log-batches.ts';
import { eagerClock } from '../../test/support/log-history.ts';
import { SimulatedDisk, systemError } from '../../test/support/simulated-disk.ts';
import { type EmbeddedLog, openLog } from './embedded-log.ts';

async function opened(disk = new SimulatedDisk()): Promise<EmbeddedLog> {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-waiters-'));
  const options = { dir, clock: eagerClock, random: Math.random, log: () => {}, cleanEveryMs: null, files: disk };
  const log = await openLog(options);
  onTestFinished(async () => {
    await log.close();
    rmSync(dir, { recursive: true, force: true });
  });
  for (const topic of ['t', 'u']) await log.topics.ensure(topic, { partitions: 2, cleanup: 'delete' });
  return log;
}

async function put(log: EmbeddedLog, topic: string): Promise<void> {
  const transaction = log.begin('w', 0);
  await transaction.append(topic, 1, batchOf(['v']));
  await transaction.commit();
}

const positions = ['t', 'u'].flatMap((topic) => [0, 1].map((partition) => ({ topic, partition, offset: 0n })));

/** How a wait ends: as what the returned function tells, once it has. */
function waiting(log: EmbeddedLog, at = positions, signal = new AbortController().signal): () => unknown {
  let end: unknown = 'waits';
  log.waitFor(at, signal).then(
    () => {
      end = 'resolved';
    },
    (error: { code?: string }) => {
      end = error.code ?? error;
    },
  );
  return () => end;
}

test('a waiter is told when one of its topics is deleted; others wait on', async () => {
  const log = await opened();
  const both = waiting(log);
  const other = waiting(log, positions.slice(0, 2));
  await log.admin.topics!.delete('u');
  await expect.poll(both).toBe('log.no_such_topic');
  expect(other()).toBe('waits');
  await put(log, 't');
  await expect.poll(other).toBe('resolved');
  await expect.poll(waiting(log)).toBe('log.no_such_topic');
});

test('waiters are told when the log is closed, also those that come later', async () => {
  const log = await opened();
  const before = waiting(log);
  await log.close();
  expect(before()).toBe('log.closed');
  const later = waiting(log);
  await expect.poll(later).toBe('log.closed');
});

test('waiters are told when the log fails, also those that come later; what is there can still be read', async () => {
  const disk = new SimulatedDisk();
  const log = await opened(disk);
  await put(log, 't');
  const before = waiting(log, positions.slice(2));
  disk.fault = ({ call, path }) => {
    if (call === 'sync') throw systemError('EIO', path);
    return undefined;
  };
  await expect(put(log, 'u')).rejects.toMatchObject({ code: 'log.failed' });
  await expect.poll(before).toBe('log.failed');
  await expect.poll(waiting(log, positions.slice(2))).toBe('log.failed');
  await expect.poll(waiting(log)).toBe('resolved');
  expect(await log.read('t', 1, 0n, 1)).toHaveLength(1);
  disk.fault = () => undefined;
});

test('a signal ends one wait and no other', async () => {
  const log = await opened();
  const stop = new AbortController();
  const [stopped, other] = [waiting(log, positions, stop.signal), waiting(log)];
  stop.abort('over');
  await expect.poll(stopped).toBe('over');
  expect(other()).toBe('waits');
  await put(log, 'u');
  await expect.poll(other).toBe('resolved');
});
