/**
 * Reads PostgreSQL's advanced regular expressions (https://www.postgresql.org/docs/18/functions-matching.html#POSIX-SYNTAX-DETAILS).
 * Back references and look-around, which no linear-time search knows, are refused.
 */
import { fail } from '../fail.ts';
import type { Assertion, Flags, Pattern } from './ast.ts';
import { bracket } from './bracket.ts';
import { characterSet, range, shorthand } from './character-sets.ts';
import { escapedCharacter } from './escapes.ts';
import { PatternText } from './pattern-text.ts';

/** Of `{m,n}`, as in PostgreSQL. */
const MAX_COUNT = 255;
/** Parentheses within each other. */
const MAX_DEPTH = 100;

const ASSERTIONS: Readonly<Record<string, Assertion>> = {
  A: 'start',
  Z: 'end',
  m: 'word-start',
  M: 'word-end',
  y: 'edge',
  Y: 'no-edge',
};

export interface Parsed {
  readonly pattern: Pattern;
  readonly groups: number;
}

/** Throws `rule.failed` for a pattern that is none or is not supported. */
export function parsePattern(text: string, flags: Flags): Parsed {
  return new PatternParser(text, flags).parse();
}

class PatternParser {
  readonly #text: PatternText;
  #flags: Flags;
  #groups = 0;
  #depth = 0;

  constructor(text: string, flags: Flags) {
    this.#text = new PatternText(text);
    this.#flags = flags;
  }

  parse(): Parsed {
    if (this.#text.take('***=')) return { pattern: this.#literal(), groups: 0 };
    this.#text.take('***:');
    this.#options();
    const pattern = this.#choice();
    if (!this.#text.isAtEnd) fail('a pattern has a ")" without its "("');
    return { pattern, groups: this.#groups };
  }

  #literal(): Pattern {
    const parts: Pattern[] = [];
    while (!this.#text.isAtEnd) parts.push(this.#character(this.#text.next()));
    return { kind: 'sequence', parts };
  }

  /** `(?i)` and such at the start. */
  #options(): void {
    const letters = this.#text.takeMatch(/\(\?([a-z]+)\)/y)?.[1];
    if (letters !== undefined) this.#flags = withFlags(this.#flags, letters);
  }

  #choice(): Pattern {
    const branches = [this.#sequence()];
    while (this.#text.take('|')) branches.push(this.#sequence());
    return branches.length === 1 ? branches[0]! : { kind: 'choice', branches };
  }

  #sequence(): Pattern {
    const parts: Pattern[] = [];
    while (!this.#text.isAtEnd && !this.#text.isAt('|') && !this.#text.isAt(')')) {
      parts.push(this.#quantified());
    }
    return parts.length === 0 ? { kind: 'empty' } : parts.length === 1 ? parts[0]! : { kind: 'sequence', parts };
  }

  #quantified(): Pattern {
    const atom = this.#atom();
    const counts = this.#quantifier();
    if (counts === null) return atom;
    if (atom.kind === 'assertion') fail('a pattern repeats something that has no characters');
    const greedy = !this.#text.take('?');
    if (this.#quantifier() !== null) fail('a pattern has two quantifiers one after the other');
    return { kind: 'repeat', inner: atom, min: counts[0], max: counts[1], greedy };
  }

  #quantifier(): readonly [min: number, max: number] | null {
    if (this.#text.take('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#text.take('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#text.take('?')) return [0, 1];
    if (!this.#text.looksAt(/\{\d/y)) return null;
    const [, low, comma, high] =
      this.#text.takeMatch(/\{(\d{1,3})(,?)(\d{0,3})\}/y) ?? fail('a pattern has a "{" without a right count');
    const min = Number(low);
    const max = comma === '' ? min : high === '' ? Number.POSITIVE_INFINITY : Number(high);
    const isRight = min <= max && min <= MAX_COUNT && (max <= MAX_COUNT || max === Number.POSITIVE_INFINITY);
    return isRight && !(comma === '' && high !== '') ? [min, max] : fail(`a pattern counts further than ${MAX_COUNT}`);
  }

  #atom(): Pattern {
    const text = this.#text;
    if (text.take('(')) return this.#group();
    if (text.take('[')) return { kind: 'set', set: bracket(text, this.#flags) };
    if (text.take('^')) return { kind: 'assertion', assertion: this.#flags.byLine ? 'line-start' : 'start' };
    if (text.take('$')) return { kind: 'assertion', assertion: this.#flags.byLine ? 'line-end' : 'end' };
    if (text.take('.')) return { kind: 'set', set: { has: this.#flags.byLine ? (code) => code !== 0x0a : () => true } };
    if (text.isAt('*') || text.isAt('+') || text.isAt('?') || text.looksAt(/\{\d/y)) {
      fail('a pattern has a quantifier with nothing before it');
    }
    if (text.isAt('\\')) return this.#escape();
    return this.#character(text.next());
  }

  #group(): Pattern {
    if (this.#text.looksAt(/\?(?:<?[=!])/y)) fail('patterns cannot look around ("(?=", "(?!", "(?<=", "(?<!")');
    const captures = !this.#text.take('?:');
    if (this.#text.isAt('?')) fail('a pattern has a "(?" that means nothing');
    if (++this.#depth > MAX_DEPTH) fail(`a pattern has more than ${MAX_DEPTH} parentheses within each other`);
    const number = captures ? ++this.#groups : null;
    const inner = this.#choice();
    if (!this.#text.take(')')) fail('a pattern has a "(" without its ")"');
    this.#depth--;
    return { kind: 'group', inner, number };
  }

  #escape(): Pattern {
    const letter = this.#text.peek(1);
    if (letter === undefined) return fail('a pattern ends with a backslash');
    const test = shorthand(letter);
    if (test !== null) {
      this.#text.skip(2);
      const { byLine } = this.#flags;
      const isNegated = letter !== letter.toLowerCase();
      return { kind: 'set', set: { has: byLine && isNegated ? (code) => code !== 0x0a && test(code) : test } };
    }
    if (Object.hasOwn(ASSERTIONS, letter)) {
      this.#text.skip(2);
      return { kind: 'assertion', assertion: ASSERTIONS[letter]! };
    }
    if (/[1-9]/.test(letter)) fail('patterns cannot refer back to what a group matched ("\\1")');
    return this.#character(escapedCharacter(this.#text));
  }

  #character(code: number): Pattern {
    const { ignoresCase } = this.#flags;
    if (ignoresCase) return { kind: 'set', set: characterSet([range(code, code)], true) };
    return { kind: 'set', set: { has: (other) => other === code } };
  }
}

/** @param letters as functions and `(?…)` take them. Throws `rule.failed`. */
export function withFlags(flags: Flags, letters: string): Flags {
  let { ignoresCase, byLine } = flags;
  for (const letter of letters) {
    if (letter === 'i') ignoresCase = true;
    else if (letter === 'c') ignoresCase = false;
    else if (letter === 'n' || letter === 'm') byLine = true;
    else if (letter === 's') byLine = false;
    else if (letter !== 't') fail('of the flags of a pattern there are i, c, n, m, s and t');
  }
  return { ignoresCase, byLine };
}
