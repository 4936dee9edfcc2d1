/** Configuration of the `postgres` sink. */
import { secret, z } from '../../src/sdk/index.ts';
import { tableTemplate } from '../../src/sdk/table-template.ts';

export const sinkConfig = z.strictObject({
  /** `postgres://user:password@host:port/database`, with `sslmode` and the like as parameters. */
  url: secret().refine((text) => /^postgres(ql)?:\/\//.test(text), { error: 'must start with postgres://' }),
  /** Schema of the target tables. Default: the name of the source's schema. */
  schema: z.string().min(1).optional(),
  /** Name of the target table; `{table}` and `{schema}` are the source's names. */
  table: tableTemplate().default('{table}'),
});

export type SinkConfig = z.output<typeof sinkConfig>;

/** Schema of the tables that Tailrace keeps for itself. */
export function serviceSchema(config: SinkConfig): string {
  return config.schema ?? 'public';
}
