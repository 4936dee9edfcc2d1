/** Functions that take text apart and put it together. Positions and lengths are in characters (code points), from 1. */
import { fail } from '../../fail.ts';
import { regexp } from '../../regexp/regexp.ts';
import { codePointCount, firstCodePoints, lastCodePoints } from '../../values/text.ts';
import type { FunctionEntry } from '../functions.ts';
import { type Overload, overload } from '../overloads.ts';
import { BOOL, TEXT, typeOf } from '../types.ts';
import { matchedPart } from './regexp.ts';

const INTEGER = typeOf('int32');
const BYTES = typeOf('bytes');
/** Characters of a text that a function may make of a short one. */
const MAX_MADE = 1 << 20;

function entry(name: string, usage: readonly string[], summary: string, overloads: readonly Overload[]): FunctionEntry {
  const counts = overloads.map(({ params }) => params.length);
  return { name, usage, summary, minArgs: Math.min(...counts), maxArgs: Math.max(...counts), overloads };
}

function part(text: string, from: number, to: number): string {
  return firstCodePoints(lastCodePoints(text, codePointCount(text) - from), to - from);
}

/** Places before the first character count as empty. */
function substring(text: string, start: number, length = Number.POSITIVE_INFINITY): string {
  if (length < 0) return fail('the length of a part of a text is negative');
  const from = Math.max(start, 1);
  const end = start + length;
  return end <= from ? '' : part(text, from - 1, end - 1);
}

function subarray(bytes: Uint8Array, start: number, length = Number.POSITIVE_INFINITY): Uint8Array {
  if (length < 0) return fail('the length of a part of bytes is negative');
  const from = Math.max(start, 1);
  return bytes.subarray(from - 1, Math.max(from, start + length) - 1);
}

function left(text: string, count: number): string {
  return firstCodePoints(text, count >= 0 ? count : Math.max(0, codePointCount(text) + count));
}

function right(text: string, count: number): string {
  return lastCodePoints(text, count >= 0 ? count : Math.max(0, codePointCount(text) + count));
}

function repeat(text: string, count: number): string {
  if (count <= 0 || text === '') return '';
  return text.length * count > MAX_MADE ? fail('a text would be too long') : text.repeat(count);
}

/** What is missing, or null when the text is long enough. */
function padding(text: string, length: number, fill: string): string | null {
  if (length > MAX_MADE) return fail('a text would be too long');
  const missing = length - codePointCount(text);
  if (missing <= 0 || fill === '') return null;
  return firstCodePoints(fill.repeat(Math.ceil(missing / codePointCount(fill))), missing);
}

function padLeft(text: string, length: number, fill = ' '): string {
  const before = padding(text, length, fill);
  return before === null ? firstCodePoints(text, Math.max(0, length)) : before + text;
}

function padRight(text: string, length: number, fill = ' '): string {
  const after = padding(text, length, fill);
  return after === null ? firstCodePoints(text, Math.max(0, length)) : text + after;
}

function trim(text: string, characters: string, atStart: boolean, atEnd: boolean): string {
  const set = new Set(characters);
  const all = [...text];
  let from = 0;
  let to = all.length;
  while (atStart && from < to && set.has(all[from]!)) from++;
  while (atEnd && to > from && set.has(all[to - 1]!)) to--;
  return all.slice(from, to).join('');
}

function trimming(name: string, what: string, atStart: boolean, atEnd: boolean): FunctionEntry {
  return entry(
    name,
    [`${name}(text)`, `${name}(text, characters)`],
    `Without blanks, or the characters given, ${what}.`,
    [
      overload([TEXT], TEXT, (text: string) => trim(text, ' ', atStart, atEnd)),
      overload([TEXT, TEXT], TEXT, (text: string, characters: string) => trim(text, characters, atStart, atEnd)),
    ],
  );
}

function splitPart(text: string, delimiter: string, field: number): string {
  if (field === 0) return fail('the number of a field is zero');
  const fields = delimiter === '' || text === '' ? [text] : text.split(delimiter);
  return fields.at(field > 0 ? field - 1 : field) ?? '';
}

/** The first of several equal characters in `from` counts; those without a partner are left out. */
function translate(text: string, from: string, to: string): string {
  const targets = [...to];
  const map = new Map<string, string>();
  for (const [i, character] of [...from].entries()) if (!map.has(character)) map.set(character, targets[i] ?? '');
  return Array.from(text, (character) => map.get(character) ?? character).join('');
}

function position(text: string, part: string): number {
  const at = text.indexOf(part);
  return at < 0 ? 0 : codePointCount(text.slice(0, at)) + 1;
}

function character(code: number): string {
  if (code <= 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
    return fail('there is no character of this number');
  return String.fromCodePoint(code);
}

const characterCount = [overload([TEXT], INTEGER, (text: string) => codePointCount(text))];
const parts = [
  overload([TEXT, INTEGER], TEXT, (text: string, start: number) => substring(text, start)),
  overload([TEXT, INTEGER, INTEGER], TEXT, (text: string, start: number, length: number) =>
    substring(text, start, length),
  ),
  overload([BYTES, INTEGER], BYTES, (bytes: Uint8Array, start: number) => subarray(bytes, start)),
  overload([BYTES, INTEGER, INTEGER], BYTES, (bytes: Uint8Array, start: number, length: number) =>
    subarray(bytes, start, length),
  ),
];
const matched = overload([TEXT, TEXT], TEXT, matchedPart);
const matchedPattern: Overload = {
  ...matched,
  mayBeNull: true,
  check: ([, pattern]) => {
    if (typeof pattern === 'string') regexp(pattern);
  },
};

export const stringFunctions: readonly FunctionEntry[] = [
  entry('char_length', ['char_length(text)'], 'Number of characters.', characterCount),
  entry('character_length', ['character_length(text)'], 'Number of characters.', characterCount),
  entry('left', ['left(text, n)'], 'The first n characters; with a negative n all but the last −n.', [
    overload([TEXT, INTEGER], TEXT, left),
  ]),
  entry('right', ['right(text, n)'], 'The last n characters; with a negative n all but the first −n.', [
    overload([TEXT, INTEGER], TEXT, right),
  ]),
  entry(
    'substr',
    ['substr(text or bytea, start)', 'substr(text or bytea, start, length)'],
    'A part of the text or of the bytes.',
    parts,
  ),
  entry(
    'substring',
    ['substring(text or bytea, start)', 'substring(text or bytea, start, length)', 'substring(text, pattern)'],
    'As `substr`; with a pattern its first group, or what it matches, NULL without a match.',
    [...parts, matchedPattern],
  ),
  trimming('btrim', 'at both ends', true, true),
  trimming('trim', 'at both ends', true, true),
  trimming('ltrim', 'at the start', true, false),
  trimming('rtrim', 'at the end', false, true),
  entry(
    'lpad',
    ['lpad(text, length)', 'lpad(text, length, fill)'],
    'Filled up at the start, or cut at the end, to this length.',
    [
      overload([TEXT, INTEGER], TEXT, (text: string, length: number) => padLeft(text, length)),
      overload([TEXT, INTEGER, TEXT], TEXT, (text: string, length: number, fill: string) =>
        padLeft(text, length, fill),
      ),
    ],
  ),
  entry('rpad', ['rpad(text, length)', 'rpad(text, length, fill)'], 'Filled up or cut at the end to this length.', [
    overload([TEXT, INTEGER], TEXT, (text: string, length: number) => padRight(text, length)),
    overload([TEXT, INTEGER, TEXT], TEXT, (text: string, length: number, fill: string) => padRight(text, length, fill)),
  ]),
  entry('repeat', ['repeat(text, n)'], `The text n times; at most ${MAX_MADE} characters.`, [
    overload([TEXT, INTEGER], TEXT, repeat),
  ]),
  entry('replace', ['replace(text, from, to)'], 'Each `from` in the text replaced by `to`.', [
    overload([TEXT, TEXT, TEXT], TEXT, (text: string, from: string, to: string) =>
      from === '' ? text : text.split(from).join(to),
    ),
  ]),
  entry(
    'translate',
    ['translate(text, from, to)'],
    'Each character of `from` replaced by the one at its place in `to`.',
    [overload([TEXT, TEXT, TEXT], TEXT, translate)],
  ),
  entry('reverse', ['reverse(text or bytea)'], 'The characters, or bytes, from the last to the first.', [
    overload([TEXT], TEXT, (text: string) => [...text].reverse().join('')),
    overload([BYTES], BYTES, (bytes: Uint8Array) => Uint8Array.from(bytes).reverse()),
  ]),
  entry('strpos', ['strpos(text, part)'], 'Where the part first stands; 0: nowhere.', [
    overload([TEXT, TEXT], INTEGER, position),
  ]),
  entry('starts_with', ['starts_with(text, start)'], 'Does the text start so?', [
    overload([TEXT, TEXT], BOOL, (text: string, start: string) => text.startsWith(start)),
  ]),
  entry(
    'split_part',
    ['split_part(text, delimiter, n)'],
    'The nth field between delimiters, a negative n from the end; empty when there is none.',
    [overload([TEXT, TEXT, INTEGER], TEXT, splitPart)],
  ),
  entry('ascii', ['ascii(text)'], 'Number of the first character; 0 for an empty text.', [
    overload([TEXT], INTEGER, (text: string) => text.codePointAt(0) ?? 0),
  ]),
  entry('chr', ['chr(n)'], 'The character of this number.', [overload([INTEGER], TEXT, character)]),
];
