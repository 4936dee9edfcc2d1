/** Primaries that fail with writes that they had acknowledged: the position goes with the rows, so that the sink writes them again. */
import { Redis } from 'ioredis';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { startRedis } from '../../demo/servers/redis.ts';
import { batch, openOptions } from '../../test/support/changes.ts';
import { CuttingProxy } from '../../test/support/cutting-proxy.ts';
import { lastValueSuite } from '../../test/support/last-value-suite.ts';
import { apply, insert, remove } from '../../test/support/last-value-target.ts';
import { needServer } from '../../test/support/need-server.ts';
import { RedisCluster } from '../../test/support/redis-cluster.ts';
import { RedisSentinel } from '../../test/support/redis-sentinel.ts';
import { byJson } from '../../test/support/table-model.ts';
import { sink } from './index.ts';
import { crc16 } from './slot.ts';

const SYNC_AT_ONCE = ['--repl-diskless-sync-delay', '0'];
const WAIT = { timeout: 120_000, interval: 20 };
const never = new AbortController().signal;
const topic = { topic: 'shop.public.t', partition: 0 };
const changes = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => insert(from + i + 1, `k${from + i}`, `a${from + i}`, 'b'));

describe('sentinel', () => {
  test('invariant 2: what a failed primary had acknowledged and its successor does not have is written again', async () => {
    const primary = await needServer('redis', () => startRedis({ own: true, settings: SYNC_AT_ONCE }));
    if (primary === null) return;
    onTestFinished(() => primary.stop());
    const proxy = await CuttingProxy.start(primary.port);
    onTestFinished(() => proxy.close());
    const replica = await startRedis({ own: true, settings: ['--replicaof', '127.0.0.1', String(proxy.port)] });
    onTestFinished(() => replica.stop());
    const client = new Redis(replica.url, { protocol: 2 });
    onTestFinished(() => client.disconnect());
    await vi.waitUntil(async () => (await client.info('replication')).includes('master_link_status:up'), WAIT);
    const sentinel = await RedisSentinel.start('shop', primary.port);
    onTestFinished(() => sentinel.stop());
    const nodes = ['127.0.0.1:1', `127.0.0.1:${sentinel.port}`];
    const config = sink.config.parse({ url: 'redis://shop', sentinel: { nodes }, key: 'x:{id}' });
    const first = await sink.open(openOptions(config));
    await apply(first, changes(0, 100));
    await vi.waitUntil(async () => (await client.dbsize()) === 102, WAIT);
    await proxy.close();
    await apply(first, changes(100, 50), 100);
    await apply(first, [remove(200, 'k3')], 150);
    await primary.kill();
    await expect(apply(first, changes(150, 10), 151)).rejects.toMatchObject({ code: 'sink.unreachable' });
    await first.sink.close();
    await sentinel.waitForPrimary('shop', replica.port);
    const second = await vi.waitFor(() => sink.open(openOptions(config)), WAIT);
    expect(second.resume).toEqual([{ ...topic, next: 100n }]);
    await apply(second, [...changes(100, 50), remove(200, 'k3')], 100, 2);
    await second.sink.close();
    const rows = await client.keys('x:*');
    expect(rows).toHaveLength(149);
    expect(rows).not.toContain('x:k3');
    const wrong = sink.config.parse({ url: 'redis://nobody', sentinel: { nodes }, key: 'x:{id}' });
    await expect(sink.open(openOptions(wrong))).rejects.toMatchObject({ code: 'sink.not_ready' });
  });
});

describe('cluster', async () => {
  const cluster = await needServer('redis', () => RedisCluster.start());
  afterAll(() => cluster?.stop());
  let targets = 0;
  const settings = (key: string, more = {}) =>
    sink.config.parse({ url: cluster!.url, cluster: { groups: 8 }, key, ...more });
  const keysLike = async (pattern: string) =>
    (await Promise.all(cluster!.primaries.map((client) => client.keys(pattern)))).flat().sort();
  const get = async <T>(key: string, ask: (client: Redis) => Promise<T>) => {
    const tag = /\{(.*?)\}/.exec(key)![1]!;
    const slot = crc16(tag) % 16_384;
    const ranges = (await cluster!.clients[1]!.call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
    const port = ranges.find(([from, to]) => from <= slot && slot <= to)![2][1];
    return ask(cluster!.clients[cluster!.servers.findIndex((server) => server.port === port)]!);
  };

  describe.skipIf(cluster === null)('of three nodes', () => {
    lastValueSuite(
      async () => {
        const prefix = `t${++targets}`;
        const config = settings(`${prefix}:{$group}:{id}`);
        return {
          open: (options) => sink.open({ ...options, id: `p.${prefix}`, config }),
          async rows(_, columns) {
            const keys = await keysLike(`${prefix}:*`);
            const found = await Promise.all(keys.map((key) => get(key, (client) => client.hgetall(key))));
            return found.map((row) => columns.map((name) => row[name] ?? null)).sort(byJson);
          },
        };
      },
      { transactional: false, runs: 8 },
    );

    test('keys are spread by the documented formula, over all nodes, and a sweep finds them', async () => {
      const config = settings('spread:{$group}:{id}', { as: 'json' });
      const opened = await sink.open(openOptions(config, { id: 'p.spread' }));
      await apply(opened, changes(0, 200));
      const expected = changes(0, 200).map((_, i) => `spread:{${crc16(`spread::k${i}`) % 8}}:k${i}`);
      expect(await keysLike('spread:*')).toEqual(expected.sort());
      const nodes = await Promise.all(cluster!.primaries.map(async (client) => (await client.keys('spread:*')).length));
      expect(Math.min(...nodes)).toBeGreaterThan(0);
      await apply(opened, [{ ...insert(150, 'x'), op: 'truncate', after: null }], 200);
      expect(await keysLike('spread:*')).toHaveLength(51);
      await opened.sink.close();
      expect(await sink.check(openOptions(config, { id: 'p.spread' }))).toMatchObject([{ level: 'ok' }]);
      const single = sink.config.parse({ url: cluster!.url, key: 'spread:{id}' });
      expect(await sink.check(openOptions(single))).toMatchObject([
        { level: 'problem', remedy: expect.stringContaining('cluster: {}') },
      ]);
    });

    test('a slot that moves holds the sink up; then it goes on', async () => {
      const config = settings('move:{$group}:{id}');
      const open = () => sink.open(openOptions(config, { id: 'p.move' }));
      const opened = await open();
      await apply(opened, changes(0, 100));
      const slot = crc16('3') % 16_384;
      const from = await get('{3}', async (client) => client);
      const to = cluster!.primaries.find((client) => client !== from)!;
      const [source, target] = await Promise.all(
        [from, to].map(async (client) => String(await client.call('CLUSTER', 'MYID'))),
      );
      await to.call('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', source!);
      await from.call('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', target!);
      await expect(apply(opened, changes(100, 100), 100)).rejects.toMatchObject({ code: 'sink.unreachable' });
      await opened.sink.close();
      const host = ['127.0.0.1', String(cluster!.servers[cluster!.clients.indexOf(to)]!.port)];
      const keys = (await from.call('CLUSTER', 'GETKEYSINSLOT', String(slot), '1000')) as string[];
      await from.call('MIGRATE', ...host, '', '0', '5000', 'KEYS', ...keys);
      for (const client of [to, from]) await client.call('CLUSTER', 'SETSLOT', String(slot), 'NODE', target!);
      const again = await vi.waitFor(async () => {
        const one = await open();
        const next = Number(one.resume![0]!.next);
        await one.sink.write(batch(changes(next, 200 - next), { from: next, epoch: 2 }), never);
        return one;
      }, WAIT);
      await again.sink.flush(never);
      await again.sink.close();
      expect(await keysLike('move:*')).toHaveLength(200);
    });

    test('invariant 2: the groups of a failed primary are written again from where its successor stands', async () => {
      const config = settings('fail:{$group}:{id}');
      const open = () => sink.open(openOptions(config, { id: 'p.fail' }));
      const opened = await open();
      await apply(opened, changes(0, 100));
      await vi.waitUntil(async () => (await cluster!.clients[0]!.call('WAIT', '1', '1000')) === 1, WAIT);
      await cluster!.cutReplica();
      await apply(opened, changes(100, 100), 100);
      await cluster!.failOver();
      await expect(apply(opened, changes(200, 100), 200)).rejects.toMatchObject({ code: 'sink.unreachable' });
      await opened.sink.close();
      expect((await keysLike('fail:*')).length).toBeLessThan(300);
      const again = await open();
      expect(again.resume).toEqual([{ ...topic, next: 100n }]);
      await apply(again, changes(100, 200), 100, 2);
      await again.sink.close();
      expect(await keysLike('fail:*')).toHaveLength(300);
    });
  });
});
