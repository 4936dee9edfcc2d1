/** Configuration of the `sqlite` sink. */
import { z } from '../../src/sdk/index.ts';

export const config = z.strictObject({
  path: z
    .string()
    .min(1)
    .meta({ path: true })
    .describe('The database file. Made, with its directory, when it does not exist.'),
});

export type SqliteConfig = z.output<typeof config>;
