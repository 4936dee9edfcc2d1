/** Configuration of the `redis` sink. */
import { secret, z } from '../../src/sdk/index.ts';
import { serverPlace, tableParts } from '../../src/sdk/target/place.ts';
import { keyTemplateProblem } from './key-template.ts';

export const config = z.strictObject({
  url: secret()
    .refine((text) => /^rediss?:\/\/[^/?#]*(\/\d*)?$/.test(text), {
      error: 'must look like redis://user:password@host:6379/0, or rediss:// for TLS',
    })
    .describe(
      '`redis://user:password@host:port/database`, or `rediss://` for TLS. Names an ACL user or only a password.',
    ),
  key: z
    .string()
    .superRefine((template, context) => {
      const message = keyTemplateProblem(template);
      if (message !== null) context.addIssue({ code: 'custom', message });
    })
    .describe(
      'Key of a row, e.g. `product:{id}`: literal text and, in braces, all columns of the record key and nothing else. ' +
        '`{$table}` and `{$schema}` are the names of the table. Where more of the template follows, the character that follows ' +
        'is percent-encoded in the column.',
    ),
  as: z
    .enum(['hash', 'json'])
    .default('hash')
    .describe(
      'How a row is kept. `hash`: one field a column, holding its text (numbers as digits, bytes as base64, arrays and json ' +
        'as JSON text); a NULL column has no field; `_tr_version` and `_tr_source` are Tailrace’s own. `json`: a string holding ' +
        'the row as a JSON object.',
    ),
});

export type RedisConfig = z.output<typeof config>;

/** Where each table is written, for lint: what its keys start with. Rows of two tables with one template share keys. */
export function targetsOf({ url, key }: RedisConfig, tables: readonly string[]): string[] {
  const server = serverPlace(url, 6_379).replace(/\/0$/, '');
  return tables.map((name) => {
    const { schema, table } = tableParts(name);
    return JSON.stringify([server, key.replaceAll('{$table}', () => table).replaceAll('{$schema}', () => schema)]);
  });
}
