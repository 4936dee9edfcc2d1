/** A real OpenSearch on 127.0.0.1 for the tests: one node, no security. */
import { findOpenSearch } from './opensearch-node.ts';
import { type SearchServer, type SearchServerOptions, startSearchServer } from './search-server.ts';

/** The server that TAILRACE_TEST_OPENSEARCH_URL names, else one of our own; see `startSearchServer`. */
export function startOpenSearch(options: SearchServerOptions = {}): Promise<SearchServer> {
  return startSearchServer(
    { name: 'OpenSearch', variable: 'TAILRACE_TEST_OPENSEARCH_URL', find: findOpenSearch },
    options,
  );
}
