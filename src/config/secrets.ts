/**
 * What must not be shown of a configuration (Invariant 12): passwords in URLs, values of fields that are secret or are
 * called like one, values of variables.
 */
import type { Range } from './source-text.ts';

const STARS = '***';
/** Shorter values are found in innocent words everywhere; they are masked only where they stand. */
const MIN_SEARCHED = 4;
/** Beginnings of keys that are called like a secret. */
const SECRET_WORDS = 'passw|passphrase|pwd|secret|token|api_?key|mask_?key|private_?key|credential';
/** Parameters of a URL. */
const SECRET_PARAMETER =
  /(?<!\w)(?:[a-z_]{0,20}passw(?:or)?d|[a-z_]{0,20}secret|[a-z_]{0,20}token|api_?key)=([^\s&'"]{1,2000})/gi;
/** A value that is nothing but variables without default has no secret in the file. */
const ONLY_VARIABLES = /^(?:\$\{(?:[A-Za-z_]\w*|file:[^}]*)\})+$/;

/**
 * Places in a file's text that hold secrets, as far as the text alone shows it: also when it cannot be parsed.
 * @param keys names of secret fields besides those that are called like one.
 */
export function secretRanges(text: string, keys: readonly string[]): Range[] {
  return [...passwordRanges(text), ...parameterRanges(text), ...keyRanges(text, keys)];
}

const WORD = String.raw`(?:[\w.%-]|\$\{\w+\})`;
/** A URL whose parts are beyond doubt: scheme, user, password (1), host, port, path, parameters (2). */
const CLEAR_URL = new RegExp(
  String.raw`^[a-z][a-z0-9+]*://(?:${WORD}*(?::([^@]*))?@)?${WORD}*(?::(?:\d+|\$\{\w+\}))?(?:/${WORD}*)?(\?.*)?$`,
  'id',
);

/** What to mask in the source of a secret scalar: of a URL the password and the parameters, otherwise all of it. */
export function secretsOfScalar(source: string, offset: number): Range[] {
  const open = /^["']/.test(source) ? 1 : 0;
  const bare = source.slice(open, open === 1 && source.endsWith(source[0]!) ? -1 : undefined);
  if (ONLY_VARIABLES.test(bare)) return [];
  const scheme = /^[a-z][a-z0-9+]*:\/\//i.exec(bare)?.[0].length ?? 0;
  const parts = CLEAR_URL.exec(bare)?.indices?.slice(1) ?? [[scheme, bare.length]];
  return parts.flatMap((part): Range[] => {
    if (part === undefined || ONLY_VARIABLES.test(bare.slice(...part))) return [];
    return [[offset + open + part[0]!, offset + open + part[1]!]];
  });
}

/** `scheme://user:password@host`, or what is left of it: in a word from the first colon to the last `@`. */
function passwordRanges(text: string): Range[] {
  const ranges: Range[] = [];
  for (const { index, 0: word } of text.matchAll(/[^\s'"]+/g)) {
    const at = word.lastIndexOf('@');
    const scheme = word.indexOf('://');
    const colon = word.indexOf(':', scheme === -1 ? 0 : scheme + 3);
    if (colon === -1 || colon > at - 1 || ONLY_VARIABLES.test(word.slice(colon + 1, at))) continue;
    ranges.push([index + colon + 1, index + at]);
  }
  return ranges;
}

function parameterRanges(text: string): Range[] {
  return [...text.matchAll(SECRET_PARAMETER)].flatMap((match): Range[] => {
    const to = match.index + match[0].length;
    return ONLY_VARIABLES.test(match[1]!) ? [] : [[to - match[1]!.length, to]];
  });
}

/** Values behind secret keys: a word that is clear, or everything to the end of the line. */
function keyRanges(text: string, keys: readonly string[]): Range[] {
  const names = keys.map((key) => key.replace(/[^\w]/g, '\\$&'));
  const own = names.length === 0 ? '' : `|\\b(?:${names.join('|')})`;
  const pattern = new RegExp(`(?:(?:${SECRET_WORDS})[\\w-]{0,40}${own})["']?[ \\t]{0,20}:[ \\t]{1,20}`, 'gi');
  const ranges: Range[] = [];
  for (const { index, 0: found } of text.matchAll(pattern)) {
    const from = index + found.length;
    const line = /^[^\r\n]*/.exec(text.slice(from))![0];
    const clear = clearValue(line);
    if (clear === null) ranges.push([from, from + line.trimEnd().length]);
    else ranges.push(...secretsOfScalar(clear, from));
  }
  return ranges.filter(([from, to]) => to > from);
}

/** The value at the beginning of a line when there is no doubt about where it ends and what in it is secret. */
function clearValue(line: string): string | null {
  const quoted = /^(["'])((?:(?!\1).)*)\1/.exec(line);
  if (quoted !== null) return isClear(quoted[2]!) ? quoted[0] : null;
  const word = /^\S*/.exec(line)![0];
  for (let end = word.length; end > 0; end--) {
    if (isClear(word.slice(0, end))) return word.slice(0, end);
    if (!/[,}\]]/.test(word[end - 1]!)) return null;
  }
  return null;
}

function isClear(value: string): boolean {
  return ONLY_VARIABLES.test(value) || CLEAR_URL.test(value);
}

/** Passwords in the URLs of a resolved value, as written and decoded. */
export function urlSecrets(value: string): string[] {
  return [...passwordRanges(value), ...parameterRanges(value)].flatMap(([from, to]) => {
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

/** The text with stars in place of the ranges. */
export function masked(text: string, ranges: readonly Range[]): string {
  let shown = '';
  let at = 0;
  for (const [from, to] of [...ranges].sort(([a], [b]) => a - b)) {
    if (from >= at) shown += `${text.slice(at, from)}${STARS}`;
    at = Math.max(at, to);
  }
  return shown + text.slice(at);
}

/** Replaces known secret values wherever they occur in a text. */
export type Redact = (text: string) => string;

/** @param values secret value → what to show instead. Long ones are replaced first. */
export function redactor(values: Iterable<readonly [secret: string, shown: string]>): Redact {
  const unique = [...new Map(values)].filter(([secret]) => secret.length >= MIN_SEARCHED);
  const sorted = unique.sort(([a], [b]) => b.length - a.length);
  return (text) => sorted.reduce((result, [secret, shown]) => result.replaceAll(secret, () => shown), text);
}

/** Words that would-be secrets are in examples: masking them everywhere would tell more than it hides. */
const COMMON_WORDS =
  /^(password|passwd|postgres|postgresql|redis|elastic|elasticsearch|secret|default|admin|root|user|test|example|changeme)$/i;

export function starred(secrets: Iterable<string>): Redact {
  const pairs = [...secrets].map((secret): [string, string] =>
    COMMON_WORDS.test(secret) ? [`:${secret}@`, `:${STARS}@`] : [secret, STARS],
  );
  return redactor(pairs);
}
