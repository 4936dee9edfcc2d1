/** Configuration of the `postgres` sink. */
import { secret, z } from '../../src/sdk/index.ts';
import { fillTemplate, tableTemplate } from '../../src/sdk/table-template.ts';
import { serverPlace, tableParts } from '../../src/sdk/target/place.ts';
import { schemaPolicy } from '../../src/sdk/target/schema-policy.ts';
import { tableMode } from '../../src/sdk/target/table-mode.ts';
import { CONNECTION_STRING, stringProblem } from './connection-string.ts';

export const sinkConfig = z.strictObject({
  url: secret()
    .refine((text) => /^postgres(ql)?:\/\//.test(text), { error: 'must start with postgres://', abort: true })
    .refine((text) => stringProblem(text, 'sink') === null, {
      error: ({ input }) => stringProblem(String(input), 'sink')!,
    })
    .describe(CONNECTION_STRING),
  origin: z
    .string()
    .regex(/^(?!any$|none$|pg_)[A-Za-z0-9_.-]{1,512}$/, {
      error: 'may hold letters, digits, _, . and -; not `any`, `none`, `pg_…`',
    })
    .optional()
    .describe(
      'Replication origin under which the rows are written, of this sink alone: sources of the target database with `origin: none` leave them out. Needs the server itself, not a pooler. Default: none.',
    ),
  schema: z
    .string()
    .min(1)
    .optional()
    .describe('Schema of the target tables. Default: the name of the source’s schema.'),
  table: tableTemplate()
    .default('{table}')
    .describe('Name of the target table; `{table}` and `{schema}` are the source’s names.'),
  mode: tableMode(),
  schema_changes: schemaPolicy(', and types that have become wider are widened'),
});

export type SinkConfig = z.output<typeof sinkConfig>;

/** Of the names of tables that are built beside the sink's own. */
export const shadowSuffix = (tag: string): string => `__${tag}`;

/** Schema of the tables that Tailrace keeps for itself. */
export function serviceSchema(config: SinkConfig): string {
  return config.schema ?? 'public';
}

/** Where each table is written, for lint. */
export function targetsOf(config: SinkConfig, tables: readonly string[]): string[] {
  const server = serverPlace(config.url, 5_432);
  return tables.map((name) => {
    const parts = tableParts(name);
    return JSON.stringify([server, config.schema ?? parts.schema, fillTemplate(config.table, parts)]);
  });
}
