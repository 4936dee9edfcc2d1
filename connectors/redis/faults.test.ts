import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { startRedis } from '../../demo/servers/redis.ts';
import { Random } from '../../demo/shop/random.ts';
import { batch, change, lineage, openOptions } from '../../test/support/changes.ts';
import { feedWithKills } from '../../test/support/killed-sink.ts';
import { apply, insert, SHOP } from '../../test/support/last-value-target.ts';
import { LossyProxy } from '../../test/support/lossy-proxy.ts';
import { feedWithLostResponses } from '../../test/support/lost-responses.ts';
import { needServer } from '../../test/support/need-server.ts';
import { testSeed } from '../../test/support/seed.ts';
import { CERTIFICATE, tlsProxy } from '../../test/support/tls-proxy.ts';
import { sink } from './index.ts';

// Not one named by the environment: its settings are changed.
const server = await needServer('redis', () => startRedis({ own: true }));
afterAll(() => server?.stop());
let client: Redis;
beforeAll(() => {
  if (server !== null) client = new Redis(server.url, { protocol: 2 });
});
afterAll(() => client?.disconnect());
beforeEach(() => client?.flushall());

const never = new AbortController().signal;
const url = server?.url ?? '';

const open = (config: object, more = {}) => sink.open(openOptions(sink.config.parse({ url, ...config }), more));

describe.skipIf(server === null)('redis', () => {
  describe.each(['hash', 'json'] as const)('as %s', (as) => {
    const config = { key: 'x:{id}', as };
    const keys = async () => (await client.keys('x:*')).sort();

    test('invariant 7: lost answers change nothing', async () => {
      const seed = testSeed;
      console.log(`lost answers: seed ${seed}`);
      const random = new Random(seed);
      const proxy = await LossyProxy.start(server!.port);
      onTestFinished(() => proxy.close());
      const losses = Number(process.env.TAILRACE_TEST_LOSSES ?? 60);
      const through = { url: `redis://127.0.0.1:${proxy.port}`, ...config };
      const expected = await feedWithLostResponses((options) => sink.open({ ...options, config: through }), proxy, {
        losses,
        random: () => random.between(0, 999_999) / 1_000_000,
      });
      expect(proxy.lost).toBeGreaterThanOrEqual(losses);
      const found = await Promise.all(
        (await keys()).map(async (key): Promise<Record<string, string>> => {
          return as === 'hash' ? client.hgetall(key) : JSON.parse((await client.get(key))!);
        }),
      );
      expect(found.map(({ id, n, big }) => [id, n ?? null, big ?? null])).toEqual(expected);
    });

    test('a process killed before and after flush loses nothing and repeats nothing', async () => {
      const job = { type: 'redis', config: { url, ...config }, total: 100, size: 7 };
      await feedWithKills(job, [
        'sink.before-flush:1',
        'sink.before-flush:4',
        'sink.after-flush:2',
        'sink.before-flush:2',
      ]);
      for (let i = 0; i < 10; i++) {
        const n = as === 'hash' ? await client.hget(`x:${i}`, 'n') : JSON.parse((await client.get(`x:${i}`))!).n;
        expect(Number(n)).toBe(90 + i);
      }
    });
  });

  describe('faults', () => {
    const config = { key: 'x:{id}' };

    test('a server that forgot everything is noticed, and the sink starts again from the beginning', async () => {
      const opened = await open(config);
      await apply(opened, [insert(1, '1', 'a', 'b')]);
      await client.flushall();
      await expect(apply(opened, [insert(2, '2', 'a', 'b')], 1)).rejects.toMatchObject({ code: 'sink.unreachable' });
      await opened.sink.close();
      const again = await open(config);
      expect(again.resume).toEqual([]);
      await again.sink.close();
    });

    test('scripts that were flushed are loaded again by the next session', async () => {
      const opened = await open(config);
      await client.script('FLUSH');
      await expect(apply(opened, [insert(1, '1', 'a', 'b')])).rejects.toMatchObject({ code: 'sink.unreachable' });
      await expect(apply(opened, [insert(1, '1', 'a', 'b')])).rejects.toMatchObject({ code: 'sink.unreachable' });
      await opened.sink.close();
      const again = await open(config);
      expect(await apply(again, [insert(1, '1', 'a', 'b')])).toEqual([]);
      await again.sink.close();
    });

    test('invariant 2: lineage and position are there before the first row, and move in flush only', async () => {
      const opened = await open(config);
      await opened.sink.write(batch([insert(1, '1', 'a', 'b')], { from: 5 }), never);
      await opened.sink.close();
      await expect(open(config, { lineage: lineage('bbbbbbbbbbbbbbbb') })).rejects.toMatchObject({
        code: 'sink.other_log',
      });
      const again = await open(config);
      expect(again.resume).toEqual([{ topic: 'shop.public.t', partition: 0, next: 5n }]);
      await again.sink.close();
    });

    test('a server out of memory, or read-only, is waited for', async () => {
      for (const [word, spoil, mend] of [
        ['OOM', () => client.config('SET', 'maxmemory', '1'), () => client.config('SET', 'maxmemory', '0')],
        ['READONLY', () => client.replicaof('127.0.0.1', 1), () => client.replicaof('NO', 'ONE')],
      ] as const) {
        const opened = await open(config);
        await apply(opened, [insert(1, '1', 'a', 'b')]);
        await spoil();
        try {
          await expect(apply(opened, [insert(2, '2', 'a', 'b')], 1)).rejects.toMatchObject({
            code: 'sink.unreachable',
            message: expect.stringContaining(word),
            remedy: expect.any(String),
          });
        } finally {
          await mend();
        }
        await opened.sink.close();
        const again = await open(config);
        expect(await apply(again, [insert(2, '2', 'a', 'b')], 1, 2)).toEqual([]);
        await again.sink.close();
        await client.flushall();
      }
    });

    test('an abort ends a write that waits for the server', async () => {
      const opened = await open(config);
      await apply(opened, [insert(1, '1', 'a', 'b')]);
      await client.client('PAUSE', 60_000, 'WRITE');
      const stop = new AbortController();
      const write = opened.sink.write(batch([insert(2, '2', 'a', 'b')], { from: 1 }), stop.signal);
      stop.abort(new DOMException('stopping', 'AbortError'));
      await expect(write).rejects.toMatchObject({ name: 'AbortError' });
      await opened.sink.close();
      await client.client('UNPAUSE');
    });
  });

  describe('users and TLS', () => {
    const PASSWORD = 'canary p@ss/word';
    const as = (user: string, password = PASSWORD) =>
      url.replace('redis://', `redis://${user}:${encodeURIComponent(password)}@`);

    afterEach(() => client.acl('DELUSER', 'writer'));

    test('a user with the documented permissions can do everything', async () => {
      await client.acl(
        'SETUSER',
        'writer',
        'on',
        `>${PASSWORD}`,
        '+@read',
        '+@write',
        '+@scripting',
        '+ping',
        '~x:*',
        '~_tr:*',
      );
      const config = { url: as('writer'), key: 'x:{id}' };
      const opened = await open(config);
      expect(await apply(opened, [insert(1, '1', 'a', 'b'), change(SHOP, { op: 'truncate', version: 2 })])).toEqual([]);
      await opened.sink.close();
      expect((await sink.check(openOptions(config))).map(({ level }) => level)).toEqual(['ok']);
    });

    test('invariant 12: a wrong password and a missing permission are told apart, and no password is shown', async () => {
      await client.acl('SETUSER', 'writer', 'on', `>${PASSWORD}`, '+@read', '+ping', '~x:*');
      for (const [text, code] of [
        [as('writer', 'wrong canary'), 'sink.auth'],
        [as('nobody'), 'sink.auth'],
        [as('writer'), 'sink.not_ready'],
      ] as const) {
        const error = await open({ url: text, key: 'x:{id}' }).catch((thrown) => thrown);
        expect(error).toMatchObject({ code, remedy: expect.any(String) });
        expect(`${error.message} ${error.remedy} ${error.detail}`).not.toMatch(/canary|p%40ss/);
        const findings = await sink.check(openOptions({ url: text, key: 'x:{id}', as: 'hash' }));
        expect(findings).toMatchObject([{ level: 'problem', remedy: expect.any(String), path: ['url'] }]);
        expect(JSON.stringify(findings)).not.toMatch(/canary|p%40ss/);
      }
      await client.config('SET', 'requirepass', PASSWORD);
      try {
        await expect(open({ key: 'x:{id}' })).rejects.toMatchObject({ code: 'sink.auth' });
        const opened = await open({ url: as(''), key: 'x:{id}' });
        await opened.sink.close();
      } finally {
        await client.config('SET', 'requirepass', '');
      }
    });

    test('TLS: a certificate that nobody vouches for is refused, one of a known authority accepted', async () => {
      const dir = await mkdtemp(join(tmpdir(), 'tailrace-tls-'));
      onTestFinished(() => rm(dir, { recursive: true, force: true }));
      const certificate = join(dir, 'ca.pem');
      await writeFile(certificate, CERTIFICATE);
      const config = { url: `rediss://localhost:${await tlsProxy(server!.port)}`, key: 'x:{id}' };
      await expect(open(config)).rejects.toMatchObject({
        code: 'sink.unreachable',
        message: expect.stringMatching(/CERT|SIGNED/),
      });
      // Read once, when a process starts.
      vi.stubEnv('NODE_EXTRA_CA_CERTS', certificate);
      onTestFinished(() => void vi.unstubAllEnvs());
      await feedWithKills({ type: 'redis', config, total: 20, size: 5 }, []);
      expect(await client.hget('x:9', 'n')).toBe('19');
    });
  });

  describe('check', () => {
    const check = (config: object, more = {}) =>
      sink.check(openOptions(sink.config.parse({ url, key: 'x:{id}', ...config }), more));
    const problems = async (config: object, more = {}) =>
      (await check(config, more)).filter(({ level }) => level !== 'ok');

    test('finds a server that is fit, and changes nothing', async () => {
      expect(await check({})).toMatchObject([{ level: 'ok', path: ['url'] }]);
      expect(await client.dbsize()).toBe(0);
    });

    test('names what is wrong and the remedy', async () => {
      const unreachable = await problems({ url: 'redis://127.0.0.1:1' });
      expect(unreachable).toMatchObject([
        { level: 'problem', message: expect.stringContaining('ECONNREFUSED'), path: ['url'] },
      ]);
      await client.config('SET', 'maxmemory', '1gb');
      await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
      expect(await problems({})).toMatchObject([{ level: 'warning', message: expect.stringContaining('allkeys-lru') }]);
      await client.config('SET', 'maxmemory', '0');
      await client.config('SET', 'maxmemory-policy', 'noeviction');
      await client.replicaof('127.0.0.1', 1);
      expect(await problems({})).toMatchObject([{ level: 'problem', message: expect.stringContaining('replica') }]);
      await client.replicaof('NO', 'ONE');
      const opened = await open({ key: 'x:{id}' });
      await apply(opened, [insert(1, '1', 'a', 'b')]);
      await opened.sink.close();
      const other = await problems({}, { lineage: lineage('bbbbbbbbbbbbbbbb') });
      expect(other).toMatchObject([
        { level: 'problem', message: expect.stringContaining('not written from this log') },
      ]);
    });

    test('configuration: odd addresses and unknown keys are refused', () => {
      for (const bad of ['http://x', 'redis://x/y', 'redis://x?family=6', 'redis://x/0#y']) {
        expect(sink.config.safeParse({ url: bad, key: 'x:{id}' }).success, bad).toBe(false);
      }
      expect(sink.config.safeParse({ url: 'rediss://u:p@h:1/2', key: 'x:{id}', as: 'json' }).success).toBe(true);
      expect(sink.config.safeParse({ url, key: 'x:{id}', tlt: '1d' }).success).toBe(false);
    });
  });
});
