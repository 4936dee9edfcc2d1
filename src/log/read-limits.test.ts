import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import { batchOf } from '../../test/support/log-batches.ts';
import { systemClock } from '../lib/clock.ts';
import { type EmbeddedLog, openLog } from './embedded-log.ts';

const open = (dir: string) =>
  openLog({ dir, clock: systemClock, random: Math.random, log: () => {}, cleanEveryMs: null, segmentBytes: 40_000 });

/** Sizes of the batches, each of one record. */
async function append(log: EmbeddedLog, lengths: readonly number[]): Promise<number[]> {
  const epoch = await log.fence('writer');
  const sizes: number[] = [];
  for (const length of lengths) {
    const batch = batchOf(['x'.repeat(length)]);
    sizes.push(batch.length);
    const transaction = log.begin('writer', epoch);
    await transaction.append('t', 0, batch);
    await transaction.commit();
  }
  return sizes;
}

test('a reading is no larger than was asked for, but for its first batch, and goes as far as it may', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-log-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const lengths = fc.sample(fc.integer({ min: 0, max: 9_000 }), 60);
  let log = await open(dir);
  await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  const sizes = await append(log, lengths.slice(0, 40));
  await log.close();
  log = await open(dir);
  onTestFinished(() => log.close());
  // These only the write-ahead log holds.
  sizes.push(...(await append(log, lengths.slice(40))));
  const memory = { take: (bytes: number) => Buffer.alloc(bytes, 0xff) };
  const read = fc.record({ from: fc.nat(59), maxBytes: fc.nat(60_000), lent: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(read, async ({ from, maxBytes, lent }) => {
      const batches = await log.read('t', 0, BigInt(from), maxBytes, lent ? memory : undefined);
      const offsets = batches.map(({ baseOffset }) => Number(baseOffset));
      expect(offsets).toEqual(sizes.slice(from, from + offsets.length).map((_, i) => from + i));
      expect(offsets.length).toBeGreaterThan(0);
      const bytes = batches.reduce((sum, batch) => sum + batch.bytes.length, 0);
      if (offsets.length > 1) expect(bytes).toBeLessThanOrEqual(maxBytes);
      for (const batch of batches) {
        expect([...batch.records()].map(({ value }) => value!.length)).toEqual([lengths[Number(batch.baseOffset)]]);
      }
      // It ends where a segment does; else with the last one that there is room for.
      const next = from + offsets.length;
      const more = await log.read('t', 0, BigInt(from), maxBytes + sizes[next]!, lent ? memory : undefined);
      if (next < sizes.length && more.length > batches.length) expect(bytes + sizes[next]!).toBeGreaterThan(maxBytes);
    }),
    { numRuns: 200 },
  );
});
