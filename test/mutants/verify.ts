/** Mutants of what compares targets with their sources, and mends them. */
import type { Mutant } from './mutant.ts';

const VERIFY = 'test/e2e/verify.test.ts';
const KEYS = 'keys of many columns and kinds';

export const verifyMutants: readonly Mutant[] = [
  {
    // The key of a row of the target is another one than the source's.
    invariant: 9,
    file: 'connectors/sqlite/inspect.ts',
    find: "return Buffer.from(value).toString('base64');",
    replace: 'return String(value);',
    test: [VERIFY, KEYS],
  },
  {
    // Other rows are read again than were asked for.
    invariant: 9,
    file: 'connectors/postgres/row-condition.ts',
    find: "natives[i] === 'bytea'",
    replace: 'false',
    test: [VERIFY, KEYS],
  },
  {
    // What the source does not have stays.
    invariant: 7,
    file: 'src/pipeline/verify/repair.ts',
    find: "rows: { keys: texts, absent: 'delete' }",
    replace: 'rows: { keys: texts }',
    test: [VERIFY, KEYS],
  },
];
