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
    product: z
      .enum(['elasticsearch', 'opensearch'])
      .optional()
      .describe('Which of the two it is, where the server may not be asked. Default: as its answer to `GET /` says.'),
    as: z
      .enum(['documents', 'data-stream'])
      .default('documents')
      .describe(
        '`documents`: the last value of each row, one document a row. `data-stream`: each change is a document of the data stream that ' +
          '`index` names, with `@timestamp` (the commit’s time), `op`, `table`, `version`, `key`, `before`, `after`; its `_id` is ' +
          'topic-partition-offset, so that a repeat is no second one. A replay over changes that were written before a rollover writes ' +
          'them again.',
      ),
    index: tableTemplate()
      .default('{table}')
      .superRefine((template, context) => {
        const problem = indexNameProblem(template.replaceAll(/\{(table|schema)\}/g, 'x'));
        if (problem !== null) context.addIssue({ code: 'custom', message: problem });
      })
      .describe(
        'Name of the index; `{table}` and `{schema}` are the source’s names. Made when it does not exist, with a mapping from ' +
          'the source’s types: numbers that fit no integer type are indexed as `double` (range queries are approximate, ' +
          '`_source` is exact), `json` columns are kept as objects and not indexed. Index templates of the server add to it.',
      ),
    routing: z
      .string()
      .min(1)
      .optional()
      .describe('A column of the record key that chooses the shard of a document, instead of its `_id`.'),
    settings: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
      .optional()
      .describe(
        'Settings of indices that are made, e.g. `number_of_shards: 3`. `gc_deletes` is 1h unless it is set here.',
      ),
    fields: z
      .record(z.string(), z.record(z.string(), z.unknown()))
      .optional()
      .describe(
        'Mappings of single columns instead of those made from their types, e.g. `{ title: { type: text, analyzer: english } }`.',
      ),
  })
  .refine(({ url, api_key }) => api_key === undefined || !URL.canParse(url) || new URL(url).username === '', {
    error: 'give either a user in `url` or `api_key`',
    path: ['api_key'],
  })
  .superRefine(({ as, routing }, context) => {
    if (as === 'data-stream' && routing !== undefined)
      context.addIssue({ code: 'custom', path: ['routing'], message: 'has no meaning with `as: data-stream`' });
  });

export interface ElasticsearchConfig extends z.output<typeof config> {
  /** An index that is made gets a name of its own, and the one that `index` says as alias: of a target that is built to be swapped in. */
  readonly behindAlias?: boolean;
}

/** Of the names of indices that are built beside the sink's own. */
export const shadowSuffix = (tag: string): string => `--${tag}`;

/** Where each table is written, for lint. */
export function targetsOf({ url, index }: ElasticsearchConfig, tables: readonly string[]): string[] {
  const server = serverPlace(url, url.startsWith('https:') ? 443 : 80);
  return tables.map((name) => JSON.stringify([server, fillTemplate(index, tableParts(name))]));
}
