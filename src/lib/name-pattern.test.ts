import { expect, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import { isPattern, matchesName } from './name-pattern.ts';

test.each([
  ['public.*', 'public.a', true],
  ['public.*', 'public.a.b', true],
  ['public.*', 'other.a', false],
  ['public.order_*', 'public.order_', true],
  ['public.order_*', 'public.orders', false],
  ['*.orders', 'app.orders', true],
  ['*.orders', 'app.x.orders', false],
  ['a*.*b*', 'app.xbx', true],
  ['public.a', 'public.a', true],
])('%s and %s: %s', (pattern, name, expected) => {
  expect(matchesName(pattern, name)).toBe(expected);
});

test('as a regular expression does', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
  fc.assert(
    fc.property(word, text, (pattern, name) => {
      const naive = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name);
      expect(matchesName(`s.${pattern}`, `s.${name}`)).toBe(naive);
      expect(isPattern(`s.${pattern}`)).toBe(pattern.includes('*'));
    }),
  );
});
