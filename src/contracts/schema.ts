/** Neutral description of tables and columns, shared by sources, rules and sinks. */

/** What a column means, independent of the system it came from. `native` is kept beside it for sinks of the same system. */
export type Kind =
  | 'bool'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint64'
  | 'float32'
  | 'float64'
  | 'decimal'
  | 'text'
  | 'bytes'
  | 'date'
  | 'time'
  | 'timetz'
  | 'timestamp'
  | 'timestamptz'
  | 'interval'
  | 'uuid'
  | 'json'
  | 'enum'
  | 'array'
  | 'range'
  | 'composite'
  | 'geometry'
  | 'vector'
  | 'bits'
  | 'other';

export interface Column {
  readonly name: string;
  readonly kind: Kind;
  /** The source's own name of the type with its modifiers, e.g. `numeric(10,2)`, `character varying(20)`, `text[]`. */
  readonly native: string;
  readonly nullable: boolean;
  /** Declared maximum in characters (text) or bits. */
  readonly length?: number;
  readonly precision?: number;
  readonly scale?: number;
  /** Kind of the elements of an array. */
  readonly element?: Kind;
  /** Labels of an enum, in order. */
  readonly enum?: readonly string[];
  /** 1-based place in the record key; absent for other columns. */
  readonly keyOrdinal?: number;
  /** Updates may come without the column. Absent: it is always sent. */
  readonly unsent?: UnsentRule;
}

/**
 * When an update that leaves a column as it was may come without it: large values that the source keeps beside the row, row
 * images that hold only what changed. Sizes are those of values as JSON text.
 */
export interface UnsentRule {
  /** NULL, and values of at most so many bytes, are always sent; -1: no value is sure to be sent. */
  readonly aboveBytes: number;
  /**
   * Of a row whose columns with such a rule and record key had at most so many bytes together in a change, the next update
   * sends all that the change sent. Says nothing of a row read by a snapshot: an earlier version of it may have been larger.
   */
  readonly aboveRowBytes: number;
  /** The source's own number of the column, which it keeps when it is renamed. Absent: it is known by its name. */
  readonly number?: number;
}

/** One version of one table. Immutable: a changed table is a new object with a new id. */
export interface TableSchema {
  /** First 8 bytes of SHA-256 of the canonical JSON, as 16 hex digits (lib/schema-id.ts). */
  readonly id: string;
  /** Key in `sources:`, or the pipeline's name. */
  readonly source: string;
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly Column[];
}

/** What a source knows before the id is computed. */
export type TableDescription = Omit<TableSchema, 'id'>;

/** Key columns in key order. Empty for a table without key (append only). */
export function keyColumns(table: { readonly columns: readonly Column[] }): readonly Column[] {
  return table.columns
    .filter((column) => column.keyOrdinal !== undefined)
    .sort((a, b) => a.keyOrdinal! - b.keyOrdinal!);
}
