import { expect, test } from 'vitest';
import { Histogram } from './histogram.ts';

test('values at a bound belong to it; those above all are in the count alone', () => {
  const histogram = new Histogram([1, 10]);
  histogram.add(0.5);
  histogram.add(1, 2);
  histogram.add(10);
  histogram.add(11);
  expect(histogram.value).toEqual({
    buckets: [
      [1, 3],
      [10, 4],
    ],
    count: 5,
    sum: 23.5,
  });
});
