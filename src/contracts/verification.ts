/**
 * Comparing a target with its source while both change. Connectors offer how their side is looked at (`inspect` of their
 * manifests), the pipeline compares, api and cli show. Nothing here stops a stream or holds a lock that others wait for.
 *
 * A row is named by the canonical JSON text of its record key (`Change.key`): on the source's side as the table has it, on the
 * target's side as it is after the rules.
 */
import type { Change } from './row.ts';
import type { TableSchema } from './schema.ts';
import type { Position, SourceOutput } from './source.ts';

/** What one reading of the source has seen. */
export interface SourceView {
  /** True once everything that was seen lies before the position. */
  isCovered(by: Position): boolean;
  /** Whether a transaction of the stream (`Change.transaction`) was part of what was seen. */
  sees(transaction: string): boolean;
}

/** Where rows that are looked at go. Each is written as op `r`. */
export type RowOutput = Pick<SourceOutput, 'register' | 'writer'>;

/** Looks at the tables of one source, on connections of its own. One call at a time. Throws typed errors. */
export interface SourceInspector {
  /**
   * Resolves when whatever the stream has delivered before the call is seen by every later reading: a commit can be delivered
   * before sessions see it. May wait for transactions that run.
   */
  settle(signal: AbortSignal): Promise<void>;
  /** How many rows the server thinks that the table has (`schema.table`); null when it does not know. */
  estimate(table: string): Promise<number | null>;
  /** The next rows in key order. @param after an opaque `next` of the page before; null: from the beginning */
  page(request: PageRequest, output: RowOutput): Promise<SourcePage>;
  /** The rows that have these keys; those that do not exist are left out. One reading. */
  rows(table: string, keys: readonly string[], output: RowOutput): Promise<SourceView>;
  close(): Promise<void>;
}

export interface PageRequest {
  readonly table: string;
  readonly after: string | null;
  /** Most rows, from 1 on. */
  readonly limit: number;
}

export interface SourcePage {
  /** Holds the key of a row: not to be shown. Null: that was the end. */
  readonly next: string | null;
}

export type HeldRow =
  | { readonly state: 'equal' }
  | { readonly state: 'missing' }
  /** Names of the columns whose values are not what the sink would write. */
  | { readonly state: 'different'; readonly columns: readonly string[] };

/** Looks at what a target holds and others see there, on connections of its own; changes nothing. One call at a time. */
export interface SinkInspector {
  /**
   * What the target has of each of these rows, held against what the sink would write for it: in the target's own form of
   * values. Of one table version; whole rows; a table that is not there has none of them.
   */
  compare(rows: readonly Change[]): Promise<readonly HeldRow[]>;
  /** Which of these keys the target has a row of. */
  holds(table: TableSchema, keys: readonly string[]): Promise<readonly boolean[]>;
  /** Keys of all rows that the target has of the table, in lists of bounded size. A key may come twice. */
  keys(table: TableSchema): AsyncIterable<readonly string[]>;
  close(): Promise<void>;
}

/**
 * - `missing`: the target lacks the row.
 * - `different`: it has other values.
 * - `extra`: it has a row that the source has not, or that a filter refuses.
 */
export type DifferenceKind = 'missing' | 'different' | 'extra';

/** Its keys are parts of rows: for whoever may see records (Invariant 12). */
export interface Difference {
  readonly kind: DifferenceKind;
  /** `schema.table` at the source. */
  readonly table: string;
  /** As the target has it. */
  readonly key: string;
  /** Of `different`. */
  readonly columns: readonly string[];
  /** A repair has been written to the log and has reached the target. */
  readonly repaired: boolean;
}

export interface VerifyRequest {
  readonly pipeline: string;
  /** Null: all sinks of the pipeline, one after the other. */
  readonly sink: string | null;
  /** `schema.table`; null: all that the sink takes. */
  readonly tables: readonly string[] | null;
  /** Rows a second, of source and target together; null: as fast as they answer. */
  readonly rate: number | null;
  /** Read differing rows again through the log; delete extra ones through it. */
  readonly repair: boolean;
  /** Go on where a verification of this pipeline and sink was broken off. */
  readonly resume: boolean;
}

export type VerificationState = 'running' | 'done' | 'cancelled' | 'failed';

/** Of one sink. No row values, no keys. */
export interface VerificationStatus {
  readonly pipeline: string;
  readonly sink: string;
  readonly state: VerificationState;
  /** ms since 1970. */
  readonly startedMs: number;
  readonly endedMs: number | null;
  /** Rows of the source, and of the target when it is looked through for extra ones. */
  readonly rows: number;
  /** Null without estimates of all tables. */
  readonly percent: number | null;
  readonly etaSeconds: number | null;
  readonly counts: Readonly<Record<DifferenceKind, number>>;
  readonly repaired: number;
  /** Rows that changed too often to be compared at one position. */
  readonly unsettled: number;
  /** What was not looked at, and why. */
  readonly notes: readonly string[];
  readonly problem: { readonly code: string; readonly message: string; readonly remedy: string | null } | null;
}

/** What comparisons in the background say of a sink (`verify:` in the file). No row values, no keys. */
export interface VerifiedStatus {
  /**
   * Of 100 rows compared in the last complete round, those that were equal, to two digits and never rounded up; null: no round
   * is complete.
   */
  readonly percent: number | null;
  /** All of them were compared at or after, ms since 1970. Null: as `percent`. */
  readonly sinceMs: number | null;
  /** Rows of that round that were missing, different or extra. */
  readonly differing: number;
  /** Rows of that round that changed too often to be compared. */
  readonly unsettled: number;
  /** When the round under way began, ms since 1970; null: none is. */
  readonly roundMs: number | null;
  /** Why the last try could not go on; it is tried again. */
  readonly problem: VerificationStatus['problem'];
}

export interface VerificationControl {
  /** The last of each sink, running or not. */
  verifications(): readonly VerificationStatus[];
  /** Starts, and resolves at once. @throws `verify.unsupported`, `verify.running`, `verify.not_found` */
  verify(request: VerifyRequest): Promise<readonly VerificationStatus[]>;
  /** Those that run. False: none did. */
  cancelVerification(pipeline: string, sink: string | null): boolean;
  /** The first differences that were found, at most 1,000. */
  differences(pipeline: string, sink: string): readonly Difference[];
}
