/** Configuration of the `elasticsearch` sink. */
import { secret, z } from '../../src/sdk/index.ts';
import { fillTemplate, tableTemplate } from '../../src/sdk/table-template.ts';
import { serverPlace, tableParts } from '../../src/sdk/target/place.ts';
import { indexNameProblem } from './index-name.ts';

export const config = z
  .strictObject({
    url: secret()
      .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).search === '', {
        error: 'must look like https://user:password@host:9200',
      })
      .describe('`https://user:password@host:9200`. A private authority is trusted with NODE_EXTRA_CA_CERTS.'),
    api_key: secret()
      .min(1)
      .optional()
      .describe('An API key (the encoded form), instead of user and password in `url`.'),
    index: tableTemplate()
      .default('{table}')
      .superRefine((template, context) => {
        const problem = indexNameProblem(template.replaceAll(/\{(table|schema)\}/g, 'x'));
        if (problem !== null) context.addIssue({ code: 'custom', message: problem });
      })
      .describe(
        'Name of the index; `{table}` and `{schema}` are the source’s names. Made when it does not exist, with a mapping from ' +
          'the source’s types: numbers that fit no integer type are indexed as `double` (range queries are approximate, ' +
          '`_source` is exact), `json` columns are kept as objects and not indexed.',
      ),
  })
  .refine(({ url, api_key }) => api_key === undefined || !URL.canParse(url) || new URL(url).username === '', {
    error: 'give either a user in `url` or `api_key`',
    path: ['api_key'],
  });

export type ElasticsearchConfig = z.output<typeof config>;

/** Where each table is written, for lint. */
export function targetsOf({ url, index }: ElasticsearchConfig, tables: readonly string[]): string[] {
  const server = serverPlace(url, url.startsWith('https:') ? 443 : 80);
  return tables.map((name) => JSON.stringify([server, fillTemplate(index, tableParts(name))]));
}
