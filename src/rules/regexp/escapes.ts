/** `\n`, `\u00e9` and such: escapes that stand for one character. */
import { fail } from '../fail.ts';
import type { PatternText } from './pattern-text.ts';

const LETTERS: Readonly<Record<string, number>> = {
  a: 0x07,
  b: 0x08,
  B: 0x5c,
  e: 0x1b,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
};
const HEXADECIMAL = /\\(?:x([0-9a-fA-F]{1,255})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y;

/** The text stands at the backslash. Throws `rule.failed` for one that means nothing. */
export function escapedCharacter(text: PatternText): number {
  const [, x, u, U] = text.takeMatch(HEXADECIMAL) ?? [];
  const digits = x ?? u ?? U;
  if (digits !== undefined) return codePoint(Number.parseInt(digits, 16));
  const control = text.takeMatch(/\\c([\s\S])/y)?.[1];
  if (control !== undefined) return control.charCodeAt(0) & 0x1f;
  const octal = text.takeMatch(/\\(0[0-7]{0,2})/y)?.[1];
  if (octal !== undefined) return Number.parseInt(octal, 8);
  text.skip(1);
  if (text.isAtEnd) return fail('a pattern ends with a backslash');
  const code = text.next();
  const letter = String.fromCodePoint(code);
  if (Object.hasOwn(LETTERS, letter)) return LETTERS[letter]!;
  return /[0-9A-Za-z]/.test(letter) ? fail(`a pattern has an escape that means nothing: "\\${letter}"`) : code;
}

function codePoint(value: number): number {
  return value <= 0x10ffff ? value : fail('a pattern has the number of a character that does not exist');
}
