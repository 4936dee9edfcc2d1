import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startRedis } from '../../demo/servers/redis.ts';
import { NOT_SENT, type Value } from '../../src/contracts/row.ts';
import type { Kind } from '../../src/contracts/schema.ts';
import { batch, type Cell, change, column, openOptions, table } from '../../test/support/changes.ts';
import { apply, insert, remove, SHOP, update } from '../../test/support/last-value-target.ts';
import { needServer } from '../../test/support/need-server.ts';
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
  /** Kind, native type, value, field of a hash, member of the JSON document. */
  const VALUES: readonly (readonly [Kind, string, Value, string, string])[] = [
    ['bool', 'boolean', true, 'true', 'true'],
    ['int16', 'smallint', -32768, '-32768', '-32768'],
    ['int64', 'bigint', 9223372036854775807n, '9223372036854775807', '9223372036854775807'],
    ['uint64', 'bigint unsigned', 18446744073709551615n, '18446744073709551615', '18446744073709551615'],
    ['float64', 'double precision', -0, '-0', '-0'],
    ['float64', 'double precision', 5e-324, '5e-324', '5e-324'],
    ['float64', 'double precision', Number.NaN, 'NaN', '"NaN"'],
    [
      'decimal',
      'numeric',
      '123456789012345678901234567890.0120',
      '123456789012345678901234567890.0120',
      '"123456789012345678901234567890.0120"',
    ],
    [
      'text',
      'text',
      'quote " backslash \\ nul \0 ü 𝄞\n',
      'quote " backslash \\ nul \0 ü 𝄞\n',
      '"quote \\" backslash \\\\ nul \\u0000 ü 𝄞\\n"',
    ],
    ['text', 'text', '', '', '""'],
    ['bytes', 'bytea', new Uint8Array([0, 255, 10]), 'AP8K', '"AP8K"'],
    [
      'timestamptz',
      'timestamp with time zone',
      '2024-02-29T12:00:00.123456Z',
      '2024-02-29T12:00:00.123456Z',
      '"2024-02-29T12:00:00.123456Z"',
    ],
    ['json', 'json', '{"b":1,\n "a":[1e400]}', '{"b":1,\n "a":[1e400]}', '{"b":1,  "a":[1e400]}'],
    ['json', 'json', 'not json, made by a rule', 'not json, made by a rule', '"not json, made by a rule"'],
    [
      'array',
      'bigint[]',
      [1n, null, 9223372036854775807n],
      '[1,null,9223372036854775807]',
      '[1,null,9223372036854775807]',
    ],
  ];
  const types = table('types', [
    column('id', 'int32', 'integer', { key: 1 }),
    ...VALUES.map(([kind, native], i) => column(`c${i}`, kind, native)),
    column('nothing', 'text', 'text'),
  ]);
  const row = change(types, { op: 'insert', version: 1, after: [1, ...VALUES.map(([, , value]) => value), null] });

  describe('values', () => {
    test('invariant 9: a hash holds every value as text, digit by digit, and no field for NULL', async () => {
      const opened = await open({ key: 'x:{id}' });
      await apply(opened, [row]);
      const { _tr_version, _tr_source, ...found } = await client.hgetall('x:1');
      expect(found).toEqual({ id: '1', ...Object.fromEntries(VALUES.map(([, , , text], i) => [`c${i}`, text])) });
      expect(_tr_version).toBe('0000000000000000001');
      await opened.sink.close();
    });

    test('text that is not valid UTF-8 keeps its bytes; a column that becomes NULL loses its field', async () => {
      const opened = await open({ key: 'x:{id}' });
      await apply(opened, [
        insert(1, '1', 'a', new Uint8Array([0x61, 0xff])),
        insert(2, '2', 'a', 'b'),
        insert(3, '2', null, 'b'),
      ]);
      expect(await client.hgetBuffer('x:1', 'b')).toEqual(Buffer.from([0x61, 0xff]));
      expect(await client.hexists('x:2', 'a')).toBe(0);
      await apply(opened, [insert(4, '1', null, 'b')], 3);
      expect(await client.hexists('x:1', 'a')).toBe(0);
      await opened.sink.close();
    });

    test('invariant 9: a JSON document holds every value digit by digit, also after a merge', async () => {
      const opened = await open({ key: 'x:{id}', as: 'json' });
      await apply(opened, [row]);
      const members = VALUES.map(([, , , , json], i) => `"c${i}":${json}`).join(',');
      expect(await client.get('x:1')).toBe(`{"id":1,${members},"nothing":null}`);
      const unsent = VALUES.map((): Cell => NOT_SENT);
      await apply(opened, [change(types, { op: 'update', version: 2, after: [1, ...unsent, 'now'] })], 1);
      expect(await client.get('x:1')).toBe(`{"id":1,${members},"nothing":"now"}`);
      await opened.sink.close();
    });

    test('fields and documents of others under a key are left alone or replaced, as the SQL sinks do', async () => {
      await client.hset('x:1', { note: 'mine', a: 'old' });
      const opened = await open({ key: 'x:{id}' });
      await apply(opened, [insert(1, '1', null, 'b')]);
      expect(await client.hgetall('x:1')).toMatchObject({ note: 'mine', b: 'b' });
      expect(await client.hexists('x:1', 'a')).toBe(0);
      await opened.sink.close();
    });
  });

  describe('keys', () => {
    const pairs = table('pairs', [
      column('a', 'text', 'text', { key: 1 }),
      column('b', 'text', 'text', { key: 2 }),
      column('n', 'int32', 'integer'),
    ]);
    const pair = (version: number, a: string, b: string) =>
      change(pairs, { op: 'insert', version, after: [a, b, version] });

    test('of several columns stay apart whatever the columns hold', async () => {
      const opened = await open({ key: '{$schema}.{$table}:{b}:{a}'.replace('{$schema}.', 's.') });
      await apply(opened, [pair(1, 'x', 'y:z'), pair(2, 'z:x', 'y'), pair(3, 'x', 'y%3Az')]);
      expect((await client.keys('s.pairs:*')).sort()).toEqual([
        's.pairs:y%253Az:x',
        's.pairs:y%3Az:x',
        's.pairs:y:z:x',
      ]);
      await apply(opened, [change(pairs, { op: 'delete', version: 4, before: ['z:x', 'y'] })], 3);
      expect(await client.exists('s.pairs:y:z:x')).toBe(0);
      await opened.sink.close();
    });

    test.each([
      ['product', 'needs the columns'],
      ['{id}', 'start with literal'],
      ['a:{id', 'without its counterpart'],
      ['a:{}', 'empty braces'],
      ['a:{$lsn}{id}', 'unknown'],
      ['a:{x}{y}', 'between two placeholders'],
      ['_tr:{id}', 'kept for Tailrace'],
    ])('the template %s is refused', (key, message) => {
      const issues = sink.config.safeParse({ url: 'redis://x', key }).error?.issues;
      expect(issues).toMatchObject([{ path: ['key'], message: expect.stringContaining(message) }]);
    });

    test.each([
      ['x:{a}', 'lacks {b}', 'pairs:{a}:{b}'],
      ['x:{a}:{b}:{n}', 'names {n}', 'pairs:{a}:{b}'],
      ['x:{a}:{c}', 'names {c}', 'pairs:{a}:{b}'],
    ])('the template %s does not fit the key of the table', async (key, message, remedy) => {
      const opened = await open({ key });
      await expect(apply(opened, [pair(1, 'a', 'b')])).rejects.toMatchObject({
        code: 'sink.not_ready',
        message: expect.stringContaining(message),
        remedy: expect.stringContaining(remedy),
      });
      await opened.sink.close();
    });

    test('a table without key, two tables of one template and a column that takes our name are refused', async () => {
      const log = table('log', [column('id', 'text', 'text')]);
      const other = table('other', SHOP.columns);
      const taken = table('taken', [...SHOP.columns, column('_tr_source', 'text', 'text')]);
      for (const changes of [
        [change(log, { op: 'insert', version: 1, after: ['x'], key: '{}' })],
        [insert(1, '1', 'a', 'b'), change(other, { op: 'insert', version: 2, after: ['1', 'a', 'b'] })],
        [change(taken, { op: 'insert', version: 1, after: ['1', 'a', 'b', 'c'] })],
      ]) {
        const opened = await open({ key: 'x:{id}' });
        await expect(apply(opened, changes)).rejects.toMatchObject({
          code: 'sink.not_ready',
          remedy: expect.any(String),
        });
        await opened.sink.close();
      }
    });
  });

  describe.each(['hash', 'json'] as const)('as %s', (as) => {
    const config = { key: 'x:{id}', as };
    const truncate = (version: number) => change(SHOP, { op: 'truncate', version });
    const keys = async () => (await client.keys('x:*')).sort();

    test('a sweep takes rows of its table and template only', async () => {
      await client.set('x:text', 'mine');
      await client.hset('x:hash', 'a', 'mine');
      await client.rpush('x:list', 'mine');
      const others = await open({ key: 'x:deep:{id}', as }, { id: 'p.other' });
      await apply(others, [insert(1, '1', 'a', 'b')]);
      const opened = await open(config);
      const many = Array.from({ length: 1_500 }, (_, i) => insert(i + 2, `k${i}`, 'a', 'b'));
      await apply(opened, [...many, truncate(1_600), insert(1_700, 'new', 'a', 'b')]);
      expect(await keys()).toEqual(['x:deep:1', 'x:hash', 'x:list', 'x:new', 'x:text']);
      await opened.sink.close();
      await others.sink.close();
    });

    test('invariant 7: a sweep that was cut short is done again', async () => {
      const opened = await open(config);
      await apply(opened, [insert(1, '1', 'a', 'b'), insert(9, '2', 'a', 'b'), insert(5, '3', 'a', 'b')]);
      await apply(opened, [truncate(3)], 3);
      const [state] = await client.keys('_tr:table:*');
      // As a process leaves it that died after it had raised the floor.
      await client.hset(state!, {
        floor: '0000000000000000009',
        swept: '0000000000000000003',
      });
      await opened.sink.close();
      const again = await open(config);
      expect(await again.sink.write(batch([truncate(9)], { from: 4 }), never)).toEqual([]);
      await again.sink.close();
      expect(await keys()).toEqual(['x:2']);
    });

    test('a poison key comes back alone, with the rest applied', async () => {
      await client.rpush('x:k5', 'mine');
      const opened = await open(config);
      const changes = Array.from({ length: 1_000 }, (_, i) => insert(i + 1, `k${i}`, 'a', 'b'));
      changes.push(update(2_000, 'k5', 'a2', NOT_SENT), remove(2_001, 'k6'));
      const rejections = await apply(opened, changes);
      expect(rejections.map(({ record }) => record.offset)).toEqual([5n, 1_000n]);
      expect(rejections[0]!.error).toMatchObject({
        code: 'sink.rejected',
        detail: expect.stringContaining('WRONGTYPE'),
      });
      expect(rejections[0]!.error.message).not.toContain('k5');
      await opened.sink.close();
      expect(await keys()).toHaveLength(999);
      expect(await client.lrange('x:k5', 0, -1)).toEqual(['mine']);
    });

    test('invariant 7: a late change is refused, an equal one applied again, also around a delete', async () => {
      const opened = await open(config);
      const value = async () => {
        if (as === 'hash') return client.hget('x:1', 'a');
        return JSON.parse((await client.get('x:1')) ?? '{}').a ?? null;
      };
      const found: unknown[] = [];
      for (const [i, one] of [
        insert(5, '1', 'five', 'b'),
        update(4, '1', 'four', 'b'),
        update(5, '1', 'again', NOT_SENT),
        remove(4, '1'),
        remove(7, '1'),
        insert(6, '1', 'six', 'b'),
        update(6, '1', 'six', NOT_SENT),
        insert(7, '1', 'seven', 'b'),
      ].entries()) {
        await apply(opened, [one], i);
        found.push(await value());
      }
      expect(found).toEqual(['five', 'five', 'again', 'again', null, null, null, 'seven']);
      await opened.sink.close();
    });

    test('invariant 7: a delete is remembered for the hold time', async () => {
      const opened = await open(config);
      await apply(opened, [insert(1, '1', 'a', 'b'), remove(2, '1')]);
      await opened.sink.close();
      const [memory] = await client.keys('_tr:*:x:1');
      expect(await client.ttl(memory!)).toBeGreaterThan(7 * 24 * 3_600 - 60);
      expect(await client.ttl(memory!)).toBeLessThanOrEqual(7 * 24 * 3_600);
    });
  });
});
