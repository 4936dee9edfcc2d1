/**
 * Rows and changes as rules and sinks see them, and the writer through which a source hands rows to the log.
 */
import type { Column, TableSchema } from './schema.ts';

/**
 * A column value, exact (Invariant 9). By kind:
 * bool → boolean · int16, int32 → number · int64, uint64 → bigint · float32, float64 → number (NaN, ±Infinity included) ·
 * decimal → string of digits, or `NaN`, `Infinity`, `-Infinity` · bytes → Uint8Array · array → array of values ·
 * every other kind → string: date `2024-02-29`, time `12:00:00.123456`, timetz `12:00:00.123456+02`,
 * timestamp `2024-02-29T12:00:00.123456`, timestamptz `2024-02-29T12:00:00.123456Z` (always UTC), with `infinity`,
 * `-infinity` and a trailing ` BC` kept; interval ISO 8601; uuid lower case; json the text as the source sent it.
 */
export type Value = null | boolean | number | bigint | string | Uint8Array | readonly Value[];

/** The source did not send this column because it did not change. Never the same as null (Invariant 9). */
export const NOT_SENT: unique symbol = Symbol('not sent');

/** One side of a change. Columns are addressed by their index in `columns`. */
export interface Row {
  readonly columns: readonly Column[];
  get(index: number): Value | typeof NOT_SENT;
  /** The column as UTF-8 JSON text, as it stands in the record (`null` for NULL); undefined when not sent. */
  bytes(index: number): Uint8Array | undefined;
  /** Columns that were sent, by name. For plugins and rules; allocates. */
  toObject(): Record<string, Value>;
  /** `bytes(index) !== undefined` without making them. A row without this is asked for `bytes`. */
  has?(index: number): boolean;
  /** Gives `target` what `bytes(index)` is, as its column `column`, without an object for it. A row without this is asked for `bytes`. */
  copy?(index: number, target: ColumnTarget, column: number): void;
}

/** Takes the columns of a row one after the other, as JSON text. */
export interface ColumnTarget {
  /** UTF-8 in buf[from, to), copied before this returns. */
  json(column: number, buf: Uint8Array, from: number, to: number): void;
  jsonText(column: number, text: string): void;
  /** The text becomes a JSON string. */
  string(column: number, text: string): void;
  /** The column was not sent (Invariant 9). */
  unchanged(column: number): void;
}

/** `snapshot` is an insert read from the table instead of the stream. `truncate` and `snapshot-*` are markers without row. */
export type Op = 'insert' | 'update' | 'delete' | 'snapshot' | 'truncate' | 'snapshot-begin' | 'snapshot-end';

/** One decoded record of a table topic. */
export interface Change {
  readonly op: Op;
  readonly table: TableSchema;
  /** Rises with every record of a source (DESIGN § 6); unsigned 63 bits. */
  readonly version: bigint;
  /** Commit time at the source (the time of reading, for snapshot rows), µs since 1970. */
  readonly timeUs: number;
  /** Canonical JSON text of the record key: what identifies the row in dead letters and in stores keyed by text. */
  readonly key: string;
  /** Present for update and delete when the source sent it; holds at least the key columns. */
  readonly before: Row | null;
  /** Present for insert, update and snapshot. */
  readonly after: Row | null;
  /** Source position for `$lsn` and traces, as text. */
  readonly position: string;
  /** Source transaction, as text; empty for snapshot rows. */
  readonly transaction: string;
  /** For `snapshot-end`: rows of this table with a lower version are swept (DESIGN § 6, Snapshots). */
  readonly sweepBelow?: bigint;
  /** With it: rows (as in `key`) that the sweep leaves alone, because what they are now is a dead letter (DESIGN § 8). */
  readonly sweepExcept?: readonly string[];
  /** Set by a filter on a delete it made of a row that never matched: append-only sinks leave it out. */
  readonly dropped?: true;
  /** The row is surely among those that the steps have let through before: what was not sent is known behind them. */
  readonly isKnown?: true;
}

export type RowOp = 'c' | 'u' | 'd' | 'r';

/**
 * Writes the rows of one table version straight into record bytes; no object per row or column.
 * Call order for a row: `begin`, then per side `side` followed by exactly one of text/json/null/unchanged for each column
 * in column order, then `end`. `d` has only a `before` side, `c` and `r` only an `after` side, `u` an `after` side and
 * optionally a `before` side first. Key columns must be sent on the side that identifies the row (`before` for `d`, else `after`); columns
 * that the source did not send on a `before` side are `unchanged`. A changed key is written by the source as `d` of the
 * old and, at once after it, `c` of the new key.
 */
export interface RowWriter {
  begin(op: RowOp): void;
  side(side: 'before' | 'after'): void;
  /** Canonical text of the value as in `Value` (numbers: digits; bool: `true`/`false`; bytes: base64), UTF-8 in buf[from, to). */
  text(column: number, buf: Uint8Array, from: number, to: number): void;
  /** The value already as JSON text (arrays, `{"$bytes":…}`), copied as it is. */
  json(column: number, buf: Uint8Array, from: number, to: number): void;
  null(column: number): void;
  unchanged(column: number): void;
  end(): void;
  /**
   * After the `d` of a changed key: whether the column, `unchanged` in the `c` that comes next, will be filled in with what the
   * old row had. Absent: it never is.
   */
  moves?(column: number): boolean;
}
