/** Sets of characters: brackets, `.`, `\d` and such, by Unicode's properties. */
import { fail } from '../fail.ts';
import type { CharacterSet } from './ast.ts';

const property = (pattern: RegExp) => {
  const ascii = Uint8Array.from({ length: 128 }, (_, code) => Number(pattern.test(String.fromCharCode(code))));
  return (code: number) => (code < 128 ? ascii[code] === 1 : pattern.test(String.fromCodePoint(code)));
};

const isAlpha = property(/^\p{Alphabetic}$/u);
const isDigit = property(/^\p{Nd}$/u);
const isSpace = property(/^\p{White_Space}$/u);
const isUpper = property(/^\p{Uppercase}$/u);
const isLower = property(/^\p{Lowercase}$/u);
const isPunctuation = property(/^\p{P}$/u);
const isControl = property(/^\p{Cc}$/u);
const isShown = property(/^[^\p{White_Space}\p{Cc}\p{Cs}\p{Cn}]$/u);

export const isWord = (code: number) => code === 0x5f || isAlpha(code) || isDigit(code);

type Test = (code: number) => boolean;

/** POSIX's names of classes, as `[[:alpha:]]`. */
const CLASSES: Readonly<Record<string, Test>> = {
  alpha: isAlpha,
  digit: isDigit,
  alnum: (code) => isAlpha(code) || isDigit(code),
  upper: isUpper,
  lower: isLower,
  space: isSpace,
  blank: property(/^[\p{Zs}\t]$/u),
  punct: isPunctuation,
  cntrl: isControl,
  graph: isShown,
  print: (code) => isShown(code) || (isSpace(code) && !isControl(code)),
  xdigit: property(/^[0-9a-fA-F]$/),
  word: isWord,
  ascii: (code) => code < 128,
};

export function namedClass(name: string): Test {
  if (!Object.hasOwn(CLASSES, name)) return fail('a pattern names a class of characters that does not exist');
  return CLASSES[name]!;
}

/** `\d`, `\s`, `\w`, and in upper case all others. Null for other letters. */
export function shorthand(letter: string): Test | null {
  const test = { d: isDigit, s: isSpace, w: isWord }[letter.toLowerCase()];
  if (test === undefined) return null;
  return letter === letter.toLowerCase() ? test : (code) => !test(code);
}

export const range =
  (from: number, to: number): Test =>
  (code) =>
    code >= from && code <= to;

function simpleCase(code: number, change: (text: string) => string): number {
  const changed = change(String.fromCodePoint(code));
  const first = changed.codePointAt(0)!;
  return String.fromCodePoint(first).length === changed.length ? first : code;
}

export const lowerOf = (code: number) => simpleCase(code, (text) => text.toLowerCase());
export const upperOf = (code: number) => simpleCase(code, (text) => text.toUpperCase());

/** A set that any of the tests is true for, or none of them when `negated`. Quick for ASCII. */
export function characterSet(tests: readonly Test[], ignoresCase: boolean, negated = false): CharacterSet {
  const any = (code: number) => tests.some((test) => test(code));
  const found = ignoresCase ? (code: number) => any(code) || any(lowerOf(code)) || any(upperOf(code)) : any;
  const ascii = Uint8Array.from({ length: 128 }, (_, code) => Number(found(code) !== negated));
  return { has: (code) => (code < 128 ? ascii[code] === 1 : found(code) !== negated) };
}
