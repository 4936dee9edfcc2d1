import { afterAll, describe } from 'vitest';
import { sink, source } from '../../../connectors/postgres/index.ts';
import { startPostgres } from '../../../demo/servers/postgres.ts';
import { sinkAcceptance, sourceAcceptance } from '../../../src/testkit/index.ts';
import { needServer } from '../../support/need-server.ts';
import { acceptanceTests } from '../run-kit.ts';
import { postgresSinkDriver } from './postgres.driver.ts';
import { postgresSourceDriver } from './postgres-source.driver.ts';

const server = await needServer('postgres', () => startPostgres());
afterAll(() => server?.stop());

describe.skipIf(server === null)('postgres passes the acceptance kit', () => {
  describe('sink', () =>
    acceptanceTests(
      sinkAcceptance(
        sink,
        postgresSinkDriver(() => server!),
      ),
    ));
  describe('source', () =>
    acceptanceTests(
      sourceAcceptance(
        source,
        postgresSourceDriver(() => server!),
      ),
    ));
});
