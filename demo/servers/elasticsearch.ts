/** A real Elasticsearch on 127.0.0.1 for the demo and the tests: one node, no security. */
import { findElasticsearch } from './elasticsearch-node.ts';
import { type SearchServer, type SearchServerOptions, startSearchServer } from './search-server.ts';

export type ElasticsearchServer = SearchServer;

/** The server that TAILRACE_TEST_ES_URL names, else one of our own; see `startSearchServer`. */
export function startElasticsearch(options: SearchServerOptions = {}): Promise<ElasticsearchServer> {
  return startSearchServer(
    { name: 'Elasticsearch', variable: 'TAILRACE_TEST_ES_URL', find: findElasticsearch },
    options,
  );
}
