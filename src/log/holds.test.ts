import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { TopicConfig } from '../contracts/log-admin.ts';
import { RecordBatchBuilder } from '../wire/record-batch.ts';
import { type EmbeddedLog, openLog } from './embedded-log.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const PLACE = { topic: 't', partition: 0 };

async function opened(config: TopicConfig, limit = { ms: 7 * DAY, bytes: Number.POSITIVE_INFINITY }) {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-holds-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const clock = new ManualClock();
  const problems: string[] = [];
  const log = await openLog({
    dir,
    clock,
    random: Math.random,
    log: (level, message, fields) => level === 'info' || problems.push(`${message} ${fields?.reader}`),
    cleanEveryMs: null,
    segmentBytes: 10_000,
    topicConfig: () => config,
    holdLimit: limit,
  });
  onTestFinished(() => log.close());
  await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  return { log, clock, problems };
}

/** Records of about 1 kB, one a batch; the key of number i is i modulo `keys`, a null value every fifth time. */
async function append(log: EmbeddedLog, clock: ManualClock, count: number, keys = 1_000): Promise<void> {
  for (let i = 0; i < count; i++) {
    const builder = new RecordBatchBuilder();
    builder.begin(clock.now());
    builder.append(clock.now(), Buffer.from(`k${i % keys}`), i % 5 === 4 ? null : Buffer.alloc(1_000));
    const transaction = log.begin('w', 0);
    await transaction.append('t', 0, builder.finish());
    await transaction.commit();
  }
}

const info = (log: EmbeddedLog) => log.topics.get('t')!.partitions[0]!;

test('records that a reader has not read are kept beyond their retention, and go when it has', async () => {
  const { log, clock } = await opened({ 'retention.ms': String(DAY) });
  await append(log, clock, 60);
  const hold = log.holds!.hold('sink', { everyChange: false });
  hold.at(PLACE, 30n);
  await clock.advance(2 * DAY);
  await log.clean();
  expect(info(log).startOffset).toBeGreaterThan(10n);
  expect(info(log).startOffset).toBeLessThanOrEqual(30n);
  await log.read('t', 0, 30n, 1);
  hold.at(PLACE, 60n);
  await log.clean();
  expect(info(log).startOffset).toBe(60n);
});

test('also where the size is what is limited; a released hold keeps nothing', async () => {
  const { log, clock } = await opened({ 'retention.bytes': '20000' });
  await append(log, clock, 100);
  const hold = log.holds!.hold('sink', { everyChange: false });
  hold.at(PLACE, 0n);
  await log.clean();
  expect(info(log).startOffset).toBe(0n);
  hold.release();
  hold.release();
  await log.clean();
  expect(info(log).startOffset).toBeGreaterThan(60n);
});

test('invariant 5: past hold_limit records go, the reader is told, and stands below the start', async () => {
  const { log, clock, problems } = await opened({ 'retention.ms': String(DAY) });
  await append(log, clock, 60);
  log.holds!.hold('slow', { everyChange: false }).at(PLACE, 5n);
  await clock.advance(7 * DAY);
  await log.clean();
  await log.clean();
  expect(info(log).startOffset).toBe(0n);
  expect(problems).toEqual(['a reader keeps the log from being cleaned, and nears hold_limit slow']);
  await clock.advance(DAY + 1);
  await log.clean();
  expect(info(log).startOffset).toBe(60n);
  expect(problems[1]).toBe('a reader was past hold_limit: records that it has not read are deleted slow');
  await expect(log.read('t', 0, 5n, 1)).rejects.toMatchObject({ code: 'log.offset_out_of_range' });
});

test('the limit in bytes drops the oldest of what is held', async () => {
  const { log, clock } = await opened({ 'retention.ms': String(DAY) }, { ms: 100 * DAY, bytes: 25_000 });
  await append(log, clock, 80);
  log.holds!.hold('slow', { everyChange: false }).at(PLACE, 0n);
  await clock.advance(2 * DAY);
  await log.clean();
  const { startOffset, sizeBytes } = info(log);
  expect(startOffset).toBeGreaterThan(40n);
  expect(sizeBytes).toBeLessThanOrEqual(25_000);
  expect(sizeBytes).toBeGreaterThan(10_000);
});

test('a reader that needs every change stops compaction above its position; another only keeps deletes', async () => {
  const config = { 'cleanup.policy': 'compact', 'delete.retention.ms': String(HOUR), 'retention.ms': '-1' };
  const { log, clock } = await opened(config);
  await append(log, clock, 40, 5);
  const every = log.holds!.hold('file', { everyChange: true });
  const last = log.holds!.hold('sql', { everyChange: false });
  every.at(PLACE, 12n);
  last.at(PLACE, 12n);
  await log.clean({ compact: 't' });
  expect(info(log).compactedTo).toBeLessThanOrEqual(12n);
  expect((await log.read('t', 0, 12n, 1))[0]!.baseOffset).toBe(12n);
  every.release();
  await log.clean({ compact: 't' });
  expect(info(log).compactedTo).toBe(40n);
  for (let round = 0; round < 2; round++) {
    await clock.advance(2 * HOUR);
    await append(log, clock, 1);
    await log.clean({ compact: 't' });
  }
  // The tombstone at 39.
  expect(info(log).deletesRemovedTo).toBe(0n);
  last.at(PLACE, 42n);
  await append(log, clock, 1);
  await log.clean({ compact: 't' });
  expect(info(log).deletesRemovedTo).toBe(40n);
});
