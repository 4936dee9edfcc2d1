import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { Pace } from './pace.ts';

const never = new AbortController().signal;

test('rows are read no faster than the rate says', async () => {
  const clock = new ManualClock();
  const pace = new Pace(clock, 100);
  expect(pace.most).toBe(25);
  let read = 0;
  const reading = (async () => {
    for (; read < 1_000; read += pace.most) await pace.read(pace.most, never);
  })();
  await clock.advance(4_999);
  expect(read).toBeGreaterThanOrEqual(475);
  // A quarter of a second's rows may be ahead of it.
  expect(read).toBeLessThanOrEqual(525);
  await clock.advance(60_000);
  await reading;
  expect([pace.rows, read]).toEqual([1_000, 1_000]);
});

test('time in which nothing could be read is not made up for', async () => {
  const clock = new ManualClock();
  const pace = new Pace(clock, 100);
  await clock.advance(3_600_000);
  let read = 0;
  const reading = (async () => {
    for (; read < 200; read += 25) await pace.read(25, never);
  })();
  await clock.advance(1_000);
  expect(read).toBeLessThanOrEqual(150);
  await clock.advance(2_000);
  await reading;
});
