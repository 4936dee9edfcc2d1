/** Elasticsearch for the acceptance kit: indices with a prefix of their own for each target. */
import { randomUUID } from 'node:crypto';
import type { SearchServer } from '../../../demo/servers/search-server.ts';
import type { SinkDriver } from '../../../src/testkit/index.ts';
import { ElasticsearchClient } from '../../support/elasticsearch-client.ts';
import { SwitchProxy } from '../../support/switch-proxy.ts';
import { columnTexts, exactJson } from './json-texts.ts';

interface Found {
  readonly _scroll_id?: string;
  readonly hits?: { readonly hits: readonly { readonly _source: object }[] };
}

const PAGE = 10_000;

const OWN = /^_tr_/;
/** The longest term, in bytes, that can be indexed is shorter. */
const POISON = 'x'.repeat(40_000);

export function elasticsearchSinkDriver(server: () => SearchServer): SinkDriver {
  const proxies = new Map<unknown, SwitchProxy>();
  return {
    module: null,
    async target() {
      const prefix = `kit-${randomUUID()}`;
      const client = new ElasticsearchClient(server().url);
      const proxy = await SwitchProxy.start(Number(new URL(server().url).port));
      const url = `http://127.0.0.1:${proxy.port}`;
      const settings = { url, index: `${prefix}-{table}`, fields: { a: { type: 'keyword' } } };
      proxies.set(url, proxy);
      return {
        settings,
        async rows({ table, columns }) {
          const json = columns.filter(({ kind }) => kind === 'json').map(({ name }) => name);
          await client.send('POST', `/${prefix}-${table}/_refresh`);
          const found = await allHits(client, `${prefix}-${table}`);
          return found.map((source) => ({ values: columnTexts(withoutOwn(source), json) }));
        },
        async remove() {
          await proxy.off();
          await client.send('DELETE', `/${prefix}-*`);
        },
      };
    },
    notApplicable: {
      'check/credential': 'the server of the tests has no security; answers of one that has are tried elsewhere',
      'check/permission': 'the server of the tests has no security; answers of one that has are tried elsewhere',
    },
    wrongHost: async ({ settings }) => ({ ...settings, url: 'http://127.0.0.1:1' }),
    async interrupt({ settings }) {
      const proxy = proxies.get(settings.url)!;
      await proxy.off();
      return () => proxy.on();
    },
    poison: async () => POISON,
  };
}

/** None of an index that is not there. */
async function allHits(client: ElasticsearchClient, index: string): Promise<readonly object[]> {
  const all: object[] = [];
  let page = exactJson(await client.send('POST', `/${index}/_search?scroll=1m`, { size: PAGE })) as Found;
  while (page.hits !== undefined && page.hits.hits.length > 0) {
    all.push(...page.hits.hits.map(({ _source }) => _source));
    if (page.hits.hits.length < PAGE) break;
    const body = { scroll: '1m', scroll_id: page._scroll_id };
    page = exactJson(await client.send('POST', '/_search/scroll', body)) as Found;
  }
  return all;
}

function withoutOwn(source: object): object {
  return Object.fromEntries(Object.entries(source).filter(([name]) => !OWN.test(name)));
}
