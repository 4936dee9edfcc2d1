import { afterAll, describe } from 'vitest';
import { sink } from '../../../connectors/redis/index.ts';
import { startRedis } from '../../../demo/servers/redis.ts';
import { sinkAcceptance } from '../../../src/testkit/index.ts';
import { needServer } from '../../support/need-server.ts';
import { acceptanceTests } from '../run-kit.ts';
import { redisSinkDriver } from './redis.driver.ts';

const server = await needServer('redis', () => startRedis());
afterAll(() => server?.stop());

describe.skipIf(server === null)('redis passes the acceptance kit', () => {
  acceptanceTests(
    sinkAcceptance(
      sink,
      redisSinkDriver(() => server!),
    ),
  );
});
