/**
 * JSON as PostgreSQL's `json` (the text as it was written) and `jsonb` (one form for each value). Numbers are exact
 * and parts are cut out of the text, so that nothing is read and written anew.
 */
import { fail } from '../fail.ts';
import { decimalText, parseDecimal } from './decimal.ts';
import { compareText } from './text.ts';

/** Arrays and objects within each other. */
const MAX_DEPTH = 1_000;

export type JsonType = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

const TYPES: Readonly<Record<string, JsonType>> = {
  '{': 'object',
  '[': 'array',
  '"': 'string',
  t: 'boolean',
  f: 'boolean',
  n: 'null',
};

export function jsonType(text: string): JsonType {
  return TYPES[text[skipSpace(text, 0)] ?? ''] ?? 'number';
}

const SPACE = /[ \t\n\r]*/y;
const STRING = /"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y;
const SCALAR = /true|false|null|-?\d[-+.\deE]*/y;

function after(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : fail('a text is not JSON');
}

const skipSpace = (text: string, at: number) => after(SPACE, text, at);

/** End of the value that begins at `at`. */
function skipValue(text: string, at: number): number {
  const first = text[at];
  if (first === '"') return after(STRING, text, at);
  if (first !== '{' && first !== '[') return after(SCALAR, text, at);
  let depth = 0;
  for (let i = at; i < text.length; ) {
    const unit = text[i];
    if (unit === '"') {
      i = after(STRING, text, i);
      continue;
    }
    if (unit === '{' || unit === '[') depth++;
    else if ((unit === '}' || unit === ']') && --depth === 0) return i + 1;
    i++;
  }
  return fail('a text is not JSON');
}

/** Keys and values of an object, as texts; nothing of other values. */
export function* jsonEntries(text: string): Generator<readonly [key: string, value: string]> {
  let at = skipSpace(text, 0);
  if (text[at] !== '{') return;
  at = skipSpace(text, at + 1);
  while (text[at] !== '}') {
    const end = after(STRING, text, at);
    const key = text.slice(at, end);
    const colon = skipSpace(text, end);
    if (text[colon] !== ':') fail('a text is not JSON');
    const start = skipSpace(text, colon + 1);
    const stop = skipValue(text, start);
    yield [key.includes('\\') ? stringOf(key) : key.slice(1, -1), text.slice(start, stop)];
    at = behindComma(text, stop, '}');
  }
}

/** Elements of an array, as texts; nothing of other values. */
export function* jsonElements(text: string): Generator<string> {
  let at = skipSpace(text, 0);
  if (text[at] !== '[') return;
  at = skipSpace(text, at + 1);
  while (text[at] !== ']') {
    const stop = skipValue(text, at);
    yield text.slice(at, stop);
    at = behindComma(text, stop, ']');
  }
}

function behindComma(text: string, at: number, close: string): number {
  const next = skipSpace(text, at);
  if (text[next] === close) return next;
  return text[next] === ',' ? skipSpace(text, next + 1) : fail('a text is not JSON');
}

/** Of several equal keys the last one counts. Null when there is none. */
export function jsonField(text: string, name: string): string | null {
  let found: string | null = null;
  for (const [key, value] of jsonEntries(text)) if (key === name) found = value;
  return found;
}

/** @param index negative: from the end */
export function jsonElement(text: string, index: number): string | null {
  if (index < 0) return [...jsonElements(text)].at(index) ?? null;
  let at = 0;
  for (const element of jsonElements(text)) if (at++ === index) return element;
  return null;
}

/** Keys of objects, indexes of arrays. */
export function jsonPath(text: string, path: readonly (string | null)[]): string | null {
  let found: string | null = text;
  for (const key of path) {
    if (key === null || found === null) return null;
    const type = jsonType(found);
    if (type === 'object') found = jsonField(found, key);
    else if (type === 'array' && /^\s*[+-]?\d{1,10}$/.test(key)) found = jsonElement(found, Number(key));
    else return null;
  }
  return found;
}

/** What `->>` makes of a part: text without quotes, NULL of null. */
export function jsonAsText(part: string | null): string | null {
  if (part === null) return null;
  const at = skipSpace(part, 0);
  if (part[at] === '"') return stringOf(part);
  return jsonType(part) === 'null' ? null : part;
}

/** The text that a JSON string stands for. Throws `rule.failed` for what no text of PostgreSQL can hold. */
function stringOf(json: string): string {
  const text = JSON.parse(json) as string;
  return text.includes('\0') || !text.isWellFormed() ? fail('a JSON string holds what no text can') : text;
}

/** As `jsonb` is written: keys once, ordered by length and bytes, one blank after each colon and comma. */
export function normalJson(text: string, depth = 0): string {
  if (depth > MAX_DEPTH) return fail(`JSON has more than ${MAX_DEPTH} levels`);
  switch (jsonType(text)) {
    case 'object': {
      const entries = new Map<string, string>();
      for (const [key, value] of jsonEntries(text)) entries.set(key, normalJson(value, depth + 1));
      return objectJson(entries);
    }
    case 'array':
      return `[${Array.from(jsonElements(text), (element) => normalJson(element, depth + 1)).join(', ')}]`;
    case 'string':
      return JSON.stringify(stringOf(text));
    case 'number':
      return decimalText(parseDecimal(text) ?? fail('a text is not JSON'));
    default:
      return text.trim();
  }
}

/** Values in their normal form. */
export function objectJson(entries: ReadonlyMap<string, string>): string {
  const keys = [...entries.keys()].sort((a, b) => Buffer.byteLength(a) - Buffer.byteLength(b) || compareText(a, b));
  return `{${keys.map((key) => `${JSON.stringify(key)}: ${entries.get(key)!}`).join(', ')}}`;
}

/** Without the entries of objects that are null, at every level. Takes and gives the normal form. */
export function withoutNulls(text: string): string {
  const type = jsonType(text);
  if (type === 'array') return `[${Array.from(jsonElements(text), withoutNulls).join(', ')}]`;
  if (type !== 'object') return text;
  const kept = new Map<string, string>();
  for (const [key, value] of jsonEntries(text)) if (value !== 'null') kept.set(key, withoutNulls(value));
  return objectJson(kept);
}

/** `jsonb || jsonb`. Takes and gives the normal form. */
export function joinedJson(a: string, b: string): string {
  if (jsonType(a) === 'object' && jsonType(b) === 'object') {
    return objectJson(new Map([...jsonEntries(a), ...jsonEntries(b)]));
  }
  const items = (text: string) => (jsonType(text) === 'array' ? [...jsonElements(text)] : [text]);
  return `[${[...items(a), ...items(b)].join(', ')}]`;
}
