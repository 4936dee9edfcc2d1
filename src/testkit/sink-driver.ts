/** What the author of a sink writes for the kit: how a target is made, read and broken. */
import type { Op } from '../contracts/row.ts';
import type { TableSchema } from '../contracts/schema.ts';

/** The sink's own keys, as they stand in a pipeline file. */
export type SinkSettings = Readonly<Record<string, unknown>>;

export interface SinkDriver {
  /**
   * Absolute path of the plugin's module, for the cases that run it in a process of their own; null: it is built in.
   * `tailrace plugin test` knows it by itself.
   */
  readonly module: string | null;
  /** Starts what all cases share, e.g. a server. Once, before the first case. */
  start?(): Promise<void>;
  /** Once, after the last case, also of a failed start. */
  stop?(): Promise<void>;
  /** A new, empty target that no other case has seen, e.g. a database or a prefix of its own. */
  target(): Promise<SinkTarget>;
  /** Ids of cases → why they cannot hold for this system: part of the scorecard. */
  readonly notApplicable?: Readonly<Record<string, string>>;
  /** What it keeps with the settings of the targets, where those decide. Absent: as the manifest says. */
  readonly keeps?: 'last-value' | 'append';
  /** Of an append sink: why an entry may come twice after a crash. Absent: each comes exactly once. */
  readonly duplicates?: string;
  /** Settings that lead to a host or file that cannot be there. */
  wrongHost?(target: SinkTarget): Promise<SinkSettings>;
  /** Settings with a credential that the target refuses: the given password, which no output may ever show. */
  wrongCredential?(target: SinkTarget, password: string): Promise<SinkSettings>;
  /** Settings of a user who gets in and may not write. */
  missingPermission?(target: SinkTarget): Promise<SinkSettings>;
  /** Makes the target unreachable, as when its server is down, until the returned function is called. */
  interrupt?(target: SinkTarget): Promise<() => Promise<void>>;
  /** Text for the column `a` of `KIT_TABLE` that the target never accepts; made so beforehand where it must be. */
  poison?(target: SinkTarget): Promise<string>;
}

export interface SinkTarget {
  readonly settings: SinkSettings;
  /**
   * What the target holds of a table, read past the plugin: entries of an append sink in their order, rows in any order. A
   * table that is not there has none.
   */
  rows(table: TableSchema): Promise<readonly TargetRow[]>;
  /** Removes it. Called when its case is over, also a failed one. */
  remove?(): Promise<void>;
}

export interface TargetRow {
  /**
   * Columns by name: null, or the value's canonical text: text as it is; digits; `true`, `false`; ISO dates and times
   * (`2024-02-29T12:00:00.123456Z`); base64 for bytes; JSON for json. Without the plugin's own columns.
   */
  readonly values: Readonly<Record<string, string | null>>;
  /** Of an append sink: what the entry says has happened. */
  readonly op?: Op;
}
