/** Tests of the rules of a pipeline, as `tests:` of its file lists them: changes in, and what reaches each sink. */
import type { PipelinePlan } from './plan.ts';

type Path = readonly (string | number)[];

/** Columns by name; the values as YAML gives them. A column that is not named was not sent. */
export type TestRow = Readonly<Record<string, unknown>>;

export interface GivenChange {
  readonly op: 'insert' | 'update' | 'delete' | 'snapshot';
  /** `table` or `schema.table`. */
  readonly table: string;
  readonly before: TestRow | null;
  readonly after: TestRow | null;
  readonly path: Path;
}

export interface ExpectedChange {
  /**
   * `upsert`: an insert, update or row of a snapshot that has these columns with these values, and perhaps others; `row`:
   * no others. `delete`: of the row with this key. `refused`: by a rule, with this in the message.
   */
  readonly kind: 'upsert' | 'row' | 'delete' | 'refused';
  readonly value: unknown;
  /** In this table, for steps that send rows to several. Absent: in any. */
  readonly table?: string;
  readonly path: Path;
}

export interface RuleTest {
  readonly name: string;
  readonly path: Path;
  /** Names of types by table and column; of the others the types are those of the values. */
  readonly columns: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Columns of the key of every table. */
  readonly key: readonly string[];
  readonly given: readonly GivenChange[];
  /** Sinks that are not named are not looked at. */
  readonly expect: ReadonlyMap<string, readonly ExpectedChange[]>;
}

export interface TestFailure {
  readonly message: string;
  readonly path: Path;
}

export interface RuleTestResult {
  readonly name: string;
  readonly path: Path;
  readonly failures: readonly TestFailure[];
}

/** A step that no test went through, or a filter that kept, or refused, every row. */
export interface UntestedStep {
  readonly message: string;
  readonly path: Path;
}

export interface RuleTestReport {
  readonly results: readonly RuleTestResult[];
  readonly steps: number;
  readonly untested: readonly UntestedStep[];
}

/** Runs tests against a pipeline; nothing is connected. */
export type RunRuleTests = (
  pipeline: PipelinePlan,
  tests: readonly RuleTest[],
  maskKey: string | null,
) => RuleTestReport;
