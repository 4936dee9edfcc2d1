/** Configuration of the `file` sink. */
import { z } from '../../src/sdk/index.ts';
import { tableTemplate } from '../../src/sdk/table-template.ts';

export const config = z.strictObject({
  /** File that lines are appended to; `{table}` and `{schema}` make one per table. Made, with its directory. */
  path: tableTemplate().refine((text) => !text.startsWith('{'), {
    error: 'must start with literal text, e.g. ./out/{table}.jsonl',
  }),
  /** One JSON object a line, one line a change. */
  format: z.literal('jsonl').default('jsonl'),
});

export type FileConfig = z.output<typeof config>;
