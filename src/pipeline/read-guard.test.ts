import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { batchFrom, recordsIn, TOPIC } from '../../test/support/compacted-log.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { type EmbeddedLog, openLog } from '../log/embedded-log.ts';
import { ReadGuard } from './read-guard.ts';

const DAY = 86_400_000;
const PLACE = { topic: TOPIC, partition: 0 };
const at = (next: bigint) => [{ ...PLACE, next }];

async function opened(holdMs: number): Promise<{ log: EmbeddedLog; clock: ManualClock }> {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-guard-'));
  const clock = new ManualClock();
  const log = await openLog({
    dir,
    clock,
    random: Math.random,
    log: () => {},
    cleanEveryMs: null,
    topicConfig: () => ({ 'cleanup.policy': 'compact', 'delete.retention.ms': '0' }),
    holdLimit: { ms: holdMs, bytes: Number.POSITIVE_INFINITY },
  });
  onTestFinished(async () => {
    await log.close();
    rmSync(dir, { recursive: true, force: true });
  });
  await log.topics.ensure(TOPIC, { partitions: 1, cleanup: 'compact' });
  return { log, clock };
}

async function append(log: EmbeddedLog, clock: ManualClock, key: string, value: string | null): Promise<void> {
  const transaction = log.begin('w', 0);
  await transaction.append(TOPIC, 0, batchFrom([{ key, value, time: clock.now() }]));
  await transaction.commit();
}

/** A row that comes and goes, and another behind it; then what compaction makes of it. Five offsets. */
async function rowGoes(log: EmbeddedLog, clock: ManualClock): Promise<void> {
  await append(log, clock, 'a', '1');
  await append(log, clock, 'b', '1');
  await append(log, clock, 'a', null);
  for (const value of ['2', '3']) {
    await clock.advance(DAY);
    await append(log, clock, 'b', value);
    await log.clean({ compact: TOPIC });
  }
}

async function save(log: EmbeddedLog, guard: ReadGuard): Promise<void> {
  const transaction = log.begin('sink', 0);
  for (const [name, value] of guard.checkpoints()) transaction.checkpoint(name, value);
  await transaction.commit();
}

test('invariant 5: a reader that may have missed a delete has a gap, one that begins empty has not', async () => {
  const { log, clock } = await opened(0);
  const guard = new ReadGuard(log, 'g', false);
  guard.begin(at(2n), () => false);
  guard.check(PLACE, 2n);
  await rowGoes(log, clock);
  expect((await recordsIn(log, 0n)).map(({ key }) => key)).toEqual(['b']);
  expect(() => guard.check(PLACE, 2n)).toThrow(expect.objectContaining({ code: 'log.compacted' }));
  guard.check(PLACE, 3n);

  const fresh = new ReadGuard(log, 'h', false);
  fresh.begin(at(0n), () => true);
  fresh.check(PLACE, 0n);
  await save(log, fresh);
  const resumed = new ReadGuard(log, 'h', false);
  resumed.begin(at(1n), () => false);
  resumed.check(PLACE, 1n);
  await rowGoes(log, clock);
  expect(() => resumed.check(PLACE, 1n)).toThrow(expect.objectContaining({ code: 'log.compacted' }));
  resumed.check(PLACE, 8n);
});

test('invariant 5: a reader that needs every change has a gap as soon as any was removed', async () => {
  const { log, clock } = await opened(0);
  const guard = new ReadGuard(log, 'g', true);
  guard.begin(at(1n), () => false);
  await append(log, clock, 'a', '1');
  await append(log, clock, 'a', '2');
  await clock.advance(DAY);
  await log.clean({ compact: TOPIC });
  expect(() => guard.check(PLACE, 1n)).toThrow(expect.objectContaining({ code: 'log.compacted' }));
  guard.check(PLACE, 2n);
});

test('the reader holds the log: within the limit nothing that it needs is removed', async () => {
  const { log, clock } = await opened(7 * DAY);
  const last = new ReadGuard(log, 'g', false);
  last.begin(at(2n), () => false);
  await rowGoes(log, clock);
  last.check(PLACE, 2n);
  expect((await recordsIn(log, 0n)).map(({ key, value }) => `${key}=${value}`)).toEqual(['a=null', 'b=3']);
  last.moved(at(5n));
  await append(log, clock, 'b', '4');
  await log.clean({ compact: TOPIC });
  last.check(PLACE, 5n);
  expect((await recordsIn(log, 0n)).map(({ key, value }) => `${key}=${value}`)).toEqual(['b=4']);
});
