/** Configuration of the `sqlite` sink. */
import { z } from '../../src/sdk/index.ts';
import { tableTemplate } from '../../src/sdk/table-template.ts';
import { schemaPolicy } from '../../src/sdk/target/schema-policy.ts';
import { tableMode } from '../../src/sdk/target/table-mode.ts';

export const config = z.strictObject({
  path: z
    .string()
    .min(1)
    .meta({ path: true })
    .describe('The database file. Made, with its directory, when it does not exist.'),
  table: tableTemplate()
    .default('{table}')
    .describe('Name of the target table; `{table}` and `{schema}` are the source’s names.'),
  mode: tableMode(),
  schema_changes: schemaPolicy(),
});

export type SqliteConfig = z.output<typeof config>;

/** Of the names of tables that are built beside the sink's own. */
export const shadowSuffix = (tag: string): string => `__${tag}`;
