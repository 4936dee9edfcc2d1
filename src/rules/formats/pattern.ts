/** A regular expression whose groups are the fields, in order. */
import type { Regexp } from '../regexp/regexp.ts';
import type { Reader } from './format.ts';

export function patternReader(pattern: Regexp): Reader {
  return (text) => pattern.match(text)?.groups ?? null;
}
