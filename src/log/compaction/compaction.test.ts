/** Compaction against a naive model. `TAILRACE_FULL` runs many more programs, `TAILRACE_SEED` repeats a run. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { Random } from '../../../demo/shop/random.ts';
import {
  batchFrom,
  CompactionModel,
  type NewRecord,
  randomRecords,
  recordsIn,
  TOPIC,
  view,
} from '../../../test/support/compacted-log.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { testSeed } from '../../../test/support/seed.ts';
import { SimulatedDisk, systemError } from '../../../test/support/simulated-disk.ts';
import type { TopicConfig } from '../../contracts/log-admin.ts';
import { type EmbeddedLog, openLog } from '../embedded-log.ts';

const seed = testSeed;
const full = process.env.TAILRACE_FULL !== undefined;
console.log(`compaction, seed ${seed}`);

/** Holds only the lock: the files are in memory. */
const dir = mkdtempSync(join(tmpdir(), 'tailrace-compaction-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What the log had to complain about. */
const problems: string[] = [];

const DELETE_RETENTION_MS = 1_000;

function open(disk: SimulatedDisk, clock: ManualClock, config: TopicConfig = {}): Promise<EmbeddedLog> {
  return openLog({
    dir,
    clock,
    random: Math.random,
    log: (level, message, fields) => level === 'info' || problems.push(`${message} ${JSON.stringify(fields)}`),
    files: disk,
    cleanEveryMs: null,
    ballastBytes: 0,
    flushBytes: 8 << 10,
    segmentBytes: 4 << 10,
    directBytes: 2 << 10,
    walFileBytes: 32 << 10,
    // Room for 48 keys: several passes.
    keyBytes: 64 * 24,
    topicConfig: () => ({
      'cleanup.policy': 'compact',
      'delete.retention.ms': String(DELETE_RETENTION_MS),
      'min.cleanable.dirty.ratio': '0',
      ...config,
    }),
  });
}

/** One commit; of many batches it goes straight to the segment. */
async function append(log: EmbeddedLog, batches: readonly Uint8Array[]): Promise<void> {
  const transaction = log.begin('w', 0);
  for (const batch of batches) await transaction.append(TOPIC, 0, batch);
  await transaction.commit();
}

const info = (log: EmbeddedLog) => log.topics.get(TOPIC)!.partitions[0]!;

async function check(log: EmbeddedLog, model: CompactionModel, what: string): Promise<void> {
  expect(problems, what).toEqual([]);
  const { startOffset, endOffset, compactedTo, deletesRemovedTo } = info(log);
  expect({ startOffset, endOffset, compactedTo }, what).toEqual({
    startOffset: model.start,
    endOffset: model.end,
    compactedTo: model.compactedTo,
  });
  // Between passes a tombstone may go by its horizon where the model sees that a later record follows.
  expect(deletesRemovedTo, what).toBeGreaterThanOrEqual(model.deletesRemovedTo);
  expect(deletesRemovedTo, what).toBeLessThanOrEqual(model.tombstonesGoneTo);
  const plain = (records: readonly (NewRecord & { offset: bigint })[]) =>
    records.map(({ offset, key, value, time }) => ({ offset, key, value, time }));
  expect(plain(await recordsIn(log, startOffset)), what).toEqual(plain(model.visible()));
}

describe('compaction', () => {
  test.each(Array.from({ length: full ? 400 : 12 }, (_, i) => i))(
    'leaves what a naive model leaves, program %i',
    async (number) => {
      const random = new Random(seed, number);
      const keys = random.pick([3, 20, 150]);
      const clock = new ManualClock();
      const disk = new SimulatedDisk();
      const model = new CompactionModel(DELETE_RETENTION_MS);
      let log = await open(disk, clock);
      onTestFinished(() => log.close());
      await log.topics.ensure(TOPIC, { partitions: 1, cleanup: 'compact' });
      for (let step = 0; step < 60; step++) {
        const what = `seed ${seed}, program ${number}, step ${step}`;
        const kind = random.unit();
        if (kind < 0.75) {
          for (let i = random.between(1, 8); i > 0; i--) {
            const count = random.unit() < 0.15 ? 8 : 1;
            const batches = Array.from({ length: count }, () => randomRecords(random, clock.now(), keys));
            await append(
              log,
              batches.map((records) => batchFrom(records, random.pick([0, 0, 1, 4]))),
            );
            for (const records of batches) model.appended(records);
          }
        } else if (kind < 0.9) {
          await clock.advance(random.between(0, 700));
          await log.clean({ compact: TOPIC });
          model.compacted(model.end, clock.now());
          await check(log, model, what);
        } else if (kind < 0.95) {
          const to = BigInt(random.between(Number(model.start), Number(model.end)));
          if (to > model.start) model.start = await log.admin.retention!.deleteBefore(TOPIC, 0, to);
        } else {
          await log.close();
          log = await open(disk, clock);
          await check(log, model, what);
        }
      }
    },
  );

  test('a call that fails ends it and harms nothing; the next one does it', async () => {
    let fired = 0;
    for (let failing = 1; failing <= 12; failing++) {
      const random = new Random(seed, 10_000 + failing);
      const clock = new ManualClock();
      const disk = new SimulatedDisk();
      const model = new CompactionModel(DELETE_RETENTION_MS);
      const log = await open(disk, clock);
      try {
        await log.topics.ensure(TOPIC, { partitions: 1, cleanup: 'compact' });
        for (let i = 0; i < 60; i++) {
          const records = randomRecords(random, clock.now(), 20);
          await append(log, [batchFrom(records)]);
          model.appended(records);
        }
        let calls = 0;
        disk.fault = ({ call, path }) => {
          if (!/\.\d+\.log$/.test(path) || call === 'open' || call === 'read' || ++calls !== failing) return undefined;
          fired++;
          throw systemError(random.pick(['ENOSPC', 'EIO']), path);
        };
        const outcome = await log.clean({ compact: TOPIC }).then(
          () => null,
          (error: unknown) => error,
        );
        disk.fault = () => undefined;
        if (outcome !== null) expect(outcome).toHaveProperty('code');
        const rows = view(await recordsIn(log, 0n));
        expect(rows, `seed ${seed}, call ${failing}`).toEqual(view(model.all));
        await log.clean({ compact: TOPIC });
        model.compacted(model.end, clock.now());
        await check(log, model, `seed ${seed}, call ${failing}`);
      } finally {
        await log.close();
      }
    }
    expect(fired).toBeGreaterThan(8);
  });
});
