/** Keys of the plugin's parts in pipeline files. */
import { secret, tableTemplate, z } from 'tailrace/sdk';
import { SERVICE_PREFIX } from './names.ts';

const server = {
  url: z
    .string()
    .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), {
      error: 'must be an address such as http://127.0.0.1:2379',
    })
    .refine((text) => (URL.parse(text)?.username ?? '') === '', {
      error: 'may hold no user: write `user` and `password`',
    })
    .describe('Address of a member of the cluster that clients use, e.g. `http://127.0.0.1:2379`.'),
  user: z.string().min(1).optional().describe('User, where the cluster asks for one.'),
  password: secret().min(1).optional().describe('Password of the user.'),
};

export interface ServerConfig {
  readonly url: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

export const sinkConfig = z.strictObject({
  ...server,
  prefix: tableTemplate()
    .refine((text) => text.endsWith('/'), { error: 'must end with /' })
    .refine((text) => !text.startsWith(SERVICE_PREFIX), { error: `may not begin with ${SERVICE_PREFIX}` })
    .default('/{schema}/{table}/')
    .describe(
      'What the keys of a table begin with. What stands behind it is the row’s key: its columns, joined by `/`.',
    ),
});

export type SinkConfig = z.output<typeof sinkConfig>;

export const sourceConfig = z.strictObject({
  ...server,
  prefix: z
    .string()
    .min(1)
    .describe('What the keys begin with, e.g. `/shop/products/`; what stands behind it is the key of a row.'),
  columns: z
    .array(z.string().min(1))
    .min(1)
    .refine((names) => new Set(names).size === names.length, { error: 'must differ from each other' })
    .describe(
      'Names of the columns: first that of the key, then members of the JSON objects that the values are. All are text.',
    ),
});

export type SourceConfig = z.output<typeof sourceConfig>;
