import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { batchOf } from '../../test/support/log-batches.ts';
import { systemClock } from '../lib/clock.ts';
import { isKnownValid } from '../wire/known-batches.ts';
import { openLog } from './embedded-log.ts';

test('a checksum that was just computed is not compared again; every other one is', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-log-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const log = await openLog({ dir, clock: systemClock, random: Math.random, log: () => {}, cleanEveryMs: null });
  onTestFinished(() => log.close());
  await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  const epoch = await log.fence('writer');
  const built = batchOf(['x'.repeat(100_000)]);
  expect(isKnownValid(built)).toBe(true);
  // The same bytes, from elsewhere, and one bit of them another.
  const damaged = Buffer.from(built);
  damaged[50_000]! ^= 1;
  const small = Buffer.from(batchOf(['x']));
  small[small.length - 2]! ^= 1;
  const transaction = log.begin('writer', epoch);
  for (const bytes of [damaged, built.subarray(0, built.length - 1), small]) {
    expect(() => transaction.append('t', 0, bytes)).toThrow(expect.objectContaining({ code: 'log.invalid_batch' }));
  }
  transaction.append('t', 0, built);
  transaction.append('t', 0, Buffer.from(batchOf(['y'])));
  await transaction.commit();
  expect((await log.read('t', 0, 0n, 1 << 20)).map(({ nextOffset }) => nextOffset)).toEqual([1n, 2n]);
});
