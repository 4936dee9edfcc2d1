/**
 * Values of the columns that updates may leave out (`Column.unsent`), kept so that the log holds whole rows. `src/pipeline`
 * implements it, the writers of the envelope ask it. All of it is synchronous and sees rows in the order in which they are
 * written; what it holds follows the log and is made anew from it.
 */
import type { RowOp } from './row.ts';
import type { TableSchema } from './schema.ts';

export interface RowMemory {
  /**
   * Of a table version as the log has it; null when its updates leave out nothing. Throws `source.rehydrate` when the log has
   * older rows of the table that were not looked at: the source is to be opened again.
   */
  table(topic: string, schema: TableSchema): TableMemory | null;
}

export interface TableMemory {
  /** Indexes of the columns that are kept, in rising order. */
  readonly columns: readonly number[];
  /**
   * Whether a row need not be handed to `keep`, because nothing of it would change.
   * @param bytes of its kept columns and record key together, as JSON text; all of them are there
   * @param isWhole it was sent as a change and not read by a snapshot, or the source says that all of it lies in the row
   */
  skips(bytes: number, isWhole: boolean): boolean;
  /**
   * JSON text of `columns[place]`, which an update of the row with this key did not send; undefined: not known. For `c`, whose
   * key has changed: of the row that was forgotten last. Valid until the next call of anything here.
   */
  recall(op: RowOp, key: Uint8Array, place: number): Uint8Array | undefined;
  /** A row was written. Nothing of it is looked at afterwards. */
  keep(row: WrittenRow): void;
  /** The row with this key was deleted. It can still be recalled by the row that follows it at once, under a changed key. */
  forget(key: Uint8Array): void;
  /** All rows of the table are gone. */
  clear(): void;
}

export interface WrittenRow {
  /** `c`, `u` or `r`. */
  readonly op: RowOp;
  /** See `skips`. */
  readonly isWhole: boolean;
  /** JSON of the record key. */
  readonly key: Uint8Array;
  /** Where the JSON texts stand. */
  readonly bytes: Uint8Array;
  /** By place in `TableMemory.columns`; -1: not sent, and not known. */
  readonly from: readonly number[];
  readonly to: readonly number[];
  /** By place: it was not sent, and was recalled. */
  readonly recalled: readonly boolean[];
}
