/** Configuration of the `sqlite` sink. */
import { z } from '../../src/sdk/index.ts';

export const config = z.strictObject({
  /** The database file. Made, with its directory, when it does not exist. */
  path: z.string().min(1),
});

export type SqliteConfig = z.output<typeof config>;
