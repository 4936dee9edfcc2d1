/**
 * Values and column types (sqlite.org/datatype3.html). Exact: what SQLite's own types cannot hold unchanged is text.
 *
 * Floats get no declared type: REAL affinity would drop the sign of -0; NaN, which SQLite turns into NULL, is the text
 * `NaN`. Text that is not valid UTF-8 is a BLOB.
 */
import { type Column, type Kind, NOT_SENT, type Row } from '../../src/sdk/index.ts';

export type SqlValue = null | bigint | number | string | Uint8Array;

export type Affinity = 'INTEGER' | 'TEXT' | 'BLOB' | 'REAL' | 'NUMERIC';

const TYPES: Readonly<Partial<Record<Kind, string>>> = {
  bool: 'INTEGER',
  int16: 'INTEGER',
  int32: 'INTEGER',
  int64: 'INTEGER',
  float32: '',
  float64: '',
  bytes: 'BLOB',
};

/** Declared type for CREATE and ALTER TABLE; may be empty. */
export function typeOf({ kind }: Column): string {
  return TYPES[kind] ?? 'TEXT';
}

/** Section 3.1 of datatype3.html. */
export function affinityOf(declared: string): Affinity {
  if (/INT/i.test(declared)) return 'INTEGER';
  if (/CHAR|CLOB|TEXT/i.test(declared)) return 'TEXT';
  if (declared === '' || /BLOB/i.test(declared)) return 'BLOB';
  return /REAL|FLOA|DOUB/i.test(declared) ? 'REAL' : 'NUMERIC';
}

/** Texts of these kinds never look like a number, so that NUMERIC affinity leaves them alone. */
const TIMES: readonly Kind[] = ['date', 'time', 'timetz', 'timestamp', 'timestamptz'];

/** Does a column declared like this keep every value of the source's column unchanged? */
export function holds(declared: string, column: Column): boolean {
  const actual = affinityOf(declared);
  const wanted = affinityOf(typeOf(column));
  if (actual === 'BLOB' || actual === wanted) return true;
  if (wanted === 'INTEGER') return actual === 'TEXT' || actual === 'NUMERIC';
  // No affinity converts a BLOB.
  if (column.kind === 'bytes') return true;
  if (column.kind === 'float32' || column.kind === 'float64') return actual === 'REAL';
  return actual === 'NUMERIC' && TIMES.includes(column.kind);
}

/** NULL when the column was not sent. */
export function sqlValue(row: Row, index: number): SqlValue {
  const value = row.get(index);
  switch (typeof value) {
    case 'string':
    case 'bigint':
      return row.columns[index]!.kind === 'uint64' ? String(value) : value;
    case 'boolean':
      return value ? 1n : 0n;
    case 'number':
      return numberOf(value, row.columns[index]!.kind);
    default:
      if (value === null || value === NOT_SENT) return null;
      if (value instanceof Uint8Array) return value;
      return Buffer.from(row.bytes(index)!).toString();
  }
}

function numberOf(value: number, kind: Kind): SqlValue {
  if (kind === 'float32' || kind === 'float64') return Number.isNaN(value) ? 'NaN' : value;
  return Number.isInteger(value) ? BigInt(value) : value;
}
