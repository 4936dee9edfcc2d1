/** The sink's own keys in a pipeline file. What does not fit is a lint error at its line. */
import { z } from 'tailrace/sdk';

export const config = z.strictObject({
  path: z.string().min(1).meta({ path: true }).describe('The file. Made when it does not exist.'),
});

export type Config = z.output<typeof config>;
