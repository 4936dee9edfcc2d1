/** A test suite of another project, and what it takes to run it against `tailrace run`. */
import type { BrokerFiles } from './broker.ts';
import type { Exclusion } from './exclusions.ts';

export interface TestResult {
  /** Relative to the checkout. */
  readonly file: string;
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  /** What failed, in short. */
  readonly message: string;
}

export interface Checkout {
  /** The suite's files, which may be written to. */
  readonly dir: string;
  /** For logs and results, outside of `dir`. */
  readonly work: string;
}

export interface Suite {
  readonly name: string;
  /** Where a checkout comes from is given by this variable, or `--source`. */
  readonly variable: string;
  /** What the source must hold, for people. */
  readonly needs: string;
  /** Tag or commit. */
  readonly ref: string;
  /** Packages of the suite's own package.json that its tests need. */
  readonly packages: RegExp;
  /** Packages that its tests need and its package.json does not name. */
  readonly morePackages: readonly string[];
  /** Packages that its tests load and that nothing of it uses here: they are left empty. */
  readonly emptyPackages: readonly string[];
  /** Processes to run, each with its data directory. */
  readonly brokers: readonly BrokerFiles[];
  readonly exclusions: readonly Exclusion[];
  /** Share of the tests that must pass, of those that ran or were excluded. */
  readonly bar: { readonly passed: number } | { readonly share: number };
  /** Runs the tests of the files that match the filter. */
  run(checkout: Checkout, filter: RegExp): Promise<readonly TestResult[]>;
}
