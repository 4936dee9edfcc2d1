/**
 * Looking at single changes on their way: live at any edge of a pipeline, or the story of one row. Everything is a read of the
 * log and a repetition of the rules: nothing is written, and the sinks do not notice. Implemented by pipeline, called by api and
 * cli. Holds row values: given to whoever asks for records (Invariant 12).
 */
import type { StepSource } from './rules.ts';

/**
 * A row's columns, as JSON holds them exactly; numbers are objects that JSON writes with all their digits
 * (`lib/exact-json.ts`). Columns that were not sent are absent.
 */
export type ShownRow = Readonly<Record<string, unknown>>;

export interface ShownChange {
  readonly op: string;
  /** `schema.table`. */
  readonly table: string;
  /** JSON text. */
  readonly key: string;
  readonly version: string;
  /** Commit time at the source, µs since 1970. */
  readonly timeUs: number;
  /** Commit position at the source. */
  readonly position: string;
  /** Empty for rows of a snapshot. */
  readonly transaction: string;
  readonly before: ShownRow | null;
  readonly after: ShownRow | null;
}

export interface ShownError {
  readonly code: string;
  readonly message: string;
  readonly remedy: string | null;
}

export interface StepPlace {
  /** From 1 on, over the steps of the pipeline and then those of the sink. */
  readonly number: number;
  readonly verb: string;
  readonly path: StepSource['path'];
}

/** Where in the log. */
export interface ChangePlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  /** When it was written to the log, ms since 1970. */
  readonly timestamp: number;
}

export interface TapRequest {
  readonly pipeline: string;
  /** Null: what stands in the log, after the steps of the source. */
  readonly sink: string | null;
  /** Number of a step of that sink; null: after all of them. */
  readonly step: number | null;
  /** `table` or `schema.table`; null: all. */
  readonly table: string | null;
  /** As in a trace; null: all. */
  readonly key: readonly string[] | null;
  /** So many changes of each topic that are there already, before those that come. */
  readonly last: number;
}

export interface Tapped extends ChangePlace {
  readonly step: StepPlace | null;
  /** What came to the edge, or into the step; null: an earlier step failed, or the record cannot be read. */
  readonly change: ShownChange | null;
  /** Of a step: what it made of it. */
  readonly results: readonly ShownChange[] | null;
  readonly error: ShownError | null;
}

export interface TraceRequest {
  /** `table` or `schema.table`. */
  readonly table: string;
  /** Values of the key columns in key order, or each as `column=value`. */
  readonly key: readonly string[];
  /** The newest so many changes. */
  readonly limit: number;
}

export type StepOutcome = 'passed' | 'changed' | 'dropped' | 'failed';

export interface TracedStep extends StepPlace {
  readonly outcome: StepOutcome;
  /** Of a filter that dropped the row: the condition that was not true. */
  readonly condition: string | null;
}

export interface TracedSink {
  readonly sink: string;
  readonly steps: readonly TracedStep[];
  /** What goes to the target; a row that was dropped is a delete there. */
  readonly results: readonly ShownChange[];
  readonly error: ShownError | null;
  /** The sink's committed position lies behind it: the target has it, or it is a dead letter. */
  readonly isAcknowledged: boolean;
}

export interface TracedChange extends ChangePlace {
  readonly pipeline: string;
  readonly source: string;
  /** Null: cannot be read, see `error`. */
  readonly change: ShownChange | null;
  readonly error: ShownError | null;
  readonly sinks: readonly TracedSink[];
}

export interface Inspector {
  /** Ends when the signal aborts. @throws `pipeline.not_found` */
  tap(request: TapRequest, signal: AbortSignal): AsyncIterable<readonly Tapped[]>;
  /** Oldest first. Empty: the log has nothing of such a row. @throws `pipeline.not_found` for a table that nobody captures */
  trace(request: TraceRequest): Promise<readonly TracedChange[]>;
}
