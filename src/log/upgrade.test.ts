import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type KeptDirectory, unpackDirectory } from '../../test/support/kept-directory.ts';
import { batchOf, valuesIn } from '../../test/support/log-batches.ts';
import { systemClock } from '../lib/clock.ts';
import { FORMAT } from './data-directory.ts';
import { type EmbeddedLog, openLog } from './embedded-log.ts';

const OLDER = Array.from({ length: FORMAT - 1 }, (_, i) => i + 1);

function unpacked(format: number): { dir: string; holds: KeptDirectory['holds'] } {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-upgrade-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const path = new URL(`../../test/vectors/data-directory-format-${format}.json`, import.meta.url);
  const kept = JSON.parse(readFileSync(path, 'utf8')) as KeptDirectory;
  unpackDirectory(kept, dir);
  expect(readFileSync(join(dir, 'format'), 'utf8')).toBe(`${format}\n`);
  return { dir, holds: kept.holds };
}

const open = (dir: string) => openLog({ dir, clock: systemClock, random: Math.random, log: () => {} });

async function everything(log: EmbeddedLog) {
  const found: Record<string, string[][]> = {};
  for (const { name, partitions } of log.topics.list()) {
    found[name] = [];
    for (const { partition } of partitions) found[name].push(await valuesIn(log, { topic: name, partition }));
  }
  return found;
}

test.each(OLDER)('a data directory of format %i, as a kill left it, is read and written on', async (format) => {
  const { dir, holds } = unpacked(format);
  let log = await open(dir);
  onTestFinished(() => log.close());
  expect(await everything(log)).toEqual(holds.values);
  const kept = log.topics.list().map(({ name, settings }) => [name, settings.cleanup]);
  expect(Object.fromEntries(kept)).toEqual(holds.cleanup);
  expect(log.checkpoints.list('')).toEqual(holds.checkpoints);
  for (const id of holds.openings) expect(log.lineage.covers(id, 'orders', 0, 1n)).toBe(true);
  expect(log.lineage.covers(holds.openings[0]!, 'orders', 0, 8n)).toBe(false);
  for (const [writer, epoch] of Object.entries(holds.nextEpochs)) expect(await log.fence(writer)).toBe(epoch);

  const transaction = log.begin('later', 0);
  await transaction.append('state', 0, batchOf(['later']));
  await transaction.commit();
  await log.close();
  expect(readFileSync(join(dir, 'format'), 'utf8')).toBe(`${FORMAT}\n`);
  log = await open(dir);
  expect((await everything(log)).state).toEqual([[...holds.values.state![0]!, 'later']]);
});
