/** What a row names of another table, as text that is equal exactly where the values are. */
import type { Row } from '../../contracts/row.ts';
import type { Kind } from '../../contracts/schema.ts';
import { lookupFamily } from '../../lib/lookup-family.ts';

/** Null: one of the columns is NULL. Undefined: one was not sent. */
export function namedBy(row: Row, columns: readonly number[]): string | null | undefined {
  const texts: string[] = [];
  let isNull = false;
  for (const column of columns) {
    const bytes = row.bytes(column);
    if (bytes === undefined) return undefined;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
    if (text === 'null') isNull = true;
    texts.push(comparable(text, row.columns[column]!.kind));
  }
  return isNull ? null : `[${texts.join(',')}]`;
}

/** Digits that say nothing make no difference: 5.00 is 5, as in SQL. An integer may be of any size. */
function comparable(json: string, kind: Kind): string {
  if (lookupFamily(kind) !== 'decimal') return json;
  const digits = json.startsWith('"') ? json.slice(1, -1) : json;
  const short = digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
  return short === '-0' ? '0' : short;
}
