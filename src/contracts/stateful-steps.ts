/**
 * Steps that look at other rows than the one that changes. They keep state, so they are no part of a row transform: the
 * pipeline runs them, and all steps above them, in a stage of its own between two topics of the log.
 */

export interface LookupStep {
  readonly kind: 'lookup';
  /** The other table: `table` or `schema.table`. */
  readonly from: string;
  /** All key columns of the other table, and the columns of ours that name its row. */
  readonly on: readonly { readonly theirs: string; readonly ours: string }[];
  /** Columns of the other table, and what they are called in ours. */
  readonly take: readonly { readonly theirs: string; readonly as: string }[];
  /** What becomes of rows without a row in the other table. */
  readonly missing: 'null' | 'drop';
  /** Rows are sent again when what was looked up for them changes. */
  readonly refresh: boolean;
}

export interface DedupeStep {
  readonly kind: 'dedupe';
  /** Columns whose values, together, are what must not repeat. */
  readonly by: readonly string[];
  /** In the time of commits, from the row that was let through. */
  readonly withinMs: number;
}

export type StatefulStep = LookupStep | DedupeStep;
