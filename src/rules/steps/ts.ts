/** `ts`: columns computed by a TypeScript file. */
import { isAbsolute } from 'node:path';
import { addColumns } from './code-columns.ts';
import { loadCode } from './code-file.ts';
import type { Step } from './step.ts';

const EXAMPLE = 'ts: ./transforms/price.ts';

export const ts: Step = {
  verb: 'ts',
  summary:
    "Adds columns, or replaces their values, by a TypeScript file beside the pipeline file: `export const columns = { price: 'numeric(12,2)' }` says what it makes, its default export is a function from the row to an object with them. Values are those of `tailrace types`; a number of type `numeric` or `bigint` may be text, JSON is any value. The function must be pure and synchronous: it is called again when changes are replayed. What it throws, and what is no value of the type, makes a dead letter. Key columns cannot be set. A changed file takes effect at the next start.",
  example: EXAMPLE,
  takesFile: true,
  apply(use) {
    const { config } = use;
    if (typeof config !== 'string' || !isAbsolute(config) || !/\.[cm]?[jt]s$/.test(config)) {
      use.problem('step-argument', 'the path of a TypeScript file must stand here', { fix: `for example ${EXAMPLE}` });
      return;
    }
    const file = loadCode(config);
    if (typeof file === 'string') {
      use.problem('step-file', file, { fix: 'see the step ts in docs/reference/expressions.md' });
      return;
    }
    addColumns(use, file);
  },
};
