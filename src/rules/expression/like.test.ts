import { expect, test } from 'vitest';
import fc from '../../../test/support/fast-check.ts';
import { testSeed } from '../../../test/support/seed.ts';
import { likeMatcher } from './like.ts';

/** By the definition, with backtracking: right, and only fit for short texts. */
function matches(text: readonly string[], pattern: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return text.length === 0;
  if (first === '%') return text.some((_, i) => matches(text.slice(i), rest)) || matches([], rest);
  const [head, ...tail] = text;
  if (head === undefined) return false;
  if (first === '!') return head === rest[0] && matches(tail, rest.slice(1));
  return (first === '_' || first === head) && matches(tail, rest);
}

test('matches what the definition says', () => {
  const seed = testSeed;
  console.log(`like seed ${seed}`);
  const characters = fc.array(fc.constantFrom('a', 'b', '𝄞', '_'), { maxLength: 9 });
  const pattern = fc
    .array(fc.constantFrom('a', 'b', '𝄞', '_', '%', '!a', '!%', '!_', '!!'), { maxLength: 7 })
    .map((parts) => [...parts.join('')]);
  fc.assert(
    fc.property(characters, pattern, (text, like) => {
      expect(likeMatcher(like.join(''), '!')(text.join(''))).toBe(matches(text, like));
    }),
    { seed, numRuns: 20_000 },
  );
});

test('time grows with the text, not with a power of it', () => {
  const text = 'a'.repeat(200_000);
  const like = likeMatcher(`${'%a_a'.repeat(200)}%b`, '\\');
  const start = performance.now();
  expect(like(text)).toBe(false);
  // A pattern of this kind keeps a backtracking matcher busy for years.
  expect(performance.now() - start).toBeLessThan(2_000);
});
