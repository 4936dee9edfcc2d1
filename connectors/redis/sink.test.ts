import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe } from 'vitest';
import { type RedisServer, startRedis } from '../../demo/servers/redis.ts';
import { lastValueSuite } from '../../test/support/last-value-suite.ts';
import type { LastValueTarget } from '../../test/support/last-value-target.ts';
import { needServer } from '../../test/support/need-server.ts';
import { byJson } from '../../test/support/table-model.ts';
import { sink } from './index.ts';

const server = await needServer('redis', () => startRedis());
afterAll(() => server?.stop());
let client: Redis;
beforeAll(() => {
  if (server !== null) client = new Redis(server.url, { protocol: 2 });
});
afterAll(() => client?.disconnect());

let targets = 0;

function target(as: 'hash' | 'json', { url }: RedisServer): LastValueTarget {
  const prefix = `t${++targets}`;
  return {
    open: (options) => sink.open({ ...options, id: `p.${prefix}`, config: { url, key: `${prefix}:{id}`, as } }),
    async rows(_, columns) {
      const keys = await client.keys(`${prefix}:*`);
      const found = await Promise.all(
        keys.map(async (key): Promise<Record<string, string | null>> => {
          return as === 'hash' ? client.hgetall(key) : JSON.parse(String(await client.get(key)));
        }),
      );
      return found.map((row) => columns.map((column) => row[column] ?? null)).sort(byJson);
    },
  };
}

describe.skipIf(server === null)('redis sink', () => {
  describe('hashes', () => lastValueSuite(async () => target('hash', server!), { transactional: false }));
  describe('JSON', () => lastValueSuite(async () => target('json', server!), { transactional: false }));
});
