/** Edits of the source that break an invariant. Each must turn its test red; `test/run-mutants.ts` proves it. */
export interface Mutant {
  readonly invariant: number;
  /** Repository path of the file to edit. */
  readonly file: string;
  /** Occurs exactly once in that file. */
  readonly find: string;
  readonly replace: string;
  /** Test file, and the name (or its beginning) of the test that must fail. */
  readonly test: readonly [file: string, name: string];
}
