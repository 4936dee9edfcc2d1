import { afterAll, describe } from 'vitest';
import { sink } from '../../../connectors/elasticsearch/index.ts';
import { startElasticsearch } from '../../../demo/servers/elasticsearch.ts';
import { sinkAcceptance } from '../../../src/testkit/index.ts';
import { needServer } from '../../support/need-server.ts';
import { acceptanceTests } from '../run-kit.ts';
import { elasticsearchSinkDriver } from './elasticsearch.driver.ts';

// A sample runs on OpenSearch, beside its other tests: a server takes seconds to start.
const isFull = process.env.TAILRACE_FULL !== undefined;
const server = isFull ? await needServer('elasticsearch', () => startElasticsearch()) : null;
afterAll(() => server?.stop());

describe.skipIf(server === null)('elasticsearch passes the acceptance kit', () => {
  const driver = elasticsearchSinkDriver(() => server!);
  acceptanceTests(sinkAcceptance(sink, driver));
});
