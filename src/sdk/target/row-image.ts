/** What a change holds of its row: the key, the columns that were sent, and rows put together from several changes. */
import { TailraceError } from '../../contracts/errors.ts';
import { type Change, NOT_SENT, type Row, type Value } from '../../contracts/row.ts';
import type { Column, TableSchema } from '../../contracts/schema.ts';

/** Indexes of the columns that the source did not send (Invariant 9: not the same as NULL). */
export function missingColumns(row: Row): readonly number[] {
  let missing: number[] | undefined;
  for (let i = 0; i < row.columns.length; i++) {
    if (!hasColumn(row, i)) (missing ??= []).push(i);
  }
  return missing ?? NONE;
}

/** True when the source did not send some column. */
export function lacksColumns(row: Row): boolean {
  for (let i = 0; i < row.columns.length; i++) if (!hasColumn(row, i)) return true;
  return false;
}

/** True when the source sent the column. */
export function hasColumn(row: Row, index: number): boolean {
  return row.has === undefined ? row.bytes(index) !== undefined : row.has(index);
}

const NONE: readonly number[] = [];

/** True when the change says all of the row: a delete, or a row with every column. */
export function isWhole(change: Change): boolean {
  return change.after === null || missingColumns(change.after).length === 0;
}

/**
 * The row whose key columns identify the change's row: `after`, else `before`, else one read from the key's JSON text
 * (a delete made by a filter need not have a `before` side).
 */
export function identityRow(change: Pick<Change, 'before' | 'after' | 'table' | 'key'>): Row {
  if (change.after !== null) return change.after;
  const { columns } = change.table;
  const complete = (row: Row) => columns.every((c, i) => c.keyOrdinal === undefined || hasColumn(row, i));
  if (change.before !== null && complete(change.before)) return change.before;
  const parts = keyParts(change.key);
  const texts = columns.map(({ keyOrdinal, name }) => (keyOrdinal === undefined ? undefined : parts.get(name)));
  if (columns.some(({ keyOrdinal }, i) => keyOrdinal !== undefined && texts[i] === undefined)) {
    throw new TailraceError('sink.rejected', 'the record has no key columns');
  }
  return rowOfJson(columns, texts);
}

/** The row with nothing but its key, from the key's JSON text. */
export function rowOfKey(table: TableSchema, key: string): Row {
  const empty = { before: null, after: null, table, key };
  return identityRow(empty);
}

/** JSON text of each member of the key, numbers as they stand there. */
function keyParts(key: string): Map<string, string> {
  const parts = new Map<string, string>();
  const read = function (this: object, name: string, value: unknown, context?: { source?: string }): unknown {
    if (name !== '') parts.set(name, context?.source ?? JSON.stringify(value));
    return value;
  };
  JSON.parse(key, read as (this: object, name: string, value: unknown) => unknown);
  return parts;
}

function rowOfJson(columns: readonly Column[], texts: readonly (string | undefined)[]): Row {
  const encoded = texts.map((text) => (text === undefined ? undefined : Buffer.from(text)));
  const get = (i: number): Value | typeof NOT_SENT => {
    const text = texts[i];
    return text === undefined ? NOT_SENT : valueOfJson(columns[i]!, text);
  };
  return {
    columns,
    get,
    bytes: (i) => encoded[i],
    toObject: () =>
      Object.fromEntries(columns.flatMap(({ name }, i) => (texts[i] === undefined ? [] : [[name, get(i) as Value]]))),
  };
}

function valueOfJson({ kind }: Column, text: string): Value {
  if (text === 'null') return null;
  if (kind === 'int64' || kind === 'uint64') return BigInt(text);
  const value: unknown = JSON.parse(text);
  if (kind === 'bytes') return Buffer.from(String(value), 'base64');
  if (kind === 'float32' || kind === 'float64') return Number(value);
  return value as Value;
}

/** Overlays rows of one table, oldest first: each column from the newest row that has it. */
export function mergeRows(rows: readonly Row[]): Row {
  const { columns } = rows[0]!;
  const owner = columns.map((_, i) => rows.findLast((row) => row.bytes(i) !== undefined));
  return {
    columns,
    get: (i) => owner[i]?.get(i) ?? (owner[i] === undefined ? NOT_SENT : null),
    bytes: (i) => owner[i]?.bytes(i),
    toObject: () => Object.assign({}, ...rows.map((row) => row.toObject())) as Record<string, Value>,
  };
}
