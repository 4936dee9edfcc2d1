/** Compiled patterns and what the functions of text do with them. */
import { fail } from '../fail.ts';
import type { Flags } from './ast.ts';
import { type Automaton, automatonOf } from './automaton.ts';
import { parsePattern, withFlags } from './parser.ts';
import { type Program, programOf } from './program.ts';
import { groupsOf, type Match, Searcher } from './search.ts';

const NO_FLAGS: Flags = { ignoresCase: false, byLine: false };

/** A match with its groups: null where one took no part. */
export interface Found extends Match {
  readonly groups: readonly (string | null)[];
}

export class Regexp {
  readonly #program: Program;
  readonly #searcher: Searcher;
  readonly #automaton: Automaton | null;

  /** Throws `rule.failed` for a pattern that is none, is too large or needs what is not supported. */
  constructor(pattern: string, flags: Flags) {
    const { pattern: parsed, groups } = parsePattern(pattern, flags);
    this.#program = programOf(parsed, groups);
    this.#searcher = new Searcher(this.#program);
    this.#automaton = automatonOf(this.#program);
  }

  get groups(): number {
    return this.#program.groups;
  }

  test(text: string): boolean {
    return this.#automaton?.test(text) ?? this.#searcher.test(text);
  }

  find(text: string, from = 0): Match | null {
    // Most texts match nothing: that is found out sooner than where.
    if (from === 0 && this.#automaton?.test(text) === false) return null;
    return this.#searcher.find(text, from);
  }

  /** As `find`, with the groups. */
  match(text: string, from = 0): Found | null {
    const found = this.find(text, from);
    if (found === null) return null;
    if (this.groups === 0) return { ...found, groups: [] };
    const places = groupsOf(this.#program, text, found);
    const groups = Array.from({ length: this.groups }, (_, i) => {
      const [start, end] = [places[2 * i + 2]!, places[2 * i + 3]!];
      return start < 0 || end < 0 ? null : text.slice(start, end);
    });
    return { ...found, groups };
  }

  /** Each match after the one before it; an empty one moves on by a character. */
  *all(text: string, from = 0): Generator<Match> {
    for (let at = from; at <= text.length; ) {
      const found = this.find(text, at);
      if (found === null) return;
      yield found;
      at = found.end > found.start ? found.end : found.end + (text.codePointAt(found.end)! > 0xffff ? 2 : 1);
    }
  }
}

const CACHED = 100;
const cache = new Map<string, Regexp>();

/**
 * @param letters flags as `regexp_replace` takes them, without `g`
 * Throws `rule.failed`.
 */
export function regexp(pattern: string, letters = ''): Regexp {
  const key = `${letters}/${pattern}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const made = new Regexp(pattern, withFlags(NO_FLAGS, letters));
  const [oldest] = cache.keys();
  if (cache.size >= CACHED && oldest !== undefined) cache.delete(oldest);
  cache.set(key, made);
  return made;
}

/** Each match, or the first one, replaced; `\1` to `\9` and `\&` in the replacement are what was matched. */
export function replaceMatches(of: Regexp, text: string, replacement: string, everywhere: boolean): string {
  const usesGroups = replacement.includes('\\');
  let result = '';
  let done = 0;
  for (const { start, end } of of.all(text)) {
    result += text.slice(done, start);
    result += usesGroups ? filledIn(replacement, text.slice(start, end), of.match(text, start)!) : replacement;
    done = end;
    if (!everywhere) break;
  }
  return result + text.slice(done);
}

function filledIn(replacement: string, whole: string, { groups }: Found): string {
  return replacement.replaceAll(/\\([\s\S])/g, (written, letter: string) => {
    if (letter === '&') return whole;
    if (letter === '\\') return '\\';
    return /[1-9]/.test(letter) ? (groups[Number(letter) - 1] ?? '') : written;
  });
}

/** Letters of `flags` without the `g`, and whether it was there. Throws `rule.failed`. */
export function withoutGlobal(letters: string, mayBeGlobal: boolean): readonly [letters: string, everywhere: boolean] {
  const everywhere = letters.includes('g');
  if (everywhere && !mayBeGlobal) return fail('the flag g means nothing here');
  return [letters.replaceAll('g', ''), everywhere];
}
