/** The source's own keys in a pipeline file. What does not fit is a lint error at its line. */
import { z } from 'tailrace/sdk';

export const config = z.strictObject({
  path: z.string().min(1).meta({ path: true }).describe('The journal.'),
  columns: z.array(z.string().min(1)).min(1).describe('Names of the columns; the first is the key.'),
});

export type Config = z.output<typeof config>;
