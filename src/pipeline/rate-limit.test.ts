import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { RateLimit } from './rate-limit.ts';

test('no more records go in a second than it says, and what was not used is not made up for', async () => {
  const clock = new ManualClock();
  const limit = new RateLimit(clock, 100);
  const { signal } = new AbortController();
  expect(limit.most).toBe(25);
  const gone: number[] = [];
  const take = (records: number) => limit.take(records, signal).then(() => gone.push(records));
  await take(25);
  const second = take(25);
  await Promise.resolve();
  expect(gone).toEqual([25]);
  clock.advance(250);
  await second;
  clock.advance(60_000);
  await take(25);
  const fourth = take(25);
  await Promise.resolve();
  expect(gone).toEqual([25, 25, 25]);
  clock.advance(250);
  await fourth;
});

test('a wait ends with the signal', async () => {
  const limit = new RateLimit(new ManualClock(), 1);
  await limit.take(1, new AbortController().signal);
  await expect(limit.take(1, AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
});
