/** What a source connector implements and what the runtime gives it. */
import type { ConnectorContext } from './plugin.ts';
import type { TableFilters } from './predicate.ts';
import type { RowWriter } from './row.ts';
import type { TableDescription, TableSchema } from './schema.ts';
import type { SnapshotCommand, UpstreamStatus } from './upstream.ts';

/**
 * A resume point. JSON, opaque to everyone but the connector that made it; carries `v` (format number) and what makes it
 * belong to one incarnation of the source (Invariant 11). What stands under `private` may hold keys of rows and is never shown
 * (Invariant 12).
 */
export type Position = { readonly v: number; readonly [field: string]: PositionValue };
export type PositionValue =
  | string
  | number
  | boolean
  | null
  | readonly PositionValue[]
  | { readonly [field: string]: PositionValue };

export interface SourceTransaction {
  /** Source's own id of the transaction; for a snapshot the snapshot id. */
  readonly id: string;
  /** `snapshot`: rows are op `r`; nothing of the transaction is visible before its end. */
  readonly kind: 'stream' | 'snapshot';
  /** Commit time, or the source's clock when the snapshot was taken; µs since 1970. */
  readonly timeUs: number;
  /** Commit position as text, for the records' `source.lsn`. */
  readonly position: string;
  /** Of a snapshot: no value of its rows is such that the next update may leave it out (`Column.unsent`). */
  readonly sendsAll?: boolean;
}

export type SourceMarker =
  | { readonly op: 'truncate'; readonly table: TableSchema }
  | { readonly op: 'snapshot-begin' | 'snapshot-end'; readonly table: TableSchema; readonly snapshot: string };

/**
 * Where a source puts what it reads. All calls are synchronous and buffer; `drain` is the back-pressure. The runtime
 * groups whole source transactions into log commits and saves the position of the last one with them (Invariants 1, 4).
 */
export interface SourceOutput {
  /** Registers a table version (computes its id) and makes its topic known. Cheap when repeated with an equal description. */
  register(table: TableDescription): TableSchema;
  /** Rows go through writers, inside a transaction. One writer per table version; keep it. */
  writer(table: TableSchema): RowWriter;
  marker(marker: SourceMarker): void;
  begin(transaction: SourceTransaction): void;
  /** Ends the open transaction; `position` resumes after it. */
  end(position: Position): void;
  /** Outside a transaction: everything before `position` has been seen (Invariant 1, heartbeats). */
  heartbeat(position: Position): void;
  /**
   * Call after each read from the source and about every 256 KiB inside a long one; await the promise if there is one.
   * Rejects when the log has failed.
   */
  drain(): Promise<void> | undefined;
}

/** One reader of one source. Created per connection attempt by the runtime, never used concurrently. */
export interface SourceReader {
  /**
   * Reads from `from` (null: nothing was ever saved; start with a snapshot as configured) until the signal aborts, then
   * resolves within a second. Throws typed errors: `retry` classes are retried by the runtime with a new reader,
   * `gap` stops the source durably. Must answer the server's keepalives while `drain` is pending.
   */
  run(from: Position | null, output: SourceOutput, signal: AbortSignal): Promise<void>;
  /** Everything up to `position` is durable: the source may forget it. Called in order, often; must be cheap and not throw. */
  acknowledge(position: Position): void;
  /** Releases connections. Safe at any time, twice. */
  close(): Promise<void>;
  /** Has the position of a source that is idle saved soon. Cheap, at any time, often. Absent: it is saved every second anyway. */
  hasten?(): void;
  /** For the status: cheap, at any time. Null: not at work yet, nothing is known. Absent: the source tells nothing. */
  upstream?(): UpstreamStatus | null;
  /** While `run` is at work: as `SourceManifest.tables`, asked now and then. Absent: tables are looked for at the start only. */
  tables?(): Promise<readonly FoundTable[]>;
  /**
   * Takes a command while `run` is at work; resolves when it is part of the position that is saved next. Throws
   * `source.not_ready` for what cannot be done now. Absent: the source has no such snapshots.
   */
  snapshots?(command: SnapshotCommand): Promise<void>;
}

/** A table that the source has. */
export interface FoundTable {
  /** `schema.table`. */
  readonly name: string;
  /** Why it cannot be captured; null: it can. */
  readonly unfit: { readonly message: string; readonly remedy: string } | null;
}

export interface SourceOpenOptions<C> {
  readonly config: C;
  /** The source's name: makes slot and publication names. */
  readonly name: string;
  /** Instance name from tailrace.yaml. */
  readonly instance: string;
  /** `schema.table`, as configured and checked. */
  readonly tables: readonly string[];
  /**
   * Those of `tables` that stand under a pattern: they come and go. One that is gone is left; one that was made anew under
   * its name is read from its beginning. Absent: none, and a table that is gone is a `gap`.
   */
  readonly loose?: readonly string[];
  readonly snapshot: 'initial' | 'never';
  /**
   * What the rules ask of each row before it is kept. A source may leave out rows for which a predicate is not true where its own
   * answer is exactly that of the rules: of a table that it reads from the beginning, between the markers, whose end sweeps what
   * was not read. What it sends is asked once more. Absent: nothing is known.
   */
  readonly filters?: TableFilters;
  readonly context: ConnectorContext;
}
