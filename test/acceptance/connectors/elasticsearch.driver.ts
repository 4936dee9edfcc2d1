/** Elasticsearch for the acceptance kit: indices with a prefix of their own for each target. */
import { randomUUID } from 'node:crypto';
import type { SearchServer } from '../../../demo/servers/search-server.ts';
import type { SinkDriver } from '../../../src/testkit/index.ts';
import { ElasticsearchClient } from '../../support/elasticsearch-client.ts';
import { SwitchProxy } from '../../support/switch-proxy.ts';
import { columnTexts, exactJson } from './json-texts.ts';

interface Found {
  readonly hits?: { readonly hits: readonly { readonly _source: object }[] };
}

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
          const query = { size: 1_000, query: { match_all: {} } };
          const { hits } = exactJson(await client.send('POST', `/${prefix}-${table}/_search`, query)) as Found;
          return (hits?.hits ?? []).map(({ _source }) => ({ values: columnTexts(withoutOwn(_source), json) }));
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

function withoutOwn(source: object): object {
  return Object.fromEntries(Object.entries(source).filter(([name]) => !OWN.test(name)));
}
