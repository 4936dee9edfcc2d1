import { afterAll, describe } from 'vitest';
import { sink, source } from '../../../connectors/mysql/index.ts';
import { startMysql } from '../../../demo/servers/mysql.ts';
import { sinkAcceptance, sourceAcceptance } from '../../../src/testkit/index.ts';
import { needServer } from '../../support/need-server.ts';
import { acceptanceTests } from '../run-kit.ts';
import { mysqlSinkDriver } from './mysql.driver.ts';
import { mysqlSourceDriver } from './mysql-source.driver.ts';

const server = await needServer('mysql', () => startMysql({ flavor: 'mysql' }));
afterAll(() => server?.stop());

describe.skipIf(server === null)('mysql passes the acceptance kit', () => {
  describe('sink', () =>
    acceptanceTests(
      sinkAcceptance(
        sink,
        mysqlSinkDriver(() => server!),
      ),
    ));
  describe('source', () =>
    acceptanceTests(
      sourceAcceptance(
        source,
        mysqlSourceDriver(() => server!),
      ),
    ));
});
