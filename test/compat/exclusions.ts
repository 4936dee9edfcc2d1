/** Tests of a foreign suite that are not expected to pass, and why. */
import type { TestResult } from './suite.ts';

export interface Exclusion {
  readonly reason: string;
  /** Whole files, relative to the checkout: they are not run. Each counts as the number of tests given. */
  readonly files?: Readonly<Record<string, number>>;
  /** Names of tests, or `file: name` where several share it; what they begin with where they end in `…`. They are run, and may fail. */
  readonly tests?: readonly string[];
}

export interface Tally {
  readonly passed: readonly TestResult[];
  readonly failed: readonly TestResult[];
  readonly excluded: readonly TestResult[];
  /** By the suite itself. */
  readonly skipped: readonly TestResult[];
  /** Excluded, and passed all the same. */
  readonly needless: readonly TestResult[];
  /** Tests in files that were not run. */
  readonly notRun: number;
}

export function tally(results: readonly TestResult[], exclusions: readonly Exclusion[]): Tally {
  const isExcluded = (result: TestResult) =>
    exclusions.some(({ tests = [] }) => tests.some((one) => names(one, result)));
  const of = (status: TestResult['status']) => results.filter((result) => result.status === status);
  return {
    passed: of('passed'),
    failed: of('failed').filter((result) => !isExcluded(result)),
    excluded: of('failed').filter(isExcluded),
    skipped: of('skipped'),
    needless: of('passed').filter(isExcluded),
    notRun: exclusions.flatMap(({ files = {} }) => Object.values(files)).reduce((sum, count) => sum + count, 0),
  };
}

function names(pattern: string, { file, name }: TestResult): boolean {
  if (pattern.endsWith('…')) return name.startsWith(pattern.slice(0, -1));
  return pattern === name || pattern === `${file}: ${name}`;
}
