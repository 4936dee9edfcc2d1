/** What a running source tells of its snapshots and of what its server keeps for it, and what it can be told to do. */

/** Of one table that is being read, or waits for it. */
export interface SnapshotStatus {
  /** `schema.table`. */
  readonly table: string;
  /** `initial`: read for the first time. `refresh`: read once more, while it is streamed. */
  readonly kind: 'initial' | 'refresh';
  readonly state: 'waiting' | 'reading' | 'paused';
  /** Read so far. */
  readonly rows: number;
  /** How many the server thinks that there are; null when it does not know. */
  readonly estimatedRows: number | null;
  /** 0 to 99; null without an estimate. */
  readonly percent: number | null;
  readonly rowsPerSecond: number | null;
  /** At the present rate; null when that or the end is unknown. */
  readonly etaSeconds: number | null;
}

/** History that the server keeps until the source has it. */
export interface RetentionStatus {
  readonly retainedBytes: number;
  /** Bytes that may still be written before the server gives it up; null: the server sets no limit. */
  readonly safeBytes: number | null;
  /** At the rate at which what is kept has grown lately; null when it does not grow, or has no limit. */
  readonly secondsUntilLost: number | null;
}

/** Something that will become a failure if nobody acts. */
export interface SourceWarning {
  readonly message: string;
  readonly remedy: string;
  /** ms since 1970. */
  readonly since: number;
}

export interface UpstreamStatus {
  readonly snapshots: readonly SnapshotStatus[];
  /** Null before it was first asked for. */
  readonly retention: RetentionStatus | null;
  readonly warnings: readonly SourceWarning[];
}

/**
 * - `start`: reads tables that were read once more, beside their stream. `tables`: `schema.table`; null: all.
 * - `pause`, `resume`: all reading of the source; it pauses at the end of a step and stays paused over restarts.
 * - `cancel`: what `start` started. Rows that were read stay; nothing is swept.
 */
export type SnapshotCommand =
  | {
      readonly do: 'start' | 'cancel';
      readonly tables: readonly string[] | null;
      /** For `start`: only rows that an SQL condition holds for, or with these keys (texts in key order). Nothing is swept then. */
      readonly rows?: { readonly where: string } | KeysWanted;
    }
  | { readonly do: 'pause' | 'resume' };

export interface KeysWanted {
  /** Texts in key order. */
  readonly keys: readonly (readonly string[])[];
  /** Keys without a row become deletes, in the last step. Absent: they are left out. */
  readonly absent?: 'delete';
}
