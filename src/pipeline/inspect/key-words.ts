/** A row's key as somebody types it: values in key order, or `column=value` each. */
import { exactText, parseExact } from '../../lib/exact-json.ts';

/** @param key JSON text of a record's key: an object, its fields in key order */
export function isKey(key: string, words: readonly string[]): boolean {
  const fields = fieldsOf(key);
  if (fields === null || fields.length !== words.length) return false;
  const inOrder = fields.every(([, value], i) => value === words[i]);
  return inOrder || fields.every(([name, value]) => words.includes(`${name}=${value}`));
}

function fieldsOf(key: string): [name: string, value: string][] | null {
  try {
    const parsed = parseExact(key);
    if (typeof parsed !== 'object' || parsed === null) return null;
    return Object.entries(parsed).map(([name, value]) => [name, exactText(value)]);
  } catch {
    return null;
  }
}
