/** What the author of a step writes for the kit: how it is used. */
import type { StepRow } from '../contracts/plugin.ts';

export interface StepDriver {
  /** At least one. */
  readonly uses: readonly StepUse[];
  /** What may not stand behind the verb. */
  readonly wrong?: readonly unknown[];
  /** Ids of cases → why they cannot hold for this step: part of the scorecard. */
  readonly notApplicable?: Readonly<Record<string, string>>;
}

export interface StepUse {
  /** What stands behind the verb. */
  readonly config: unknown;
  /** All columns that it reads must be there. */
  readonly rows: readonly StepRow[];
  /** What it makes of each row. Absent: not told. */
  readonly made?: readonly Readonly<Record<string, unknown>>[];
}
