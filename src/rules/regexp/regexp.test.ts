/** Patterns: linear in time whatever they are, and the same answers as another engine where both have them. */
import { expect, test } from 'vitest';
import fc from '../../../test/support/fast-check.ts';
import { parsePattern } from './parser.ts';
import { MAX_STEPS, programOf } from './program.ts';
import { Regexp, regexp, replaceMatches } from './regexp.ts';
import { Searcher } from './search.ts';

const NONE = { ignoresCase: false, byLine: false };

test('patterns that make other engines try exponentially many ways take the time of the text', () => {
  const text = 'a'.repeat(20_000);
  const started = performance.now();
  for (const bomb of ['(a+)+b', '(a|a)*b', '(a|aa)+$b', '(.*)*x', '(a?){50}a{50}b', '(((a*)*)*)*b', '^(a|a?)+$b']) {
    expect(new Regexp(bomb, NONE).test(text)).toBe(false);
  }
  // Generous: hundreds of times the usual, yet no exponential search would end in it.
  expect(performance.now() - started).toBeLessThan(20_000);
});

test('a pattern that counts far is refused before it takes memory', () => {
  for (const bomb of ['(a{255}){255}', '((a{100}){100}){100}', `${'('.repeat(200)}a${')'.repeat(200)}`, 'a{256}']) {
    expect(() => new Regexp(bomb, NONE)).toThrow(/more than|further than/);
  }
  expect(() => new Regexp('a'.repeat(MAX_STEPS + 1), NONE)).toThrow(/steps/);
});

test.each([
  ['(a)\\1', 'refer back'],
  ['a(?=b)', 'look around'],
  ['(?<!a)b', 'look around'],
  ['(a', 'without its'],
  ['a)', 'without its'],
  ['[a', 'without its'],
  ['a**', 'one after the other'],
  ['*a', 'nothing before'],
  ['^*', 'no characters'],
  ['[b-a]', 'backwards'],
  ['[[:nothing:]]', 'class'],
  ['a\\', 'backslash'],
  ['\\i', 'means nothing'],
  ['a{2,1}', 'counts'],
])('pattern %s is refused', (pattern, why) => {
  expect(() => new Regexp(pattern, NONE)).toThrow(why);
});

const atom = fc.constantFrom('a', 'b', '[ab]', '[^a]', '.', '\\w', '\\d', '-', 'ab');
const patterns = fc.letrec((tie) => ({
  pattern: fc.oneof(
    { maxDepth: 4 },
    atom,
    fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `${a}${b}`),
    fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `(?:${a}|${b})`),
    fc.tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '*?')).map(([a, q]) => `(?:${a})${q}`),
  ),
})).pattern as fc.Arbitrary<string>;

test('finds a match where JavaScript finds one, beginning at the same place', () => {
  const texts = fc.string({ unit: fc.constantFrom('a', 'b', '-', '1', '_'), maxLength: 12 });
  fc.assert(
    fc.property(patterns, texts, (pattern, text) => {
      const theirs = new RegExp(pattern, 'su').exec(text);
      const ours = new Regexp(pattern, NONE).find(text);
      expect(ours?.start).toBe(theirs?.index);
    }),
    { numRuns: 500 },
  );
});

test('the quick answer whether there is a match is that of the search', () => {
  const texts = fc.string({ unit: fc.constantFrom('a', 'b', '-', '1', 'é', '𝄞'), maxLength: 12 });
  const anchored = fc.tuple(
    fc.constantFrom('', '^', '(?:^|b)'),
    patterns,
    fc.constantFrom('', '$', '(?:$|-)', '(?:a$)?'),
  );
  fc.assert(
    fc.property(anchored, texts, ([start, pattern, end], text) => {
      const whole = `${start}${pattern}${end}`;
      const parsed = parsePattern(whole, NONE);
      const isFound = new Searcher(programOf(parsed.pattern, parsed.groups)).find(text, 0) !== null;
      const made = new Regexp(whole, NONE);
      expect(made.test(text)).toBe(isFound);
      // Once more, with what it has learned.
      expect(made.test(text)).toBe(isFound);
    }),
    { numRuns: 1_000 },
  );
});

test('a pattern with more states than are kept gives the same answers', () => {
  const many = new Regexp('(?:a|b)*a(?:a|b){11}$', NONE);
  let text = '';
  for (let i = 1; i < 5_000; i++) text += (i * i) % 7 < 3 || i % 5 === 0 ? 'a' : 'b';
  for (let end = 4_900; end < 4_999; end++) {
    const part = text.slice(0, end);
    expect(many.test(part)).toBe(part.at(-12) === 'a');
  }
});

test('the whole match is the longest one, or the shortest where the pattern prefers it', () => {
  expect(regexp('a|ab|abc').match('xabcd')).toMatchObject({ start: 1, end: 4 });
  expect(regexp('(a.*?)(b+)').match('aabbb')).toEqual({ start: 0, end: 3, groups: ['aa', 'b'] });
  expect(replaceMatches(regexp('(\\w)(\\w)?'), 'abc', '<\\2\\1>', true)).toBe('<ba><c>');
  expect(replaceMatches(regexp(''), '𝄞b', '-', true)).toBe('-𝄞-b-');
});
