/** Functions of regular expressions. */
import { fail } from '../../fail.ts';
import { type Regexp, regexp, replaceMatches, withoutGlobal } from '../../regexp/regexp.ts';
import type { Present } from '../../values/cell.ts';
import { codePointCount, unitOfCodePoint } from '../../values/text.ts';
import type { FunctionEntry } from '../functions.ts';
import { type Overload, overload } from '../overloads.ts';
import { arrayOf, BOOL, TEXT, typeOf } from '../types.ts';

const INTEGER = typeOf('int32');
const TEXTS = arrayOf(TEXT);

/** A pattern written into the text is read while the expression is checked. */
function withPattern(form: Overload, pattern: number, flags?: number): Overload {
  const mayBeNull = form.result !== BOOL && form.result !== INTEGER;
  const check = (values: readonly (Present | undefined)[]) => {
    const [text, letters = ''] = [values[pattern], flags === undefined ? '' : values[flags]];
    if (typeof text === 'string' && typeof letters === 'string') regexp(text, withoutGlobal(letters, true)[0]);
  };
  return { ...form, check, ...(mayBeNull && { mayBeNull }) };
}

function entry(name: string, usage: readonly string[], summary: string, overloads: readonly Overload[]): FunctionEntry {
  const counts = overloads.map(({ params }) => params.length);
  return { name, usage, summary, minArgs: Math.min(...counts), maxArgs: Math.max(...counts), overloads };
}

function replace(text: string, pattern: string, replacement: string, flags = ''): string {
  const [letters, everywhere] = withoutGlobal(flags, true);
  return replaceMatches(regexp(pattern, letters), text, replacement, everywhere);
}

const local = (pattern: string, flags: string) => regexp(pattern, withoutGlobal(flags, false)[0]);

function groupsOrWhole(of: Regexp, text: string): (string | null)[] | null {
  const found = of.match(text);
  if (found === null) return null;
  return of.groups === 0 ? [text.slice(found.start, found.end)] : [...found.groups];
}

/** The first group, if there is one, else the whole match. */
export function matchedPart(text: string, pattern: string): string | null {
  return groupsOrWhole(regexp(pattern), text)?.[0] ?? null;
}

/** Null behind the end. */
function startUnit(text: string, start: number): number | null {
  if (start < 1) return fail('the place to start from is not positive');
  return start - 1 > codePointCount(text) ? null : unitOfCodePoint(text, start - 1);
}

function count(text: string, pattern: string, start = 1, flags = ''): number {
  const of = local(pattern, flags);
  const from = startUnit(text, start);
  return from === null ? 0 : [...of.all(text, from)].length;
}

function substr(text: string, pattern: string, start = 1, nth = 1, flags = '', group = 0): string | null {
  if (nth < 1 || group < 0) return fail('the number of a match or group is not positive');
  const of = local(pattern, flags);
  const from = startUnit(text, start);
  const found = from === null ? undefined : [...of.all(text, from)][nth - 1];
  if (found === undefined || group > Math.max(1, of.groups)) return null;
  return group === 0 || of.groups === 0
    ? text.slice(found.start, found.end)
    : of.match(text, found.start)!.groups[group - 1]!;
}

/** An empty match at the ends, or right behind another match, splits nothing. */
function split(text: string, pattern: string, flags = ''): string[] {
  const parts: string[] = [];
  let done = 0;
  for (const { start, end } of local(pattern, flags).all(text)) {
    if (end === start && (start === text.length || start === done)) continue;
    parts.push(text.slice(done, start));
    done = end;
  }
  return [...parts, text.slice(done)];
}

const T = TEXT;
export const regexpFunctions: readonly FunctionEntry[] = [
  entry('regexp_like', ['regexp_like(text, pattern)', 'regexp_like(text, pattern, flags)'], 'As `text ~ pattern`.', [
    withPattern(
      overload([T, T], BOOL, (text: string, pattern: string) => regexp(pattern).test(text)),
      1,
    ),
    withPattern(
      overload([T, T, T], BOOL, (text: string, pattern: string, flags: string) => local(pattern, flags).test(text)),
      1,
      2,
    ),
  ]),
  entry(
    'regexp_replace',
    ['regexp_replace(text, pattern, replacement)', 'regexp_replace(text, pattern, replacement, flags)'],
    'The first match replaced, with the flag `g` every one. `\\1` to `\\9` are the groups, `\\&` the whole match.',
    [withPattern(overload([T, T, T], T, replace), 1), withPattern(overload([T, T, T, T], T, replace), 1, 3)],
  ),
  entry(
    'regexp_match',
    ['regexp_match(text, pattern)', 'regexp_match(text, pattern, flags)'],
    'What the groups of the first match hold, or all of it when there is no group; NULL without a match.',
    [
      withPattern(
        overload([T, T], TEXTS, (text: string, pattern: string) => groupsOrWhole(regexp(pattern), text)),
        1,
      ),
      withPattern(
        overload([T, T, T], TEXTS, (text: string, pattern: string, flags: string) =>
          groupsOrWhole(local(pattern, flags), text),
        ),
        1,
        2,
      ),
    ],
  ),
  entry(
    'regexp_substr',
    ['regexp_substr(text, pattern[, start[, nth[, flags[, group]]]])'],
    'The nth match, or a group of it; NULL when there is none.',
    [
      withPattern(overload([T, T], T, substr), 1),
      withPattern(overload([T, T, INTEGER], T, substr), 1),
      withPattern(overload([T, T, INTEGER, INTEGER], T, substr), 1),
      withPattern(overload([T, T, INTEGER, INTEGER, T], T, substr), 1, 4),
      withPattern(overload([T, T, INTEGER, INTEGER, T, INTEGER], T, substr), 1, 4),
    ],
  ),
  entry('regexp_count', ['regexp_count(text, pattern[, start[, flags]])'], 'How often the pattern matches.', [
    withPattern(overload([T, T], INTEGER, count), 1),
    withPattern(overload([T, T, INTEGER], INTEGER, count), 1),
    withPattern(overload([T, T, INTEGER, T], INTEGER, count), 1, 3),
  ]),
  entry(
    'regexp_split_to_array',
    ['regexp_split_to_array(text, pattern)', 'regexp_split_to_array(text, pattern, flags)'],
    'The parts between the matches.',
    [withPattern(overload([T, T], TEXTS, split), 1), withPattern(overload([T, T, T], TEXTS, split), 1, 2)],
  ),
];
