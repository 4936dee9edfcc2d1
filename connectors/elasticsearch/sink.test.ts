import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { startElasticsearch } from '../../demo/servers/elasticsearch.ts';
import { Random } from '../../demo/shop/random.ts';
import { NOT_SENT } from '../../src/contracts/row.ts';
import type { Kind } from '../../src/contracts/schema.ts';
import { batch, type Cell, change, column, lineage, openOptions, table } from '../../test/support/changes.ts';
import {
  ElasticsearchClient,
  elasticsearchAnswer,
  itemsOf,
  refuseHalf,
} from '../../test/support/elasticsearch-client.ts';
import { elasticsearchPoisonSuite } from '../../test/support/elasticsearch-poison-suite.ts';
import { elasticsearchRebuildSuite } from '../../test/support/elasticsearch-rebuild-suite.ts';
import { ELASTICSEARCH_VALUES } from '../../test/support/elasticsearch-values.ts';
import { type Fault, HttpFaults } from '../../test/support/http-faults.ts';
import { feedWithKills } from '../../test/support/killed-sink.ts';
import { lastValueSuite } from '../../test/support/last-value-suite.ts';
import { apply, insert, type LastValueTarget, remove, SHOP, update } from '../../test/support/last-value-target.ts';
import { LossyProxy } from '../../test/support/lossy-proxy.ts';
import { feedWithLostResponses } from '../../test/support/lost-responses.ts';
import { needServer } from '../../test/support/need-server.ts';
import { testSeed } from '../../test/support/seed.ts';
import { byJson } from '../../test/support/table-model.ts';
import { sink } from './index.ts';

// One server for all: it takes seconds to start.
const server = await needServer('elasticsearch', () => startElasticsearch());
afterAll(() => server?.stop());
const url = server?.url ?? '';
const never = new AbortController().signal;
const client = new ElasticsearchClient(url);

let indices = 0;
const newIndex = () => `t${process.pid}-${++indices}`;

/** The id makes the position of its own. */
const open = (index: string, config: object = {}, more = {}) =>
  sink.open(openOptions(sink.config.parse({ url, index, ...config }), { id: `p.${index}`, ...more }));

async function newTarget(): Promise<LastValueTarget> {
  const index = newIndex();
  // A node has a limit of shards.
  await client.send('DELETE', `/t${process.pid}-${indices - 100}?ignore_unavailable=true`);
  return {
    open: (options) => sink.open({ ...options, id: `p.${index}`, config: sink.config.parse({ url, index }) }),
    async rows(_, columns) {
      return (await client.documents(index))
        .map(({ _source }) => columns.map((name) => (_source[name] ?? null) as string | null))
        .sort(byJson);
    },
    forget: () => client.forgetDeletes(index),
  };
}

describe.skipIf(server === null)('elasticsearch sink', () => {
  lastValueSuite(newTarget, { transactional: false, runs: 8 });

  elasticsearchRebuildSuite(client, newIndex, 'whole');
  test('invariant 7: a delete is remembered when the server has forgotten it, and for the hold time only', async () => {
    const index = newIndex();
    const opened = await open(index);
    await apply(opened, [insert(1, '1', 'a', 'b'), insert(1, '2', 'a', 'b')]);
    await apply(opened, [remove(5, '1'), remove(5, '2')], 2);
    await client.forgetDeletes(index);
    await apply(opened, [insert(2, '1', 'late', 'b'), update(3, '1', 'late', NOT_SENT)], 4);
    expect(await client.ids(index)).toEqual([]);
    await opened.sink.close();
    // The server itself takes such a write: without our memory the row would be back.
    const bulk = `{"index":{"_id":"2","version":2,"version_type":"external_gte"}}\n{"id":"2"}\n`;
    expect(await client.ask('POST', `/${index}/_bulk`, bulk)).toMatchObject({ errors: false });
    const { context } = openOptions(undefined);
    const clock = { ...context.clock, now: () => Date.now() + 8 * 24 * 3_600_000 };
    const later = await open(index, {}, { context: { ...context, clock } });
    await apply(later, [remove(6, '3')], 6);
    await apply(later, [insert(2, '1', 'late', 'b')], 7);
    await later.sink.close();
    expect(await client.ids(index)).toEqual(['1', '2']);
  });

  describe('values', () => {
    const element = (kind: Kind) => (kind === 'array' ? { element: 'int64' as const } : {});
    const types = table('types', [
      column('id', 'int32', 'integer', { key: 1 }),
      ...ELASTICSEARCH_VALUES.map(([kind, native], i) => column(`c${i}`, kind, native, element(kind))),
      column('nothing', 'text', 'text'),
    ]);
    const members = ELASTICSEARCH_VALUES.map(([, , , json], i) => `"c${i}":${json}`).join(',');

    test('invariant 9: _source holds every value digit by digit, also after a merge', async () => {
      const index = newIndex();
      const opened = await open(index);
      expect(
        await apply(opened, [
          change(types, { op: 'insert', version: 7, after: [1, ...ELASTICSEARCH_VALUES.map(([, , v]) => v), null] }),
        ]),
      ).toEqual([]);
      const source = async () => /"_source":(.*)\}$/s.exec(await client.send('GET', `/${index}/_doc/1`))?.[1];
      expect(await source()).toBe(`{"id":1,${members},"nothing":null,"_tr_version":7}`);
      const unsent = ELASTICSEARCH_VALUES.map((): Cell => NOT_SENT);
      await apply(opened, [change(types, { op: 'update', version: 8, after: [1, ...unsent, 'now'] })], 1);
      expect(await source()).toBe(`{"id":1,${members},"nothing":"now","_tr_version":8}`);
      await opened.sink.close();
    });

    test('numbers, times and words can be searched', async () => {
      const index = newIndex();
      const prices = table('prices', [
        column('id', 'int32', 'integer', { key: 1 }),
        column('price', 'decimal', 'numeric(10,2)'),
        column('at', 'timestamptz', 'timestamptz'),
        column('name', 'text', 'text'),
        column('tags', 'array', 'text[]', { element: 'text' }),
      ]);
      const row = (id: number, price: string, at: string, name: string) =>
        change(prices, { op: 'insert', version: id, after: [id, price, at, name, ['red', 'blue']] });
      const opened = await open(index);
      await apply(opened, [
        row(1, '9.99', '2024-02-29T12:00:00.123456Z', 'Red Shoes'),
        row(2, '100.00', 'infinity', 'Hat'),
      ]);
      await opened.sink.close();
      expect(await client.ids(index, { range: { price: { gt: 10 } } })).toEqual(['2']);
      expect(await client.ids(index, { range: { at: { lt: '2024-03-01' } } })).toEqual(['1']);
      expect(await client.ids(index, { match: { name: 'shoes' } })).toEqual(['1']);
      expect(await client.ids(index, { term: { 'name.keyword': 'Hat' } })).toEqual(['2']);
      expect(await client.ids(index, { match: { tags: 'blue' } })).toEqual(['1', '2']);
    });

    test('a key that is too long comes back alone', async () => {
      const index = newIndex();
      const pairs = table('pairs', [column('a', 'text', 'text', { key: 1 }), column('b', 'text', 'text', { key: 2 })]);
      const opened = await open(index);
      const long = await apply(opened, [
        change(pairs, { op: 'insert', version: 10, after: ['x'.repeat(256), 'y'.repeat(256)] }),
        change(pairs, { op: 'insert', version: 11, after: ['x'.repeat(255), 'y'.repeat(256)] }),
      ]);
      expect(long.map(({ record, error }) => [record.offset, error.code])).toEqual([[0n, 'sink.rejected']]);
      expect(await client.ids(index)).toHaveLength(1);
      await opened.sink.close();
    });
  });

  describe('indices', () => {
    test('of our own keep deletes for an hour; new columns become fields, also in an index of the user', async () => {
      const index = newIndex();
      await client.send('PUT', `/${index}-mine`, {
        mappings: { dynamic: 'strict', properties: { j: { type: 'flattened' } } },
      });
      const wider = table('t', [...SHOP.columns, column('j', 'json', 'jsonb')]);
      for (const name of [index, `${index}-mine`]) {
        const opened = await open(name);
        await apply(opened, [
          insert(1, '1', 'a', 'b'),
          change(wider, { op: 'insert', version: 2, after: ['2', 'a', 'b', '{"x":"y"}'] }),
        ]);
        await opened.sink.close();
        expect(await client.ids(name)).toEqual(['1', '2']);
      }
      expect(await client.send('GET', `/${index}/_settings/index.gc_deletes`)).toContain('"1h"');
      expect(await client.ids(`${index}-mine`, { term: { 'j.x': 'y' } })).toEqual(['2']);
    });

    test('an alias of one index is as good as its name; of several it is refused, as are asynchronous writes', async () => {
      const index = newIndex();
      await client.send('PUT', `/${index}`, { aliases: { [`${index}-alias`]: {} } });
      const opened = await open(`${index}-alias`);
      await apply(opened, [insert(1, '1', 'a', 'b')]);
      await opened.sink.close();
      expect(await client.ids(index)).toEqual(['1']);
      await client.send('PUT', `/${index}-b`, {
        aliases: { [`${index}-alias`]: {} },
        settings: { 'index.translog.durability': 'async' },
      });
      for (const [name, remedy] of [
        [`${index}-alias`, 'name one index'],
        [`${index}-b`, '"index.translog.durability": "request"'],
      ] as const) {
        const bad = await open(name, {}, { id: 'p.bad' });
        const refused = { code: 'sink.not_ready', remedy: expect.stringContaining(remedy) };
        await expect(apply(bad, [insert(1, '1', 'a', 'b')])).rejects.toMatchObject(refused);
        await bad.sink.close();
        expect(await sink.check(openOptions(sink.config.parse({ url, index: name })))).toMatchObject([
          { level: 'problem', path: ['index'] },
        ]);
      }
    });

    test('names, columns and types that do not fit are refused with the remedy', async () => {
      const numbers = table('t', [SHOP.columns[0]!, column('a', 'int32', 'integer')]);
      const other = table('u', SHOP.columns);
      const named = (name: string) => table('t', [...SHOP.columns, column(name, 'text', 'text')]);
      const upper = table('Upper', SHOP.columns);
      const one = (schema: typeof SHOP, version = 1) =>
        change(schema, { op: 'insert', version, after: ['1', 'a', 'b', 'c'].slice(0, schema.columns.length) });
      for (const [config, changes, message] of [
        [
          {},
          [change(numbers, { op: 'insert', version: 1, after: ['1', 5] }), one(SHOP, 2)],
          /"a" .* mapped as integer/,
        ],
        [{}, [one(SHOP), one(other, 2)], /both be written/],
        [{}, [one(named('_tr_version'))], /_tr_version/],
        [{}, [one(named('_id'))], /no index can be made/],
        [{ index: '{table}' }, [one(upper)], /lower case/],
        [
          {},
          [change(table('log', [column('x', 'text', 'text')]), { op: 'insert', version: 1, after: ['x'], key: '{}' })],
          /no key/,
        ],
      ] as const) {
        const index = newIndex();
        const opened = await open(index, config);
        const refused = { code: 'sink.not_ready', message: expect.stringMatching(message), remedy: expect.any(String) };
        await expect(apply(opened, changes)).rejects.toMatchObject(refused);
        await opened.sink.close();
      }
    });

    test('one that is deleted or made anew is noticed before a position is saved, and later', async () => {
      const index = newIndex();
      const opened = await open(index);
      await apply(opened, [insert(1, '1', 'a', 'b')]);
      await client.send('DELETE', `/${index}`);
      const refused = { code: 'sink.not_ready', message: expect.stringContaining('rows written before are missing') };
      await expect(apply(opened, [insert(2, '2', 'a', 'b')], 1)).rejects.toMatchObject(refused);
      await opened.sink.close();
      const again = await open(index);
      expect(again.resume).toMatchObject([{ next: 1n }]);
      await expect(apply(again, [insert(2, '2', 'a', 'b')], 1, 2)).rejects.toMatchObject(refused);
      await again.sink.close();
    });
  });

  describe('sweeps', () => {
    const truncate = (version: number) => change(SHOP, { op: 'truncate', version });

    test('take all older documents that are ours', async () => {
      const index = newIndex();
      const opened = await open(index);
      const many = Array.from({ length: 4_500 }, (_, i) => insert(i + 2, `k${i}`, 'a', 'b'));
      await apply(opened, [...many, insert(9_000, 'new', 'a', 'b')]);
      await client.send('PUT', `/${index}/_doc/mine`, { note: 'x' });
      await apply(opened, [truncate(8_000)], 4_501);
      expect(await client.ids(index)).toEqual(['mine', 'new']);
      await opened.sink.close();
    });

    test('invariant 7: one that was cut short is done again', async () => {
      const index = newIndex();
      const opened = await open(index);
      await apply(opened, [insert(1, '1', 'a', 'b'), insert(5, '2', 'a', 'b'), truncate(2)]);
      await opened.sink.close();
      // As a process leaves it that died after it had raised the floor.
      const path = `/.tailrace/_doc/${encodeURIComponent(`index/${index}`)}`;
      const { _source } = await client.ask<{ _source: object }>('GET', path);
      expect(_source).toMatchObject({ floor: '2', swept: '2' });
      await client.send('PUT', path, { ..._source, floor: '6' });
      const again = await open(index);
      await apply(again, [truncate(6), insert(5, '3', 'late', 'b')], 3, 2);
      await again.sink.close();
      expect(await client.ids(index)).toEqual([]);
    });
  });

  describe('poison', () => elasticsearchPoisonSuite(client, newIndex, open));

  describe('faults', () => {
    async function behindFaults(index: string, fault: Fault) {
      const proxy = await HttpFaults.start(url);
      onTestFinished(() => proxy.close());
      proxy.fault = fault;
      const { context } = openOptions(undefined);
      const clock = { ...context.clock, sleep: async () => {} };
      return { opened: await open(index, { url: proxy.url }, { context: { ...context, clock } }) };
    }
    const isBulk = (index: string) => (path: string) => path.startsWith(`/${index}/_bulk`);

    test('items that the server was too busy for are sent again, the others are not', async () => {
      const index = newIndex();
      const sent: number[] = [];
      const { opened } = await behindFaults(index, async (request, pass) => {
        if (!isBulk(index)(request.path)) return pass();
        sent.push(itemsOf(request));
        return sent.length > 3 ? pass() : refuseHalf(request, pass, sent.length === 2 ? 503 : 429);
      });
      const changes = Array.from({ length: 16 }, (_, i) => insert(i + 1, `k${i}`, 'a', 'b'));
      expect(await apply(opened, changes)).toEqual([]);
      await opened.sink.close();
      expect(sent).toEqual([16, 8, 4, 2]);
      expect(await client.ids(index)).toHaveLength(16);
    });

    test('a server that stays busy, or is gone, is passing trouble', async () => {
      for (const status of [429, 502, 503]) {
        const index = newIndex();
        let times = 0;
        const { opened } = await behindFaults(index, async ({ path }, pass) => {
          return isBulk(index)(path) && ++times > 0 ? elasticsearchAnswer(status) : pass();
        });
        await expect(apply(opened, [insert(1, '1', 'a', 'b')])).rejects.toMatchObject({
          code: 'sink.unreachable',
          message: expect.stringContaining(String(status)),
        });
        expect(times).toBeGreaterThan(2);
        await opened.sink.close();
      }
    });

    test('a request that is too large is split; a document that is too large comes back', async () => {
      const index = newIndex();
      let refused = 0;
      const { opened } = await behindFaults(index, async ({ path, body }, pass) => {
        return isBulk(index)(path) && body.length > 20_000 && ++refused > 0 ? elasticsearchAnswer(413) : pass();
      });
      const changes = Array.from({ length: 64 }, (_, i) =>
        insert(i + 1, `k${i}`, 'x'.repeat(i === 40 ? 30_000 : 1_000), 'b'),
      );
      const rejections = await apply(opened, changes);
      expect(rejections.map(({ record, error }) => [record.offset, error.message])).toEqual([
        [40n, expect.stringContaining('413')],
      ]);
      expect(refused).toBeGreaterThan(3);
      await opened.sink.close();
      expect(await client.ids(index)).toHaveLength(63);
    });

    test('invariant 12: a refused login, a missing privilege and another product are told apart; no password is shown', async () => {
      const secretUrl = (text: string) => text.replace('http://', 'http://canary-user:canary%20pass@');
      for (const [faulty, code] of [
        [elasticsearchAnswer(401, { error: { type: 'security_exception', reason: 'canary pass' } }), 'sink.auth'],
        [elasticsearchAnswer(403, { error: { type: 'security_exception', reason: 'canary pass' } }), 'sink.not_ready'],
        [elasticsearchAnswer(200, {}, { 'x-elastic-product': 'other' }), 'sink.not_ready'],
      ] as const) {
        const proxy = await HttpFaults.start(url);
        onTestFinished(() => proxy.close());
        let login: string | undefined;
        proxy.fault = async ({ headers }) => {
          login = headers.authorization;
          return faulty;
        };
        const config = sink.config.parse({ url: secretUrl(proxy.url), index: newIndex() });
        const error = await sink.open(openOptions(config)).catch((thrown) => thrown);
        expect(error).toMatchObject({ code, remedy: expect.any(String) });
        const findings = await sink.check(openOptions(config));
        expect(findings).toMatchObject([{ level: 'problem', remedy: expect.any(String) }]);
        expect(`${error.message} ${error.remedy} ${JSON.stringify(findings)}`).not.toMatch(/canary/);
        expect(login).toBe(`Basic ${Buffer.from('canary-user:canary pass').toString('base64')}`);
        const keyed = openOptions(sink.config.parse({ url: proxy.url, api_key: 'a2V5' }));
        await sink.open(keyed).catch(() => {});
        expect(login).toBe('ApiKey a2V5');
      }
      const unreachable = sink.config.parse({ url: secretUrl('http://127.0.0.1:1'), index: 'x' });
      const error = await sink.open(openOptions(unreachable)).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'sink.unreachable', message: expect.stringContaining('ECONNREFUSED') });
      expect(`${error.message} ${error.remedy}`).not.toMatch(/canary/);
    });

    test('a blocked index is named, and taken up again', async () => {
      const index = newIndex();
      const opened = await open(index);
      await apply(opened, [insert(1, '1', 'a', 'b')]);
      await client.send('PUT', `/${index}/_settings`, { 'index.blocks.write': true });
      await expect(apply(opened, [insert(2, '2', 'a', 'b')], 1)).rejects.toMatchObject({
        code: 'sink.not_ready',
        message: expect.stringContaining('blocked'),
      });
      await opened.sink.close();
      const config = sink.config.parse({ url, index });
      expect(await sink.check(openOptions(config))).toMatchObject([
        { level: 'problem', path: ['index'], message: expect.stringContaining('blocked') },
      ]);
      await client.send('PUT', `/${index}/_settings`, { 'index.blocks.write': null });
      const again = await open(index);
      expect(await apply(again, [insert(2, '2', 'a', 'b')], 1, 2)).toEqual([]);
      await again.sink.close();
    });

    test('invariant 2: lineage and position are there before the first row, and move in flush only', async () => {
      const index = newIndex();
      const opened = await open(index);
      await opened.sink.write(batch([insert(1, '1', 'a', 'b')], { from: 5 }), never);
      await opened.sink.close();
      await expect(open(index, {}, { lineage: lineage('bbbbbbbbbbbbbbbb') })).rejects.toMatchObject({
        code: 'sink.other_log',
      });
      const again = await open(index);
      expect(again.resume).toEqual([{ topic: 'shop.public.t', partition: 0, next: 5n }]);
      await again.sink.close();
    });

    test('an abort ends a write that waits for the server', async () => {
      const index = newIndex();
      const stop = new AbortController();
      const { opened } = await behindFaults(index, ({ path }, pass) => {
        if (!isBulk(index)(path)) return pass();
        stop.abort(new DOMException('stopping', 'AbortError'));
        return new Promise(() => {});
      });
      await expect(opened.sink.write(batch([insert(1, '1', 'a', 'b')]), stop.signal)).rejects.toMatchObject({
        name: 'AbortError',
      });
      await opened.sink.close();
    });

    test('invariant 7: lost answers change nothing', async () => {
      const seed = testSeed;
      console.log(`lost answers: seed ${seed}`);
      const random = new Random(seed);
      const proxy = await LossyProxy.start(Number(new URL(url).port));
      onTestFinished(() => proxy.close());
      const losses = Number(process.env.TAILRACE_TEST_LOSSES ?? 15);
      const index = newIndex();
      const config = sink.config.parse({ url: `http://127.0.0.1:${proxy.port}`, index });
      const expected = await feedWithLostResponses(
        (options) => sink.open({ ...options, id: `p.${index}`, config }),
        proxy,
        {
          losses,
          random: () => random.between(0, 999_999) / 1_000_000,
        },
      );
      const found = (await client.documents(index)).map(({ _source: { id, n, big } }) => [id, n ?? null, big ?? null]);
      expect(found.sort(byJson)).toEqual(expected);
    });

    test('a process killed before and after flush loses nothing and repeats nothing', async () => {
      const index = newIndex();
      await client.send('DELETE', '/.tailrace/_doc/sink%2Fp.out');
      const job = { type: 'elasticsearch', config: { url, index }, total: 100, size: 7 };
      await feedWithKills(job, [
        'sink.before-flush:1',
        'sink.before-flush:4',
        'sink.after-flush:2',
        'sink.before-flush:2',
      ]);
      const found = (await client.documents(index)).map(({ _source }) => [_source.id, _source.n, _source._tr_version]);
      expect(found.sort()).toEqual(Array.from({ length: 10 }, (_, i) => [i, 90 + i, 91 + i]));
    });
  });

  test('check finds a server that is fit, and changes nothing; a position of another log is named', async () => {
    const index = newIndex();
    const config = sink.config.parse({ url, index });
    const before = await client.send('GET', '/_cat/indices?expand_wildcards=all&h=index,docs.count&s=index');
    expect(await sink.check(openOptions(config, { id: `p.${index}` }))).toMatchObject([{ level: 'ok', path: ['url'] }]);
    expect(await client.send('GET', '/_cat/indices?expand_wildcards=all&h=index,docs.count&s=index')).toBe(before);
    const opened = await open(index);
    await apply(opened, [insert(1, '1', 'a', 'b')]);
    await opened.sink.close();
    const other = openOptions(config, { id: `p.${index}`, lineage: lineage('bbbbbbbbbbbbbbbb') });
    expect(await sink.check(other)).toMatchObject([
      { level: 'problem', message: expect.stringContaining('not written from this log') },
    ]);
  });
});
