import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startRedis } from '../../demo/servers/redis.ts';
import { NOT_SENT } from '../../src/contracts/row.ts';
import { programs, runProgram } from '../../test/support/change-programs.ts';
import { batch, change, column, openOptions, table } from '../../test/support/changes.ts';
import fc from '../../test/support/fast-check.ts';
import { apply, insert, remove, SHOP, update } from '../../test/support/last-value-target.ts';
import { needServer } from '../../test/support/need-server.ts';
import { testSeed } from '../../test/support/seed.ts';
import { byJson } from '../../test/support/table-model.ts';
import { sink } from './index.ts';

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
const RUNS = Number(process.env.TAILRACE_TEST_RUNS ?? 30);

const open = (config: object, more = {}) => sink.open(openOptions(sink.config.parse({ url, ...config }), more));
const truncate = (version: number) => change(SHOP, { op: 'truncate', version });

describe.skipIf(server === null)('redis', () => {
  /** Applies each change by itself and gives what stands there after each. */
  async function after(config: object, changes: ReturnType<typeof insert>[], look: () => Promise<unknown>) {
    const opened = await open(config);
    const found: unknown[] = [];
    for (const [i, one] of changes.entries()) {
      await apply(opened, [one], i);
      found.push(await look());
    }
    await opened.sink.close();
    return found;
  }

  describe('string', () => {
    const config = { key: 'x:{id}', as: 'string', value: 'a' };

    test('is the text of the column; without one while it is NULL; left alone when it was not sent', async () => {
      const changes = [
        insert(1, '1', 'é"\\', 'b'),
        update(2, '1', NOT_SENT, 'b2'),
        update(3, '1', null, 'b3'),
        update(4, '1', NOT_SENT, 'b4'),
        update(5, '1', 'five', 'b5'),
        remove(6, '1'),
      ];
      expect(await after(config, changes, () => client.get('x:1'))).toEqual(['é"\\', 'é"\\', null, null, 'five', null]);
      expect(await client.keys('_tr:row:*')).toEqual(['_tr:row:x:1']);
    });

    test('a column that the table does not have is named', async () => {
      const opened = await open({ ...config, value: 'price' });
      await expect(apply(opened, [insert(1, '1', 'a', 'b')])).rejects.toMatchObject({
        code: 'sink.not_ready',
        message: expect.stringContaining('no column "price"'),
      });
      await opened.sink.close();
    });

    test('invariant 7: any changes, restarts and repeats come to what the model by version says', async () => {
      let targets = 0;
      const target = () => {
        const prefix = `t${++targets}:`;
        const settings = sink.config.parse({ url, key: `${prefix}{id}`, as: 'string', value: 'a' });
        return {
          open: (options: object) =>
            sink.open({ ...openOptions(settings), ...options, id: `p.${prefix}`, config: settings }),
          async rows() {
            const keys = await client.keys(`${prefix}*`);
            const found = await Promise.all(keys.map(async (key) => [key.slice(prefix.length), await client.get(key)]));
            return found.sort(byJson);
          },
        };
      };
      const shown = (rows: (string | null)[][]) => rows.filter(([, a]) => a !== null).map(([id, a]) => [id!, a!]);
      await fc.assert(
        fc.asyncProperty(programs, async ({ changes, steps }) => {
          await runProgram({ target: target(), transactional: false, shown }, changes, steps);
        }),
        { seed: testSeed, numRuns: RUNS },
      );
    });
  });

  describe('members of sets', () => {
    const tags = table('tags', [
      column('tag', 'text', 'text', { key: 1 }),
      column('product', 'text', 'text', { key: 2 }),
      column('weight', 'decimal', 'numeric'),
    ]);
    const put = (version: number, tag: string, product: string, weight: string | null | typeof NOT_SENT = '1') =>
      change(tags, { op: 'update', version, after: [tag, product, weight] });
    const drop = (version: number, tag: string, product: string) =>
      change(tags, { op: 'delete', version, before: [tag, product] });

    test('rows come and go as members; a key without members is gone', async () => {
      const config = { key: 'tag:{tag}', as: 'set', member: '{product}' };
      const changes = [put(1, 'red', 'a'), put(2, 'red', 'b'), drop(3, 'red', 'a'), drop(4, 'red', 'b')];
      const found = await after(config, changes, async () => (await client.smembers('tag:red')).sort());
      expect(found).toEqual([['a'], ['a', 'b'], ['b'], []]);
    });

    test('scores follow their column; a member whose score is NULL is none', async () => {
      const config = { key: 'tag:{tag}', as: 'sorted-set', member: '{product}', score: 'weight' };
      const changes = [
        put(1, 'red', 'a', '1.5'),
        put(2, 'red', 'b', '-3'),
        put(3, 'red', 'a', NOT_SENT),
        put(4, 'red', 'a', 'Infinity'),
        put(5, 'red', 'b', null),
      ];
      const found = await after(config, changes, () => client.zrange('tag:red', '0', '-1', 'WITHSCORES'));
      expect(found).toEqual([
        ['a', '1.5'],
        ['b', '-3', 'a', '1.5'],
        ['b', '-3', 'a', '1.5'],
        ['b', '-3', 'a', 'inf'],
        ['a', 'inf'],
      ]);
    });

    test('a score that is no number, and a key of another type, come back alone', async () => {
      await client.set('tag:text', 'mine');
      const opened = await open({ key: 'tag:{tag}', as: 'sorted-set', member: '{product}', score: 'weight' });
      const rejected = await apply(opened, [put(1, 'red', 'a', 'NaN'), put(2, 'red', 'b'), put(3, 'text', 'c')]);
      expect(rejected.map(({ record, error }) => [record.offset, error.message])).toEqual([
        [0n, expect.stringContaining('no number')],
        [2n, expect.stringContaining('another type')],
      ]);
      expect(await client.zrange('tag:red', '0', '-1')).toEqual(['b']);
      await opened.sink.close();
    });

    test('a sweep takes members of the table only, in all sets', async () => {
      const config = { key: 'tag:{tag}', as: 'set', member: '{product}' };
      await client.sadd('tag:red', 'mine');
      const opened = await open(config);
      await apply(opened, [put(1, 'red', 'a'), put(2, 'ré:d', 'b:c'), put(9, 'red', 'new')]);
      await apply(opened, [change(tags, { op: 'truncate', version: 5 })], 3);
      await apply(opened, [put(4, 'red', 'late')], 4);
      await opened.sink.close();
      expect((await client.smembers('tag:red')).sort()).toEqual(['mine', 'new']);
      expect(await client.exists('tag:ré:d')).toBe(0);
      expect(await client.keys('_tr:member:*')).toEqual(['_tr:member:7:tag:rednew']);
    });

    test('invariant 7: any changes, restarts and repeats come to what the model by version says', async () => {
      let targets = 0;
      const target = () => {
        const key = `set${++targets}`;
        const settings = sink.config.parse({ url, key, as: 'set', member: '{id}' });
        return {
          open: (options: object) =>
            sink.open({ ...openOptions(settings), ...options, id: `p.${key}`, config: settings }),
          rows: async () => (await client.smembers(key)).map((id) => [id]).sort(byJson),
        };
      };
      const shown = (rows: (string | null)[][]) => rows.map(([id]) => [id!]);
      await fc.assert(
        fc.asyncProperty(programs, async ({ changes, steps }) => {
          await runProgram({ target: target(), transactional: false, shown }, changes, steps);
        }),
        { seed: testSeed, numRuns: RUNS },
      );
    });
  });

  test.each([
    ['string', { key: 'x:{id}', value: 'a' }, () => client.get('x:1')],
    ['set', { key: 'all', member: '{id}' }, () => client.sismember('all', '1')],
    ['sorted-set', { key: 'all', member: '{id}', score: 'a' }, () => client.zscore('all', '1')],
  ] as const)(
    'invariant 7: a late change of a %s is refused, an equal one applied again, also around a delete',
    async (as, more, look) => {
      const changes = [
        insert(5, '1', '5', 'b'),
        update(4, '1', '4', 'b'),
        update(5, '1', '55', 'b'),
        remove(4, '1'),
        remove(7, '1'),
        insert(6, '1', '6', 'b'),
        insert(7, '1', '7', 'b'),
      ];
      const found = await after({ as, ...more }, changes, look);
      const there = as === 'set' ? [1, 1, 1, 1, 0, 0, 1] : ['5', '5', '55', '55', null, null, '7'];
      expect(found).toEqual(there);
    },
  );

  describe('stream', () => {
    const config = { key: 'changes:{$table}', as: 'stream' };
    const entries = async (key = 'changes:t') =>
      (await client.xrange(key, '-', '+')).map(([, words]) => {
        const fields: Record<string, string> = {};
        for (let i = 0; i < words.length; i += 2) fields[words[i]!] = words[i + 1]!;
        return fields;
      });

    test('an entry says what changed; markers are entries too', async () => {
      const opened = await open(config);
      await apply(opened, [insert(7, '1', 'a', null), update(8, '1', 'a2', NOT_SENT), remove(9, '1'), truncate(10)]);
      const one = { table: 'public.t', ts_us: expect.any(String), position: expect.any(String) };
      expect(await entries()).toEqual([
        { ...one, op: 'c', version: '7', key: '{"id":"1"}', after: '{"id":"1","a":"a","b":null}' },
        { ...one, op: 'u', version: '8', key: '{"id":"1"}', after: '{"id":"1","a":"a2"}' },
        { ...one, op: 'd', version: '9', key: '{"id":"1"}', before: '{"id":"1"}' },
        { ...one, op: 't', version: '10' },
      ]);
      await opened.sink.close();
    });

    test('invariant 2: what was appended before a position was saved is not appended again; a replay appends again', async () => {
      const changes = Array.from({ length: 600 }, (_, i) => insert(i + 1, `k${i}`, 'a', 'b'));
      const opened = await open(config);
      await opened.sink.write(batch(changes), never);
      await opened.sink.close();
      const again = await open(config);
      expect(again.resume).toEqual([{ topic: 'shop.public.t', partition: 0, next: 0n }]);
      await apply(again, [...changes, insert(700, 'more', 'a', 'b')], 0, 2);
      await again.sink.close();
      expect((await entries()).map(({ version }) => Number(version))).toEqual(
        [...Array(600).keys(), 699].map((i) => i + 1),
      );
      const replay = await open(config, { generation: 1 });
      await apply(replay, changes.slice(0, 10), 0, 3);
      await replay.sink.close();
      expect(await entries()).toHaveLength(611);
    });

    test('a stream may be of a row; its length may have a limit', async () => {
      const opened = await open({ key: 'of:{id}', as: 'stream', max_length: 10 });
      const changes = Array.from({ length: 1_000 }, (_, i) => update(i + 1, i % 2 === 0 ? 'a' : 'b', `v${i}`, 'b'));
      await apply(opened, changes);
      expect((await entries('of:b')).at(-1)).toMatchObject({ version: '1000' });
      expect(await client.xlen('of:a')).toBeLessThan(200);
      await opened.sink.close();
    });

    test('a key of another type stops the sink, and nothing is left out once it is gone', async () => {
      await client.set('of:b', 'mine');
      const changes = [insert(1, 'a', 'a', 'b'), insert(2, 'b', 'a', 'b'), insert(3, 'a', 'a', 'b')];
      const settings = { key: 'of:{id}', as: 'stream' };
      const opened = await open(settings);
      await expect(apply(opened, changes)).rejects.toMatchObject({ code: 'sink.not_ready' });
      await opened.sink.close();
      await client.del('of:b');
      const again = await open(settings);
      await apply(again, changes, 0, 2);
      await again.sink.close();
      expect((await entries('of:a')).map(({ version }) => version)).toEqual(['1', '3']);
      expect((await entries('of:b')).map(({ version }) => version)).toEqual(['2']);
    });

    test('keeps every change, where the other forms keep the last', () => {
      const kept = (settings: object) => sink.keepsFor!(sink.config.parse({ url, ...settings }));
      expect(kept(config)).toBe('append');
      expect(kept({ key: 'x:{id}' })).toBe('last-value');
    });
  });

  describe('invalidate', () => {
    const lines = table('lines', [
      column('order', 'int32', 'int', { key: 1 }),
      column('line', 'int32', 'int', { key: 2 }),
    ]);
    const config = { key: 'order:{order}', as: 'invalidate' };
    const put = (version: number, ...after: number[]) => change(lines, { op: 'update', version, after });

    test('a changed row removes its key, of whatever type, also one that several rows share; nothing else', async () => {
      await client.mset('order:1', 'x', 'order:2', 'x', 'order:3', 'x', 'other', 'x');
      await client.hset('order:4', 'a', 'b');
      const opened = await open(config);
      const gone = change(lines, { op: 'delete', version: 4, before: [4, 1] });
      expect(await apply(opened, [put(2, 1, 1), put(3, 1, 2), put(3, 2, 1), gone])).toEqual([]);
      expect((await client.keys('o*')).sort()).toEqual(['order:3', 'other']);
      await client.set('order:1', 'filled again');
      await apply(opened, [put(1, 1, 1)], 4);
      expect(await client.exists('order:1')).toBe(0);
      await opened.sink.close();
    });

    test('a truncate and the end of a snapshot remove all keys that the template makes', async () => {
      const opened = await open({ ...config, key: 'order:{order}:sum' });
      for (const [i, marker] of [
        change(lines, { op: 'truncate', version: 5 }),
        change(lines, { op: 'snapshot-end', version: 9, sweepBelow: 6 }),
      ].entries()) {
        await client.mset('order:1:sum', 'x', 'order:1:other', 'x', 'order::sum', 'x');
        await apply(opened, [marker], i);
        expect(await client.keys('order*')).toEqual(['order:1:other']);
      }
      await opened.sink.close();
    });
  });

  describe('time to live', () => {
    test.each([
      ['hash', {}, 'x:1'],
      ['json', {}, 'x:1'],
      ['string', { value: 'a' }, 'x:1'],
      ['set', { key: 'all', member: '{id}' }, 'all'],
    ] as const)(
      'invariant 7: an expired %s is remembered, so that a late change does not bring it back',
      async (as, more, key) => {
        const opened = await open({ key: 'x:{id}', as, ttl: '90s', ...more });
        await apply(opened, [insert(5, '1', 'a', 'b')]);
        expect(await client.ttl(key)).toBeGreaterThan(80);
        expect(await client.ttl(key)).toBeLessThanOrEqual(90);
        // As it is 90 s later.
        await client.del(key);
        await apply(opened, [insert(4, '1', 'late', 'b'), update(4, '1', 'late', NOT_SENT)], 1);
        expect(await client.exists(key)).toBe(0);
        await apply(opened, [insert(6, '1', 'new', 'b')], 3);
        expect(await client.exists(key)).toBe(1);
        await opened.sink.close();
        for (const memory of await client.keys('_tr:[drm]*')) {
          expect(await client.ttl(memory)).toBeGreaterThan(7 * 24 * 3_600);
        }
      },
    );
  });

  test('what belongs to one form is refused with another', () => {
    for (const [settings, path, message] of [
      [{ key: 'x:{id}', as: 'string' }, 'value', 'is needed'],
      [{ key: 'x:{id}', value: 'a' }, 'value', 'no meaning'],
      [{ key: 'x', as: 'set' }, 'member', 'is needed'],
      [{ key: 'x', as: 'sorted-set', member: '{id}' }, 'score', 'is needed'],
      [{ key: 'x', as: 'stream', ttl: '1d' }, 'ttl', 'no meaning'],
      [{ key: 'x:{id}', ttl: '10ms' }, 'ttl', 'at least'],
      [{ key: 'x:{id}', max_length: 5 }, 'max_length', 'no meaning'],
      [{ key: 'x:{$group}:{id}' }, 'key', 'for a cluster'],
      [{ key: 'x:{id}', cluster: {} }, 'key', 'needs {$group} once'],
      [{ key: 'x:{id}{$group}', cluster: {} }, 'key', 'before the columns'],
      [{ url: 'redis://h/3', key: 'x:{$group}:{id}', cluster: {} }, 'url', 'database 0'],
      [{ key: 'x:{id}', sentinel: { nodes: ['h'] } }, 'sentinel.nodes.0', 'host:26379'],
    ] as const) {
      const issues = sink.config.safeParse({ url: 'redis://h', ...settings }).error?.issues ?? [];
      const shown = issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
      expect(shown, JSON.stringify(settings)).toContainEqual(
        expect.stringMatching(`^${path}: .*${message.replace(/[{}$]/g, '\\$&')}`),
      );
    }
  });
});
