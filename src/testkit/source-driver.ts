/** What the author of a source writes for the kit: how a system is made, changed and broken. */

/** The source's own keys, as they stand in a pipeline file. */
export type SourceSettings = Readonly<Record<string, unknown>>;

export interface SourceDriver {
  /**
   * Absolute path of the plugin's module, for the cases that run it in a process of their own; null: it is built in.
   * `tailrace plugin test` knows it by itself.
   */
  readonly module: string | null;
  /** Starts what all cases share, e.g. a server. Once, before the first case. */
  start?(): Promise<void>;
  /** Once, after the last case, also of a failed start. */
  stop?(): Promise<void>;
  /** A new origin with one empty table, that no other case has seen. */
  origin(): Promise<SourceOrigin>;
  /** Ids of cases → why they cannot hold for this system: part of the scorecard. */
  readonly notApplicable?: Readonly<Record<string, string>>;
  /** Settings that lead to a host or file that cannot be there. */
  wrongHost?(origin: SourceOrigin): Promise<SourceSettings>;
  /** Settings with a credential that the system refuses: the given password, which no output may ever show. */
  wrongCredential?(origin: SourceOrigin, password: string): Promise<SourceSettings>;
  /** Settings of a user who gets in and may not read. */
  missingPermission?(origin: SourceOrigin): Promise<SourceSettings>;
  /** `change` takes `newId`. */
  readonly changesKeys?: true;
  /** Makes the system unreachable, as when its server is down, until the returned function is called. */
  interrupt?(origin: SourceOrigin): Promise<() => Promise<void>>;
  /** Removes from the system the changes that no reader has acknowledged yet. */
  loseHistory?(origin: SourceOrigin): Promise<void>;
}

export interface SourceOrigin {
  readonly settings: SourceSettings;
  /** `schema.table`, as under `tables:`. Columns: `id`, the key, `a` and `b`, which may be NULL; all are text. */
  readonly table: string;
  /** Makes the changes in the system, as one transaction where it has such. */
  change(changes: readonly SourceChange[]): Promise<void>;
  /** Removes it. Called when its case is over, also a failed one. */
  remove?(): Promise<void>;
}

export interface SourceChange {
  readonly op: 'insert' | 'update' | 'delete';
  readonly id: string;
  /** Of an update: the key that the row gets. */
  readonly newId?: string;
  /** Not of a delete. */
  readonly a?: string | null;
  readonly b?: string | null;
}
