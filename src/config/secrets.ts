/**
 * What must not be shown of a configuration (Invariant 12): passwords in URLs, values of fields that are secret or are
 * called like one, values of variables.
 */
import type { Range } from './source-text.ts';

const STARS = '***';
/** Shorter values are found in innocent words everywhere; they are masked only where they stand. */
const MIN_SEARCHED = 4;
/** A key that is called like a secret, up to where its value starts. */
const SECRET_KEY =
  /(?:passw|passphrase|pwd|secret|token|api_?key|mask_?key|private_?key|credential)[\w-]{0,40}["']?[ \t]{0,20}:[ \t]{0,20}/gi;
/** Parameters of a URL. */
const SECRET_PARAMETER =
  /[?&;](?:[a-z_]{0,20}passw(?:or)?d|[a-z_]{0,20}secret|[a-z_]{0,20}token|api_?key)=([^\s&'"]{1,2000})/gi;
/** A value that is nothing but variables without default has no secret in the file. */
const ONLY_VARIABLES = /^(?:\$\{(?:[A-Za-z_]\w*|file:[^}]*)\})+$/;

/** Places in a file's text that hold secrets, as far as the text alone shows it: also when it cannot be parsed. */
export function secretRanges(text: string): Range[] {
  return [...passwordRanges(text), ...parameterRanges(text), ...keyRanges(text)];
}

/** Where a literal secret stands in a scalar's source: the password of a URL, otherwise all of it. */
export function secretsOfScalar(source: string, offset: number): Range[] {
  const bare = source.replace(/^["']|["']$/g, '');
  if (ONLY_VARIABLES.test(bare)) return [];
  const scheme = source.indexOf('://');
  if (scheme === -1) return [[offset, offset + source.length]];
  const start = scheme + 3;
  const at = source.lastIndexOf('@');
  const colon = source.indexOf(':', start);
  const ranges = parameterRanges(source).map(([from, to]): Range => [from + offset, to + offset]);
  if (at === -1 || colon === -1 || colon > at) return ranges;
  return ONLY_VARIABLES.test(source.slice(colon + 1, at)) ? ranges : [...ranges, [offset + colon + 1, offset + at]];
}

/** `scheme://user:password@host`: from the first colon to the last `@` of the word. */
function passwordRanges(text: string): Range[] {
  const ranges: Range[] = [];
  for (let scheme = text.indexOf('://'); scheme !== -1; ) {
    const start = scheme + 3;
    const length = text.slice(start).search(/[\s'"]/);
    const end = length === -1 ? text.length : start + length;
    const at = text.lastIndexOf('@', end - 1);
    const colon = text.indexOf(':', start);
    if (at >= start && colon !== -1 && colon < at && !ONLY_VARIABLES.test(text.slice(colon + 1, at))) {
      ranges.push([colon + 1, at]);
    }
    scheme = text.indexOf('://', Math.max(end, start));
  }
  return ranges;
}

function parameterRanges(text: string): Range[] {
  return [...text.matchAll(SECRET_PARAMETER)].flatMap((match): Range[] => {
    const to = match.index + match[0].length;
    return ONLY_VARIABLES.test(match[1]!) ? [] : [[to - match[1]!.length, to]];
  });
}

function keyRanges(text: string): Range[] {
  const ranges: Range[] = [];
  for (const match of text.matchAll(SECRET_KEY)) {
    const from = match.index + match[0].length;
    const quote = text[from];
    const end = quote === '"' || quote === "'" ? quotedEnd(text, from, quote) : plainEnd(text, from);
    const value = text.slice(from, end).trimEnd();
    if (value === '' || ONLY_VARIABLES.test(value.replace(/^["']|["']$/g, '')) || value.includes('://')) continue;
    ranges.push([from, from + value.length]);
  }
  return ranges;
}

function quotedEnd(text: string, from: number, quote: string): number {
  const close = text.indexOf(quote, from + 1);
  const newline = text.indexOf('\n', from);
  if (close !== -1 && (newline === -1 || close < newline)) return close + 1;
  return newline === -1 ? text.length : newline;
}

function plainEnd(text: string, from: number): number {
  const found = text.slice(from).search(/[\n\r]| #/);
  return found === -1 ? text.length : from + found;
}

/** Passwords in the URLs of a resolved value, as written and decoded. */
export function urlSecrets(value: string): string[] {
  const ranges = value.includes('://') ? secretsOfScalar(value, 0) : [];
  return ranges.flatMap(([from, to]) => {
    const raw = value.slice(from, to);
    const decoded = decode(raw);
    return decoded === raw ? [raw] : [raw, decoded];
  });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Replaces known secret values wherever they occur in a text. */
export type Redact = (text: string) => string;

/** @param values secret value → what to show instead. Long ones are replaced first. */
export function redactor(values: Iterable<readonly [secret: string, shown: string]>): Redact {
  const unique = [...new Map(values)].filter(([secret]) => secret.length >= MIN_SEARCHED);
  const sorted = unique.sort(([a], [b]) => b.length - a.length);
  return (text) => sorted.reduce((result, [secret, shown]) => result.replaceAll(secret, () => shown), text);
}

export function starred(secrets: Iterable<string>): Redact {
  return redactor([...secrets].map((secret) => [secret, STARS] as const));
}
