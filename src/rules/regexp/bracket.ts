/** `[a-z_]`, `[^[:space:]]`. */
import { fail } from '../fail.ts';
import type { CharacterSet, Flags } from './ast.ts';
import { characterSet, namedClass, range, shorthand } from './character-sets.ts';
import { escapedCharacter } from './escapes.ts';
import type { PatternText } from './pattern-text.ts';

type Test = (code: number) => boolean;

const MINUS = 0x2d;

/** The text stands behind the opening bracket. Throws `rule.failed`. */
export function bracket(text: PatternText, { ignoresCase, byLine }: Flags): CharacterSet {
  const negated = text.take('^');
  const tests: Test[] = [];
  for (let isFirst = true; isFirst || !text.isAt(']'); isFirst = false) {
    if (text.isAtEnd) fail('a pattern has a "[" without its "]"');
    tests.push(item(text, isFirst));
  }
  text.take(']');
  if (negated && byLine) tests.push(range(0x0a, 0x0a));
  return characterSet(tests, ignoresCase, negated);
}

function item(text: PatternText, isFirst: boolean): Test {
  const name = text.takeMatch(/\[:([a-z]*):\]/y)?.[1];
  if (name !== undefined) return notBeforeRange(text, namedClass(name));
  if (text.looksAt(/\[[.=:]/y)) fail('patterns have no collating elements ("[." and "[=")');
  const letter = text.isAt('\\') ? text.peek(1) : undefined;
  const test = letter === undefined ? null : shorthand(letter);
  if (test !== null) {
    text.skip(2);
    return notBeforeRange(text, test);
  }
  const from = character(text, isFirst);
  if (!text.isAt('-') || text.peek(1) === ']' || text.peek(1) === undefined) return range(from, from);
  text.skip(1);
  const to = character(text, true);
  return from <= to ? range(from, to) : fail('a pattern has a range of characters that runs backwards');
}

function notBeforeRange(text: PatternText, test: Test): Test {
  return text.isAt('-') && text.peek(1) !== ']' ? fail('a pattern has a range that begins with a class') : test;
}

/** @param mayBeMinus a minus stands for itself at the start, and at the end of a range */
function character(text: PatternText, mayBeMinus: boolean): number {
  if (text.isAtEnd) return fail('a pattern has a "[" without its "]"');
  if (text.looksAt(/\[[.=:]/y)) fail('patterns have no collating elements ("[." and "[=")');
  if (text.isAt('\\')) return escapedCharacter(text);
  const code = text.next();
  const isLast = text.isAt(']');
  return code === MINUS && !mayBeMinus && !isLast ? fail('a pattern has a "-" where no range can be') : code;
}
