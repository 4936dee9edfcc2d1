import { expect, test } from 'vitest';
import { didYouMean, nearest } from './did-you-mean.ts';

test.each([
  ['indx', ['index', 'url', 'type'], 'index'],
  ['tabels', ['table', 'tables', 'transform'], 'tables'],
  ['SHOP_PGURL', ['HOME', 'SHOP_PG_URL'], 'SHOP_PG_URL'],
  ['Name', ['name'], 'name'],
  ['rn', ['run', 'topics'], 'run'],
  ['xyz', ['index', 'url'], undefined],
  ['a', [], undefined],
  ['elastic', ['redis', 'elasticsearch'], 'elasticsearch'],
  ['ES_URL', ['REDIS_URL'], undefined],
  ['teh', ['the', 'tea'], 'the'],
])('nearest of %s in %j is %s', (word, candidates, found) => {
  expect(nearest(word, candidates)).toBe(found);
});

test('words of any length are answered at once', () => {
  const long = 'x'.repeat(1_000_000);
  expect(nearest(long, [long])).toBeUndefined();
  expect(didYouMean('runn', ['run'])).toBe('did you mean "run"?');
});
