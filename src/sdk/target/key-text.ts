/** Keys of rows as the texts of their columns: a record key is `{"name":value,…}` in key order. */
import { type Column, keyColumns, type TableSchema } from '../../contracts/schema.ts';

export interface KeyText {
  /** Canonical text of the value (row.ts, `RowWriter.text`). */
  readonly text: string;
  readonly kind: Column['kind'];
}

/** JSON texts of the key's values in its order. */
export function keyValues(key: string): readonly string[] {
  const values: string[] = [];
  const read = function (this: object, name: string, value: unknown, context?: { source?: string }): unknown {
    if (name !== '') values.push(context?.source ?? JSON.stringify(value));
    return value;
  };
  JSON.parse(key, read as (this: object, name: string, value: unknown) => unknown);
  return values;
}

/** Texts of the key columns in key order. */
export function keyTexts(table: Pick<TableSchema, 'columns'>, key: string): readonly KeyText[] {
  const values = keyValues(key);
  return keyColumns(table).map(({ kind }, i) => {
    const json = values[i]!;
    return { text: json.startsWith('"') ? (JSON.parse(json) as string) : json, kind };
  });
}

/** @param values canonical texts of the key columns in key order */
export function keyJson(table: Pick<TableSchema, 'columns'>, values: readonly string[]): string {
  const parts = keyColumns(table).map(({ name, kind }, i) => {
    const text = values[i]!;
    return `${JSON.stringify(name)}:${isPlain(kind, text) ? text : JSON.stringify(text)}`;
  });
  return `{${parts.join(',')}}`;
}

/** Values that stand without quotes. */
function isPlain(kind: Column['kind'], text: string): boolean {
  if (kind === 'bool' || kind.startsWith('int') || kind === 'uint64') return kind !== 'interval';
  return kind.startsWith('float') && /^-?\d/.test(text);
}
