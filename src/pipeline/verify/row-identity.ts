/** Which row a key names, whatever its columns are called and however its texts were escaped. */
import { exactText, parseExact } from '../../lib/exact-json.ts';

/** Equal for keys of equal values in equal order. */
export function identityOf(key: string): string {
  const values: string[] = [];
  const read = function (this: object, name: string, value: unknown, context?: { source?: string }): unknown {
    if (name !== '')
      values.push(typeof value === 'number' ? (context?.source ?? String(value)) : JSON.stringify(value));
    return value;
  };
  JSON.parse(key, read as (this: object, name: string, value: unknown) => unknown);
  return values.join();
}

/** Canonical texts of the key's values in its order. */
export function keyTextsOf(key: string): readonly string[] {
  return Object.values(parseExact(key) as object).map(exactText);
}
