/** Manifests: all that the rest of the product knows of a connector. Built-in ones get exactly what third-party ones get. */
import type { ZodType } from 'zod';
import type { ErrorCode } from './errors.ts';
import type { FilterPlace } from './predicate.ts';
import type { HeldState, SinkRebuild } from './rebuild.ts';
import type { Op, Value } from './row.ts';
import type { TableDescription } from './schema.ts';
import type { OpenSink, SinkOpenOptions } from './sink.ts';
import type { FoundTable, Position, SourceOpenOptions, SourceReader } from './source.ts';
import type { SinkInspector, SourceInspector } from './verification.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
/** Structured log line. Never pass row values or secrets (Invariant 12). */
export type Logger = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;

/** Time, injected so that tests are deterministic. */
export interface Clock {
  /** ms since 1970. */
  now(): number;
  /** ms from an arbitrary start, never backwards. */
  monotonic(): number;
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface ConnectorContext {
  readonly log: Logger;
  readonly clock: Clock;
  /** Tests and the demo kill the process at a named point; does nothing otherwise. */
  readonly failpoint: (name: string) => void;
  /** Seed for randomness such as jitter: uniform in [0, 1). */
  readonly random: () => number;
  /**
   * A directory for files that are of no use after a restart. It need not exist; a connector keeps to a directory of its own
   * in it and removes what it finds there. Absent: there is no such room.
   */
  readonly scratch?: string;
}

/** Something the pre-flight check found. `path` locates it in the connector's configuration, e.g. `['tables', 1]`. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'problem';
  readonly message: string;
  /** The exact command, SQL or setting that mends it; for `problem` always there. */
  readonly remedy?: string;
  readonly path?: readonly (string | number)[];
  /** Of an error that ended the check: `source.unreachable`, `sink.auth` … */
  readonly code?: ErrorCode;
}

interface PluginManifest<C> {
  /** What `type:` says in a pipeline file, and the folder name under connectors/. */
  readonly type: string;
  readonly summary: string;
  /** Only the connector's own keys; the common ones (tables, from, transform, …) are the runtime's. Strict object. */
  readonly config: ZodType<C>;
}

export interface SourceManifest<C = unknown> extends PluginManifest<C> {
  readonly emits: readonly Op[];
  /**
   * Of columns that updates may leave out (`Column.unsent`): whether they are filled in from what the log had before. Absent:
   * the source has no such columns, or sends them as they are.
   */
  rehydrates?(config: C): boolean;
  /** Checks reachability, privileges and settings. Changes nothing. Throws only for what it cannot put into findings. */
  check(options: SourceOpenOptions<C>): Promise<readonly Finding[]>;
  /** The named tables as the stream will describe them, so that rules can be checked against them. Changes nothing. Throws as `check` connects. */
  describe(options: SourceOpenOptions<C>): Promise<readonly TableDescription[]>;
  open(options: SourceOpenOptions<C>): Promise<SourceReader>;
  /**
   * Asked once at a start after the source had stopped at a gap: whether the stream can go on from that position, because of what
   * somebody has done since. The reader that is then opened looks for itself. Changes nothing. Throws `source.gap` where there is
   * something else to be done by now. Absent: a gap stays one until the tables are read again.
   */
  mended?(options: SourceOpenOptions<C>, position: Position): Promise<boolean>;
  /** Removes what the source created upstream (slot, publication). Must work when open never ran, and twice. */
  teardown(options: SourceOpenOptions<C>): Promise<void>;
  /**
   * All tables that the source has, for patterns under `tables:`. Changes nothing. Throws as `check` connects. Absent: it takes
   * no patterns.
   */
  tables?(options: SourceOpenOptions<C>): Promise<readonly FoundTable[]>;
  /** Where it would evaluate each of the conditions in `filters`. Changes nothing. Throws as `check` connects. Absent: nowhere. */
  filterPlaces?(options: SourceOpenOptions<C>): Promise<readonly FilterPlace[]>;
  /** To look at its tables beside the stream. Absent: targets of this source cannot be verified. */
  inspect?(options: SourceOpenOptions<C>): Promise<SourceInspector>;
}

export interface SinkManifest<C = unknown> extends PluginManifest<C> {
  /** What is written between two flushes becomes visible at once, in all tables. Absent: it does not. */
  readonly isAtomic?: boolean;
  readonly accepts: readonly Op[];
  /** `last-value`: one row per key, upserts. `append`: every change is a new entry. */
  readonly keeps: 'last-value' | 'append';
  /** The same for one configuration, where that decides. Absent: `keeps` holds for all. */
  keepsFor?(config: C): 'last-value' | 'append';
  /**
   * One name for each of the tables (`schema.table`): where it is written. Equal exactly where two writers would write the
   * same place. Compared by lint, never shown. Absent: tables of equal name, by sinks of equal configuration, share a place.
   */
  targets?(config: C, tables: readonly string[]): readonly string[];
  /** What is written and not flushed before `close` leaves no trace: dead letters can be tried out so. Absent: no. */
  readonly triesOut?: true;
  check(options: SinkOpenOptions<C>): Promise<readonly Finding[]>;
  open(options: SinkOpenOptions<C>): Promise<OpenSink>;
  /**
   * To look at what the target holds. Throws `verify.unsupported` for a configuration whose target does not hold rows as they
   * are at the source. Absent: the target cannot be read.
   */
  inspect?(options: SinkOpenOptions<C>): Promise<SinkInspector>;
  /** What the target holds, also where another log has fed it. Changes nothing. Absent: it cannot be adopted. */
  held?(options: SinkOpenOptions<C>): Promise<HeldState>;
  /** Absent: it cannot be built anew beside itself. */
  readonly rebuild?: SinkRebuild<C>;
}

/** Columns by name, of a row that a step computes from. Reading one that the source did not send ends the step: the result is not known. */
export type StepRow = Readonly<Record<string, Value>>;

/**
 * A step for `transform:` lists, which adds columns or replaces their values. Configuration `C` is what stands behind the verb.
 * Key columns cannot be set. Pure and synchronous: it is called again when changes are replayed.
 */
export interface StepManifest<C = unknown> {
  /** The word in the file: lower case letters, digits and `_`. */
  readonly verb: string;
  readonly summary: string;
  /** As in a file, without the leading dash, on one line. */
  readonly example: string;
  /** What does not fit it is a lint error at its place. */
  readonly config: ZodType<C>;
  /** Names of the columns that it reads: one that the table lacks is a lint error. Absent: not known. */
  reads?(config: C): readonly string[];
  /** Names and SQL types of the columns that it makes, e.g. `{ price: 'numeric(12,2)' }`. At least one. */
  columns(config: C): Readonly<Record<string, string>>;
  /**
   * Called once per table version. What the function throws, and what is no value of the type, makes a dead letter; a column
   * that it leaves out is NULL. A number of type `numeric` or `bigint` may be text, JSON is any value.
   */
  compile(config: C): (row: StepRow) => Readonly<Record<string, unknown>>;
}

/** Version of everything that plugins are written against: `tailrace/sdk`. Raised when an old plugin would no longer work. */
export const PLUGIN_API = 1;

/** Default export of a plugin's module: at least one source, sink or step. */
export interface Plugin {
  /** The `PLUGIN_API` that it was written for. */
  readonly api: number;
  readonly source?: SourceManifest;
  readonly sink?: SinkManifest;
  readonly steps?: readonly StepManifest[];
}
