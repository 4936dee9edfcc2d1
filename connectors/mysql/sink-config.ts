/** Configuration of the `mysql` sink. */
import { secret, z } from '../../src/sdk/index.ts';
import { isServerUrl, NO_SERVER_URL } from '../../src/sdk/server-url.ts';
import { fillTemplate, tableTemplate } from '../../src/sdk/table-template.ts';
import { serverPlace, tableParts } from '../../src/sdk/target/place.ts';
import { schemaPolicy } from '../../src/sdk/target/schema-policy.ts';
import { tableMode } from '../../src/sdk/target/table-mode.ts';

const DEFAULT_PORT = 3_306;

export const sinkConfig = z.strictObject({
  url: secret()
    .refine((text) => /^(mysql|mariadb):\/\/[^/]+\/[^/?]+/.test(text), {
      error: 'must start with mysql:// or mariadb:// and name a database',
      abort: true,
    })
    .refine(isServerUrl, { error: NO_SERVER_URL })
    .describe('`mysql://user:password@host:port/database`; with `ssl-mode` and `ssl-ca` as the source has them.'),
  table: tableTemplate()
    .default('{table}')
    .describe('Name of the target table; `{table}` and `{schema}` are the source’s names.'),
  mode: tableMode(),
  schema_changes: schemaPolicy(', and types that have become wider are widened'),
});

export type SinkConfig = z.output<typeof sinkConfig>;

/** What the names of tables beside the sink's own end with. */
export const shadowSuffix = (tag: string): string => `__${tag}`;

export const databaseOf = ({ url }: SinkConfig): string => decodeURIComponent(new URL(url).pathname.slice(1));

/** Where each table is written, for lint. */
export function targetsOf(config: SinkConfig, tables: readonly string[]): string[] {
  const server = serverPlace(config.url, DEFAULT_PORT);
  return tables.map((name) => JSON.stringify([server, fillTemplate(config.table, tableParts(name))]));
}
