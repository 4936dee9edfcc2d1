import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { partitionFolder } from '../../test/support/partition-folder.ts';
import type { TopicConfig } from '../contracts/log-admin.ts';
import { RecordBatchBuilder } from '../wire/record-batch.ts';
import { type EmbeddedLog, type OpenLogOptions, openLog } from './embedded-log.ts';

const HOUR = 3_600_000;
const VALUE = Buffer.alloc(1_000);

interface Opened {
  readonly dir: string;
  readonly clock: ManualClock;
  log: EmbeddedLog;
  reopen(): Promise<void>;
}

async function opened(config: TopicConfig, options: Partial<OpenLogOptions> = {}): Promise<Opened> {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-retention-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const clock = new ManualClock();
  const open = () =>
    openLog({
      dir,
      clock,
      random: Math.random,
      log: () => {},
      cleanEveryMs: null,
      ballastBytes: 0,
      segmentBytes: 10_000,
      topicConfig: () => config,
      ...options,
    });
  const state: Opened = {
    dir,
    clock,
    log: await open(),
    async reopen() {
      await state.log.close();
      state.log = await open();
    },
  };
  onTestFinished(() => state.log.close());
  await state.log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  return state;
}

/** Batches of one record of about 1 kB, at the clock's time. */
async function append({ log, clock }: Opened, count: number, key: string | null = null): Promise<void> {
  for (let i = 0; i < count; i++) {
    const builder = new RecordBatchBuilder();
    builder.begin(clock.now());
    builder.append(clock.now(), key === null ? null : Buffer.from(key), VALUE);
    const transaction = log.begin('w', 0);
    await transaction.append('t', 0, builder.finish());
    await transaction.commit();
  }
}

const place = ({ log }: Opened) => log.topics.get('t')!.partitions[0]!;
const segmentFiles = ({ dir }: Opened) =>
  readdirSync(partitionFolder(dir, 't', 0)).filter((name) => name.endsWith('.log'));
const firstAt = async ({ log }: Opened, offset: bigint) => (await log.read('t', 0, offset, 1))[0]?.baseOffset;

test('retention.ms: segments go when their newest record is too old, also the one in use', async () => {
  const log = await opened({ 'retention.ms': String(24 * HOUR) });
  await append(log, 25);
  await log.clock.advance(10 * HOUR);
  await append(log, 5);
  await log.log.clean();
  expect(segmentFiles(log).length).toBe(4);
  await log.clock.advance(15 * HOUR);
  await log.log.clean();
  // The third has a newer record too.
  expect(place(log)).toMatchObject({ startOffset: 18n, endOffset: 30n });
  expect(segmentFiles(log).length).toBe(2);
  await expect(log.log.read('t', 0, 17n, 1)).rejects.toMatchObject({ code: 'log.offset_out_of_range' });
  expect(await firstAt(log, 18n)).toBe(18n);
  await log.clock.advance(10 * HOUR);
  await log.log.clean();
  expect(place(log)).toMatchObject({ startOffset: 30n, endOffset: 30n, sizeBytes: 0 });
  expect(segmentFiles(log)).toEqual([]);
  await log.reopen();
  expect(place(log)).toMatchObject({ startOffset: 30n, endOffset: 30n });
  await append(log, 1);
  expect(await firstAt(log, 30n)).toBe(30n);
  await expect(log.log.read('t', 0, 29n, 1)).rejects.toMatchObject({ code: 'log.offset_out_of_range' });
});

test('retention.bytes: the oldest segments go while what is left is not less', async () => {
  const log = await opened({ 'retention.ms': '-1', 'retention.bytes': '20000' });
  await append(log, 60);
  await log.clock.advance(1000 * 24 * HOUR);
  await log.log.clean();
  const { startOffset, sizeBytes } = place(log);
  expect(sizeBytes).toBeGreaterThanOrEqual(20_000);
  expect(sizeBytes).toBeLessThan(30_000);
  expect(await firstAt(log, startOffset)).toBe(startOffset);
  await log.reopen();
  expect(place(log).startOffset).toBe(startOffset);
});

test('compact,delete: the last record of each key, of what is not too old', async () => {
  const log = await opened({ 'cleanup.policy': 'compact,delete', 'retention.ms': String(10 * HOUR) });
  await append(log, 30, 'a');
  await log.clock.advance(6 * HOUR);
  await append(log, 30, 'b');
  await log.log.clean({ compact: 't' });
  const keys = async () => {
    const found = [];
    const { startOffset, endOffset } = place(log);
    for (let next = startOffset; next < endOffset; ) {
      const [batch] = await log.log.read('t', 0, next, 1);
      for (const { key, offset } of batch!.records()) found.push([String(key), offset]);
      next = batch!.nextOffset;
    }
    return found;
  };
  expect(await keys()).toEqual([
    ['a', 29n],
    ['b', 59n],
  ]);
  await log.clock.advance(6 * HOUR);
  await append(log, 12, 'b');
  await log.log.clean();
  await log.clock.advance(6 * HOUR);
  await log.log.clean();
  expect((await keys())[0]).toEqual(['b', expect.any(BigInt)]);
  expect(place(log).startOffset).toBeGreaterThan(29n);
});

test('nothing goes where the policy is not to delete', async () => {
  const log = await opened({ 'cleanup.policy': 'compact', 'retention.ms': '1', 'retention.bytes': '1' });
  await append(log, 30);
  await log.clock.advance(HOUR);
  await log.log.clean();
  expect(place(log).startOffset).toBe(0n);
});

test('segment.bytes and segment.ms begin new segments', async () => {
  const log = await opened({ 'segment.bytes': '5000', 'segment.ms': String(HOUR), 'retention.ms': '-1' });
  await log.log.clean();
  await append(log, 8);
  await log.log.clean();
  expect(segmentFiles(log).length).toBe(2);
  await log.clock.advance(2 * HOUR);
  await log.log.clean();
  await append(log, 1);
  await log.log.clean();
  expect(segmentFiles(log).length).toBe(3);
  await log.reopen();
  await append(log, 1);
  await log.log.clean();
  expect(segmentFiles(log).length).toBe(3);
});

test('deleteBefore moves the start inside of a segment, durably, and takes whole segments off the disk', async () => {
  const log = await opened({});
  await append(log, 30);
  await log.log.clean();
  expect(await log.log.admin.retention!.deleteBefore('t', 0, 13n)).toBe(13n);
  expect(place(log)).toMatchObject({ startOffset: 13n, endOffset: 30n });
  await expect(log.log.read('t', 0, 12n, 1)).rejects.toMatchObject({ code: 'log.offset_out_of_range' });
  expect(await firstAt(log, 13n)).toBe(13n);
  expect(await log.log.admin.retention!.deleteBefore('t', 0, 5n)).toBe(13n);
  await expect(log.log.admin.retention!.deleteBefore('t', 0, 31n)).rejects.toMatchObject({
    code: 'log.offset_out_of_range',
  });
  await log.reopen();
  expect(place(log).startOffset).toBe(13n);
  await log.log.clean();
  expect(segmentFiles(log)[0]).toBe('00000000000000000009.log');
  expect(await log.log.admin.retention!.deleteBefore('t', 0, 30n)).toBe(30n);
  await log.log.clean();
  expect(segmentFiles(log)).toEqual([]);
  await append(log, 2);
  expect(await firstAt(log, 31n)).toBe(31n);
});

test('reads that have begun are not harmed by a deletion', async () => {
  const log = await opened({});
  await append(log, 100);
  await log.log.clean();
  const reads = Array.from({ length: 50 }, (_, i) => log.log.read('t', 0, BigInt(i), 20_000));
  const deleted = log.log.admin.retention!.deleteBefore('t', 0, 90n).then(() => log.log.clean());
  for (const [i, read] of reads.entries()) {
    const batches = await read.catch((error: { code: string }) => error.code);
    if (typeof batches === 'string') expect(batches).toBe('log.offset_out_of_range');
    else expect(batches[0]!.baseOffset).toBe(BigInt(i));
  }
  await deleted;
  expect(place(log).startOffset).toBe(90n);
});

test('the background does it at its interval and is gone at once at close', async () => {
  const log = await opened({ 'retention.ms': String(HOUR) }, { cleanEveryMs: 1_000 });
  await append(log, 20);
  await log.clock.advance(2 * HOUR);
  await expect.poll(() => place(log).startOffset).toBe(20n);
  await log.log.close();
});
