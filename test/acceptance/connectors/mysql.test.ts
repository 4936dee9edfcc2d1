import { afterAll, describe } from 'vitest';
import { sink } from '../../../connectors/mysql/index.ts';
import { startMysql } from '../../../demo/servers/mysql.ts';
import { sinkAcceptance } from '../../../src/testkit/index.ts';
import { needServer } from '../../support/need-server.ts';
import { acceptanceTests } from '../run-kit.ts';
import { mysqlSinkDriver } from './mysql.driver.ts';

const server = await needServer('mysql', () => startMysql({ flavor: 'mysql' }));
afterAll(() => server?.stop());

describe.skipIf(server === null)('mysql passes the acceptance kit', () => {
  acceptanceTests(
    sinkAcceptance(
      sink,
      mysqlSinkDriver(() => server!),
    ),
  );
});
