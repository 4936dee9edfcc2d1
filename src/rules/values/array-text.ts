/** PostgreSQL's text form of arrays: `{a,"b c",NULL,{…}}`. */
import type { Value } from '../../contracts/row.ts';
import { fail } from '../fail.ts';

/** @param write the text of an element */
export function arrayText(value: readonly Value[], write: (item: NonNullable<Value>) => string): string {
  const items = value.map((item) => {
    if (item === null) return 'NULL';
    return Array.isArray(item) ? arrayText(item as readonly Value[], write) : quoted(write(item as NonNullable<Value>));
  });
  return `{${items.join(',')}}`;
}

function quoted(text: string): string {
  const isPlain = text !== '' && !/[{}",\\\s]/.test(text) && text.toUpperCase() !== 'NULL';
  return isPlain ? text : `"${text.replaceAll(/["\\]/g, (sign) => `\\${sign}`)}"`;
}

/** One dimension only. Null for other texts. @param read an element from its text */
export function parseArrayText(text: string, read: (item: string) => Value): Value[] | null {
  const trimmed = text.trim();
  if (!trimmed.startsWith('{') || !trimmed.endsWith('}') || trimmed.length < 2) return null;
  const inner = trimmed.slice(1, -1);
  if (inner.trim() === '') return [];
  const items: Value[] = [];
  const ITEM = /\s*(?:"((?:[^"\\]|\\[\s\S])*)"\s*|((?:[^",{}\\]|\\[\s\S])+))(,|$)/y;
  for (let more = true; more; ) {
    const [, inQuotes, bare, comma] = ITEM.exec(inner) ?? fail('a text is not an array of one dimension');
    items.push(inQuotes === undefined ? bareItem(bare!, read) : read(unescaped(inQuotes)));
    more = comma === ',';
  }
  return ITEM.lastIndex === inner.length || inner.length === 0 ? items : null;
}

function bareItem(text: string, read: (item: string) => Value): Value {
  const trimmed = text.trimEnd();
  if (trimmed === '') return fail('a text is not an array of one dimension');
  return trimmed.toUpperCase() === 'NULL' ? null : read(unescaped(trimmed));
}

const unescaped = (text: string) => text.replaceAll(/\\([\s\S])/g, '$1');
