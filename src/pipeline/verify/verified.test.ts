import { expect, test } from 'vitest';
import { percentOf } from './verified.ts';

test('the share of equal rows is never said to be higher than it is', () => {
  const share = (rows: number, differing: number, unsettled = 0) => percentOf({ rows, differing, unsettled });
  expect(share(0, 0)).toBe(100);
  expect(share(20_000, 2)).toBe(99.98);
  // One of ten million.
  expect(share(20_000_000, 1)).toBe(99.99);
  expect(share(20_000_000, 0, 1)).toBe(99.99);
  expect(share(1, 1)).toBe(0);
  expect(share(3, 5)).toBe(0);
});
