import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { batchOf, valuesIn } from '../../../test/support/log-batches.ts';
import { eagerClock } from '../../../test/support/log-history.ts';
import type { LogReport } from '../../contracts/log-tools.ts';
import { type EmbeddedLog, openLog } from '../embedded-log.ts';
import { createLogTools } from './index.ts';

const tools = createLogTools({ clock: eagerClock, random: Math.random });
const quiet = () => {};
const PLACE = { topic: 't', partition: 0 };

function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-tools-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const open = (dir: string): Promise<EmbeddedLog> =>
  openLog({ dir, clock: eagerClock, random: Math.random, log: () => {}, cleanEveryMs: null });

/** A stopped log with `count` commits of two records. */
async function stopped(count = 5): Promise<{ dir: string; lineage: string }> {
  const dir = directory();
  const log = await open(dir);
  await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  await log.topics.ensure('empty', { partitions: 2, cleanup: 'delete' });
  for (let n = 0; n < count; n++) {
    const transaction = log.begin('writer', 0);
    await transaction.append('t', 0, batchOf([`a${n}`, `b${n}`]));
    await transaction.commit();
  }
  const lineage = log.lineage.current;
  await log.close();
  return { dir, lineage };
}

function segment(dir: string): string {
  const paths = readdirSync(join(dir, 'topics'), { recursive: true, encoding: 'utf8' });
  return join(dir, 'topics', paths.find((path) => path.endsWith('.log'))!);
}

/** Flips a bit of the third of the five batches. */
function damage(dir: string): void {
  const bytes = readFileSync(segment(dir));
  bytes[Math.floor((bytes.length * 2.5) / 5)]! ^= 4;
  writeFileSync(segment(dir), bytes);
}

async function dump(dir: string) {
  const batches = [];
  for await (const batch of tools.dump(dir)) batches.push(batch);
  return batches;
}

const SOUND: Partial<LogReport> = { topics: 2, partitions: 3, batches: 5, unreadable: [], lostCommits: 0, notes: [] };

test('verify counts what is there, says how far it is, and changes nothing', async () => {
  const { dir } = await stopped();
  const before = readdirSync(dir, { recursive: true });
  const seen: [number, number][] = [];
  const report = await tools.verify(dir, (done, total) => seen.push([done, total]));
  expect(report).toMatchObject(SOUND);
  expect(seen).toHaveLength(5);
  expect(seen.at(-1)).toEqual([report.bytes, report.bytes]);
  expect(readdirSync(dir, { recursive: true })).toEqual(before);
});

test('verify and dump name the range of what is damaged; the rest counts', async () => {
  const { dir } = await stopped();
  damage(dir);
  const unreadable = [{ ...PLACE, from: '4', to: '6' }];
  expect(await tools.verify(dir, quiet)).toMatchObject({ ...SOUND, batches: 4, unreadable });
  const batches = await dump(dir);
  expect(batches.map(({ base, next, records, readable }) => [base, next, records, readable])).toEqual([
    ['0', '2', 2, true],
    ['2', '4', 2, true],
    ['4', '6', 0, false],
    ['6', '8', 2, true],
    ['8', '10', 2, true],
  ]);
  expect(batches[0]).toMatchObject({ ...PLACE, maxTimestamp: 1_700_000_000_000 });
  // A repair drops nothing that can be read, and gives no offset away twice.
  expect(await tools.repair(dir, quiet)).toMatchObject({ batches: 4, unreadable });
  const log = await open(dir);
  expect(log.topics.get('t')!.partitions[0]!.endOffset).toBe(10n);
  await log.close();
});

test('a segment that is gone is unreadable as a whole', async () => {
  const { dir } = await stopped();
  rmSync(segment(dir));
  expect(await tools.verify(dir, quiet)).toMatchObject({ batches: 0, unreadable: [{ ...PLACE, from: '0', to: '10' }] });
});

test('repair writes a damaged copy of the snapshot anew', async () => {
  const { dir } = await stopped();
  writeFileSync(join(dir, 'snapshot'), 'nothing');
  const found = await tools.verify(dir, quiet);
  expect(found.notes).toEqual([expect.stringContaining(join(dir, 'snapshot'))]);
  expect(await tools.repair(dir, quiet)).toMatchObject(SOUND);
  expect(readFileSync(join(dir, 'snapshot'))).toEqual(readFileSync(join(dir, 'snapshot.copy')));
});

test('nothing is done while a process uses the log', async () => {
  const { dir } = await stopped();
  const log = await open(dir);
  const other = join(directory(), 'copy');
  const calls = [
    () => tools.verify(dir, quiet),
    () => tools.repair(dir, quiet),
    () => dump(dir),
    () => tools.backup(dir, other, quiet),
    () => tools.restore(dir, other, quiet),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'log.locked' });
  expect(existsSync(other)).toBe(false);
  await log.close();
});

test('a restored backup holds the same records under a new lineage id; the old id covers no more than it wrote', async () => {
  const { dir, lineage } = await stopped();
  const backup = join(directory(), 'backup');
  const seen: number[] = [];
  const report = await tools.backup(dir, backup, (done) => seen.push(done));
  expect(seen.at(-1)).toBe(report.bytes);
  expect(readdirSync(backup)).toEqual(expect.arrayContaining(['format', 'snapshot', 'snapshot.copy', 'topics']));
  expect(existsSync(join(backup, 'lock'))).toBe(false);
  const original = await open(dir);
  const transaction = original.begin('writer', 0);
  await transaction.append('t', 0, batchOf(['after the backup']));
  await transaction.commit();
  await original.close();
  const restored = join(directory(), 'restored');
  await tools.restore(backup, restored, quiet);
  expect(await tools.verify(restored, quiet)).toMatchObject(SOUND);
  const log = await open(restored);
  expect(await valuesIn(log, PLACE)).toHaveLength(10);
  expect(log.lineage.covers(lineage, 't', 0, 10n)).toBe(true);
  expect(log.lineage.covers(original.lineage.current, 't', 0, 0n)).toBe(false);
  expect(log.lineage.covers(lineage, 't', 0, 11n)).toBe(false);
  await log.close();
});

test('a target that holds something, and a source that is no log, are refused and left alone', async () => {
  const { dir } = await stopped();
  const other = directory();
  copyFileSync(join(dir, 'format'), join(other, 'mine'));
  const refused = { code: 'log.unwritable' };
  await expect(tools.backup(dir, other, quiet)).rejects.toMatchObject(refused);
  await expect(tools.restore(dir, other, quiet)).rejects.toMatchObject(refused);
  expect(readdirSync(other)).toEqual(['mine']);
  const nowhere = join(directory(), 'nowhere');
  await expect(tools.restore(other, nowhere, quiet)).rejects.toMatchObject(refused);
  await expect(tools.verify(nowhere, quiet)).rejects.toMatchObject(refused);
  expect(readdirSync(join(nowhere, '..'))).toEqual([]);
});
