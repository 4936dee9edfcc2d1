/** The last log lines of a running instance. Implemented by `operations`, called by `api`. No row values, no secrets (Invariant 12). */
import type { LogLevel } from './plugin.ts';

export interface LogLine {
  /** ms since 1970. */
  readonly time: number;
  readonly level: LogLevel;
  readonly message: string;
  /** As text. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface WantedLines {
  /** Those of a pipeline, its sources and its sinks; null: all. */
  readonly about: { readonly pipeline: string; readonly sources: readonly string[] } | null;
  /** This level and those above. */
  readonly level: LogLevel;
  /** Then those that come, until the signal aborts. */
  readonly follow: boolean;
}

export interface LogLines {
  /**
   * Oldest first. Lines below `info` are not kept. A reader that follows and falls behind what is kept gets a line that says how
   * many it missed.
   */
  read(wanted: WantedLines, signal: AbortSignal): AsyncIterable<readonly LogLine[]>;
}
