import { afterAll, describe } from 'vitest';
import { sink } from '../../../connectors/elasticsearch/index.ts';
import { startElasticsearch } from '../../../demo/servers/elasticsearch.ts';
import { sinkAcceptance } from '../../../src/testkit/index.ts';
import { needServer } from '../../support/need-server.ts';
import { acceptanceTests } from '../run-kit.ts';
import { elasticsearchSinkDriver } from './elasticsearch.driver.ts';

const server = await needServer('elasticsearch', () => startElasticsearch());
afterAll(() => server?.stop());

describe.skipIf(server === null)('elasticsearch passes the acceptance kit', () => {
  acceptanceTests(
    sinkAcceptance(
      sink,
      elasticsearchSinkDriver(() => server!),
    ),
  );
});
