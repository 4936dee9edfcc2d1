import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RedisServer, startRedis } from '../../demo/servers/redis.ts';
import { sinkAcceptance } from '../../src/testkit/index.ts';
import { redisSinkDriver } from '../../test/acceptance/connectors/redis.driver.ts';
import { acceptanceTests } from '../../test/acceptance/run-kit.ts';
import { change, openOptions } from '../../test/support/changes.ts';
import { lastValueSuite } from '../../test/support/last-value-suite.ts';
import { apply, insert, type LastValueTarget, SHOP, update } from '../../test/support/last-value-target.ts';
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

/** What each form has of rows: its settings below a prefix, and the ids of the rows that are there. */
const FORMS = {
  hash: { key: ':{id}' },
  json: { key: ':{id}' },
  string: { key: ':{id}', value: 'a' },
  set: { key: ':all', member: '{id}' },
  'sorted-set': { key: ':all', member: '{id}', score: 'a' },
} as const;

async function idsUnder(prefix: string, as: keyof typeof FORMS): Promise<string[]> {
  if (as === 'set') return (await client.smembers(`${prefix}:all`)).sort();
  if (as === 'sorted-set') return (await client.zrange(`${prefix}:all`, '0', '-1')).sort();
  return (await client.keys(`${prefix}:*`)).map((key) => key.slice(prefix.length + 1)).sort();
}

describe.skipIf(server === null)('redis sink', () => {
  describe('passes the acceptance kit', () => {
    const driver = redisSinkDriver(() => server!);
    acceptanceTests(sinkAcceptance(sink, driver), { cases: 12 });
  });
  describe('hashes', () => lastValueSuite(async () => target('hash', server!), { transactional: false }));
  describe('JSON', () => lastValueSuite(async () => target('json', server!), { transactional: false }));

  test.each(['hash', 'json', 'string', 'set', 'sorted-set'] as const)(
    'invariant 7: the sweep of a snapshot spares rows whose newest change is a dead letter, a truncate none (%s)',
    async (as) => {
      const prefix = `t${++targets}`;
      const form = { ...FORMS[as], key: prefix + FORMS[as].key };
      const config = sink.config.parse({ url: server!.url, as, ...form });
      const opened = await sink.open(openOptions(config, { id: `p.${prefix}` }));
      const sweepExcept = ['1', 'é:%', '\ud800', 'never'].map((id) => JSON.stringify({ id }));
      await apply(opened, [insert(1, '1', '1', 'b'), insert(2, '2', '1', 'b'), insert(3, 'é:%', '1', 'b')]);
      await apply(opened, [change(SHOP, { op: 'snapshot-end', version: 12, sweepBelow: 10, sweepExcept })], 3);
      expect(await idsUnder(prefix, as)).toEqual(['1', 'é:%']);
      await apply(opened, [update(13, 'new', '1', 'b'), change(SHOP, { op: 'truncate', version: 13 })], 4);
      expect(await idsUnder(prefix, as)).toEqual(['new']);
      await opened.sink.close();
    },
  );

  test('invariant 7: the sweep of a snapshot spares rows that are refused in the same write', async () => {
    const prefix = `t${++targets}`;
    const form = { as: 'sorted-set', key: `${prefix}:all`, member: '{id}', score: 'a' };
    const config = sink.config.parse({ url: server!.url, ...form });
    const opened = await sink.open(openOptions(config, { id: `p.${prefix}` }));
    await apply(opened, [insert(1, '1', '1', 'b'), insert(2, '2', '1', 'b')]);
    const end = change(SHOP, { op: 'snapshot-end', version: 12, sweepBelow: 10 });
    expect(await apply(opened, [update(11, '1', 'NaN', 'b'), end], 2)).toHaveLength(1);
    expect(await idsUnder(prefix, 'sorted-set')).toEqual(['1']);
    await opened.sink.close();
  });
});
