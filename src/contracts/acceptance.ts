/** What the acceptance kit finds of a plugin. */

export type PluginPart = 'source' | 'sink' | 'step';

export interface CaseResult {
  /** Stable, e.g. `versions/late-write`. */
  readonly id: string;
  readonly title: string;
  readonly status: 'passed' | 'failed' | 'not-applicable';
  /** Why it failed, or does not apply. */
  readonly reason: string | null;
  /** What was measured, for people; no bar. */
  readonly note: string | null;
  readonly ms: number;
}

/** What became of the cases of one source, sink or step. */
export interface Scorecard {
  readonly part: PluginPart;
  /** `type` or `verb`. */
  readonly name: string;
  readonly results: readonly CaseResult[];
}

export interface PluginTest {
  /** As `plugins:` of tailrace.yaml names it, or the type of a connector that is built in. */
  readonly plugin: string;
  /** Absolute, of the project. */
  readonly dir: string;
  /** Path of the driver's module, absolute; null: `test/driver.ts` or `driver.ts` of the plugin. */
  readonly driver: string | null;
  /** A case, or what its id begins with up to a slash; null: all. */
  readonly only: string | null;
  /** Without the cases that take seconds. */
  readonly isQuick: boolean;
}

/**
 * Runs the acceptance kit on a plugin. Rejects as the plugin or its driver cannot be loaded; a case that fails is part of the
 * result.
 */
export type TestPlugin = (test: PluginTest) => Promise<readonly Scorecard[]>;
