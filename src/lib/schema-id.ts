/**
 * The identity of a table version: a hash of its canonical description, one spelling for equal descriptions. It stands in
 * records and is part of the stored format: append fields, never reorder.
 */
import { createHash } from 'node:crypto';

/** The part of a table description that makes its identity (`TableDescription` of the contracts has this shape). */
export interface DescribedTable {
  readonly source: string;
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly DescribedColumn[];
}

interface DescribedColumn {
  readonly name: string;
  readonly kind: string;
  readonly native: string;
  readonly nullable: boolean;
  readonly length?: number;
  readonly precision?: number;
  readonly scale?: number;
  readonly element?: string;
  readonly enum?: readonly string[];
  readonly keyOrdinal?: number;
  readonly unsent?: DescribedUnsentRule;
}

interface DescribedUnsentRule {
  readonly aboveBytes: number;
  readonly aboveRowBytes: number;
  readonly number?: number;
}

/** Every field of a column, in the canonical order. */
const COLUMN_FIELDS = [
  'name',
  'kind',
  'native',
  'nullable',
  'length',
  'precision',
  'scale',
  'element',
  'enum',
  'keyOrdinal',
  'unsent',
] as const satisfies readonly (keyof DescribedColumn)[];

/** JSON without white space, fields in a fixed order, absent ones left out. */
export function canonicalSchema({ source, schema, table, columns }: DescribedTable): string {
  const ordered = columns.map((column) =>
    Object.fromEntries(COLUMN_FIELDS.map((field) => [field, fieldOf(column, field)])),
  );
  return JSON.stringify({ source, schema, table, columns: ordered });
}

function fieldOf(column: DescribedColumn, field: (typeof COLUMN_FIELDS)[number]): unknown {
  if (field !== 'unsent' || column.unsent === undefined) return column[field];
  const { aboveBytes, aboveRowBytes, number } = column.unsent;
  return { aboveBytes, aboveRowBytes, number };
}

/** First 8 bytes of SHA-256 of the canonical JSON, as 16 hex digits. */
export function schemaId(description: DescribedTable): string {
  return schemaIdOf(canonicalSchema(description));
}

/** The same of JSON that is canonical already. */
export function schemaIdOf(canonical: string | Uint8Array): string {
  return createHash('sha256').update(canonical).digest('hex').slice(0, 16);
}
