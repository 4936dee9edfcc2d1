/** Configuration of the `file` sink. */
import { z } from '../../src/sdk/index.ts';
import { tableTemplate } from '../../src/sdk/table-template.ts';

export const config = z.strictObject({
  path: tableTemplate()
    .refine((text) => !text.startsWith('{'), { error: 'must start with literal text, e.g. ./out/{table}.jsonl' })
    .meta({ path: true })
    .describe(
      'File that lines are appended to; `{table}` and `{schema}` make one per table. Made, with its directory.',
    ),
  format: z.literal('jsonl').default('jsonl').describe('One JSON object a line, one line a change.'),
});

export type FileConfig = z.output<typeof config>;
