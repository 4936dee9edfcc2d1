/** What a running instance counts and times, for `/metrics`. Implemented by pipeline, shown by api. No row values. */

/** Rows of a table that a source has sent since the process started. Whoever writes rows raises them. */
export interface RowCounts {
  insert: number;
  update: number;
  delete: number;
  /** Read from the table. */
  snapshot: number;
  /** Of all these, those that the source's own steps kept from the log. */
  filtered: number;
}

export interface SourceMeasures {
  readonly pipeline: string;
  readonly source: string;
  /** From the commit at the source until it is durable in the log, ms; 0 while nothing more is to be read; null: nothing is known yet. */
  readonly lagMs: number | null;
  /** Encoded and not yet handed to the log, and the limit above which the source waits. */
  readonly queueBytes: number;
  readonly queueLimitBytes: number;
  /** Failures since the process started, and those of them after which it tried again. */
  readonly errors: number;
  readonly retries: number;
  /** By `schema.table`. */
  readonly tables: ReadonlyMap<string, Readonly<RowCounts>>;
}

/** Cumulative, as Prometheus has it. */
export interface Distribution {
  /** Upper bounds in seconds, rising, and how many values are at or below each. */
  readonly buckets: readonly (readonly [bound: number, count: number])[];
  readonly count: number;
  /** Of all values, in seconds. */
  readonly sum: number;
}

/** Of changes of a stream, from their commit at the source to their being durable in the target. */
export interface DeliveryTimes {
  readonly total: Distribution;
  /** Commit at the source → in the log. */
  readonly capture: Distribution;
  /** In the log → taken by the sink. */
  readonly queue: Distribution;
  /** Taken by the sink → acknowledged by the target. */
  readonly sink: Distribution;
}

export interface SinkMeasures {
  readonly pipeline: string;
  readonly sink: string;
  readonly errors: number;
  readonly retries: number;
  /** When something was last acknowledged by the target, ms since 1970; null: not yet. */
  readonly lastSuccessMs: number | null;
  readonly delivery: DeliveryTimes;
}

export interface Measures {
  readonly sources: readonly SourceMeasures[];
  readonly sinks: readonly SinkMeasures[];
}
