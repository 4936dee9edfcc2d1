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
