import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { startOpenSearch } from '../../demo/servers/opensearch.ts';
import { NOT_SENT } from '../../src/contracts/row.ts';
import { sinkAcceptance } from '../../src/testkit/index.ts';
import { elasticsearchSinkDriver } from '../../test/acceptance/connectors/elasticsearch.driver.ts';
import { acceptanceTests } from '../../test/acceptance/run-kit.ts';
import { batch, change, column, openOptions, table } from '../../test/support/changes.ts';
import { ElasticsearchClient } from '../../test/support/elasticsearch-client.ts';
import { elasticsearchRebuildSuite } from '../../test/support/elasticsearch-rebuild-suite.ts';
import { HttpFaults } from '../../test/support/http-faults.ts';
import { lastValueSuite } from '../../test/support/last-value-suite.ts';
import { apply, insert, remove, SHOP, update } from '../../test/support/last-value-target.ts';
import { needServer } from '../../test/support/need-server.ts';
import { byJson } from '../../test/support/table-model.ts';
import { sink } from './index.ts';

const server = await needServer('opensearch', () => startOpenSearch());
afterAll(() => server?.stop());
const url = server?.url ?? '';
const never = new AbortController().signal;
const client = new ElasticsearchClient(url);

let indices = 0;
const newIndex = () => `t${process.pid}-${++indices}`;
const open = (index: string, config: object = {}, more = {}) =>
  sink.open(openOptions(sink.config.parse({ url, index, ...config }), { id: `p.${index}`, ...more }));

describe.skipIf(server === null)('opensearch', () => {
  describe('passes the acceptance kit', () => {
    const driver = elasticsearchSinkDriver(() => server!);
    acceptanceTests(sinkAcceptance(sink, driver), { cases: 5 });
  });

  lastValueSuite(
    async () => {
      const index = newIndex();
      return {
        open: (options) => sink.open({ ...options, id: `p.${index}`, config: sink.config.parse({ url, index }) }),
        async rows(_, columns) {
          return (await client.documents(index))
            .map(({ _source }) => columns.map((name) => (_source[name] ?? null) as string | null))
            .sort(byJson);
        },
        forget: () => client.forgetDeletes(index),
      };
    },
    { transactional: false, runs: 3 },
  );

  elasticsearchRebuildSuite(client, newIndex, 'cut');
  test('is known by its answer, checked, swept over several pages, and named in messages', async () => {
    const index = newIndex();
    const options = openOptions(sink.config.parse({ url, index }));
    expect(await sink.check(options)).toMatchObject([
      { level: 'ok', message: expect.stringContaining('OpenSearch at') },
    ]);
    const opened = await open(index);
    const many = Array.from({ length: 4_500 }, (_, i) => insert(i + 2, `k${i}`, 'a', 'b'));
    await apply(opened, [...many, insert(9_000, 'new', 'a', 'b')]);
    await apply(opened, [change(SHOP, { op: 'truncate', version: 8_000 })], 4_501);
    expect(await client.ids(index)).toEqual(['new']);
    await client.send('PUT', `/${index}/_settings`, { 'index.blocks.write': true });
    await expect(apply(opened, [insert(9_001, '2', 'a', 'b')], 4_502)).rejects.toMatchObject({
      code: 'sink.not_ready',
      message: expect.stringMatching(/OpenSearch at .* is blocked/),
    });
    await opened.sink.close();
    const inspector = await sink.inspect!(openOptions(sink.config.parse({ url, index })));
    const keys: string[] = [];
    for await (const some of inspector.keys(SHOP)) keys.push(...some);
    expect(keys).toEqual(['{"id":"new"}']);
    expect(await inspector.compare([insert(9_000, 'new', 'a', 'b'), insert(1, 'none', 'a', 'b')])).toEqual([
      { state: 'equal' },
      { state: 'missing' },
    ]);
    await inspector.close();
  });

  test('another server is refused, unless the configuration says what it is', async () => {
    const proxy = await HttpFaults.start(url);
    onTestFinished(() => proxy.close());
    proxy.fault = async (request, pass) => {
      const answer = await pass();
      return request.path === '/' ? { ...answer, body: '{"version":{"number":"7.9.0"}}' } : answer;
    };
    const index = newIndex();
    await expect(open(index, { url: proxy.url })).rejects.toMatchObject({
      code: 'sink.not_ready',
      message: expect.stringContaining('neither'),
    });
    const opened = await open(index, { url: proxy.url, product: 'opensearch' });
    expect(await apply(opened, [insert(1, '1', 'a', 'b')])).toEqual([]);
    await opened.sink.close();
  });

  test('a server that says when to come back is asked again then', async () => {
    const index = newIndex();
    const proxy = await HttpFaults.start(url);
    onTestFinished(() => proxy.close());
    let busy = true;
    proxy.fault = async ({ path }, pass) => {
      if (!path.startsWith(`/${index}/_bulk`) || !busy) return pass();
      busy = false;
      return { status: 429, headers: { 'content-type': 'application/json', 'retry-after': '7' }, body: '{}' };
    };
    const { context } = openOptions(undefined);
    const waits: number[] = [];
    const clock = { ...context.clock, sleep: async (ms: number) => void waits.push(ms) };
    const opened = await open(index, { url: proxy.url }, { context: { ...context, clock } });
    await apply(opened, [insert(1, '1', 'a', 'b')]);
    await opened.sink.close();
    expect(waits).toEqual([7_000]);
    expect(await client.ids(index)).toEqual(['1']);
  });

  describe('data stream', () => {
    const entries = async (name: string) =>
      (await client.documents(name)).map(({ _id, _source }) => ({ _id, ..._source })).sort(byJson) as Record<
        string,
        unknown
      >[];

    test('invariant 2: a change is a document; one that was written before its position was saved is not written again', async () => {
      const index = newIndex();
      const opened = await open(index, { as: 'data-stream' });
      const changes = [insert(7, '1', 'a', null), update(8, '1', 'a2', NOT_SENT), remove(9, '1')];
      const marker = change(SHOP, { op: 'truncate', version: 10 });
      await opened.sink.write(batch([...changes, marker]), never);
      await opened.sink.close();
      const again = await open(index, { as: 'data-stream' });
      expect(again.resume).toEqual([{ topic: 'shop.public.t', partition: 0, next: 0n }]);
      await apply(again, [...changes, marker, insert(11, '2', 'x', 'y')], 0, 2);
      await again.sink.close();
      const one = {
        '@timestamp': expect.stringMatching(/^20\d\d-.*\.\d{6}Z$/),
        table: 'public.t',
        position: expect.any(String),
      };
      expect(await entries(index)).toEqual([
        {
          ...one,
          _id: 'shop.public.t-0-0',
          op: 'c',
          version: 7,
          key: { id: '1' },
          after: { id: '1', a: 'a', b: null },
        },
        { ...one, _id: 'shop.public.t-0-1', op: 'u', version: 8, key: { id: '1' }, after: { id: '1', a: 'a2' } },
        { ...one, _id: 'shop.public.t-0-2', op: 'd', version: 9, key: { id: '1' }, before: { id: '1' } },
        { ...one, _id: 'shop.public.t-0-3', op: 't', version: 10 },
        {
          ...one,
          _id: 'shop.public.t-0-4',
          op: 'c',
          version: 11,
          key: { id: '2' },
          after: { id: '2', a: 'x', b: 'y' },
        },
      ]);
    });

    test('goes on over a rollover and with new columns; a poison change comes back alone', async () => {
      const index = newIndex();
      const opened = await open(index, { as: 'data-stream', fields: { n: { type: 'integer' } } });
      await apply(opened, [insert(1, '1', 'a', 'b')]);
      await client.send('POST', `/${index}/_rollover`);
      const wider = table('t', [...SHOP.columns, column('n', 'text', 'text')]);
      const put = (version: number, n: string) => change(wider, { op: 'insert', version, after: ['2', 'a', 'b', n] });
      const rejected = await apply(opened, [put(2, '5'), put(3, 'not a number'), put(4, '6')], 1);
      expect(rejected.map(({ record, error }) => [record.offset, error.code])).toEqual([[2n, 'sink.rejected']]);
      expect((await entries(index)).map(({ version }) => version)).toEqual([1, 2, 4]);
      expect(await client.documents(index, { range: { 'after.n': { gt: 5 } } })).toHaveLength(1);
      await opened.sink.close();
      const stream = await client.ask<{ data_streams: { generation: number }[] }>('GET', `/_data_stream/${index}`);
      expect(stream.data_streams[0]!.generation).toBe(2);
      const inspected = openOptions(sink.config.parse({ url, index, as: 'data-stream' }));
      await expect(sink.inspect!(inspected)).rejects.toMatchObject({ code: 'verify.unsupported' });
      expect(sink.keepsFor!(inspected.config)).toBe('append');
    });
  });

  test('routing: a column of the key chooses the shard, for writes, merges, deletes and sweeps', async () => {
    const lines = table('lines', [
      column('order', 'text', 'text', { key: 1 }),
      column('line', 'int32', 'int', { key: 2 }),
      column('a', 'text', 'text'),
    ]);
    const put = (version: number, order: string, line: number, a: string | typeof NOT_SENT) =>
      change(lines, { op: 'update', version, after: [order, line, a] });
    const index = newIndex();
    const opened = await open(index, { routing: 'order', settings: { number_of_shards: 5 } });
    await apply(opened, [put(1, 'x', 1, 'a'), put(2, 'x', 2, 'b'), put(3, 'y', 1, 'c'), put(4, 'z', 1, 'd')]);
    await apply(opened, [put(5, 'x', 1, NOT_SENT), change(lines, { op: 'delete', version: 6, before: ['y', 1] })], 4);
    await apply(opened, [change(lines, { op: 'truncate', version: 4 })], 6);
    const found = (await client.documents(index)).map((one) => [
      one._id,
      (one as { _routing?: string })._routing,
      one._source.a,
    ]);
    expect(found.sort(byJson)).toEqual([
      ['x:1', 'x', 'a'],
      ['z:1', 'z', 'd'],
    ]);
    await opened.sink.close();
    const inspector = await sink.inspect!(openOptions(sink.config.parse({ url, index, routing: 'order' })));
    expect(await inspector.holds(lines, ['{"order":"x","line":1}', '{"order":"y","line":1}'])).toEqual([true, false]);
    await inspector.close();
    const bad = await open(newIndex(), { routing: 'a' });
    await expect(apply(bad, [put(1, 'x', 1, 'a')])).rejects.toMatchObject({
      code: 'sink.not_ready',
      remedy: expect.stringContaining('routing:'),
    });
    await bad.sink.close();
  });

  test('invariant 7: the sweep of a snapshot spares rows that are or become dead letters, a truncate none', async () => {
    const lines = table('lines', [
      column('order', 'text', 'text', { key: 1 }),
      column('line', 'int32', 'int', { key: 2 }),
      column('n', 'text', 'text'),
    ]);
    const put = (version: number, order: string, line: number, n: string) =>
      change(lines, { op: 'update', version, after: [order, line, n] });
    const index = newIndex();
    const opened = await open(index, { routing: 'order', fields: { n: { type: 'integer' } } });
    await apply(opened, [put(1, 'x:y', 1, '1'), put(2, 'x:y', 2, '2'), put(3, 'z', 1, '3')]);
    const tooLong = 'x'.repeat(600);
    const sweepExcept = ['x:y', tooLong].map((order) => JSON.stringify({ order, line: 1 }));
    const end = change(lines, { op: 'snapshot-end', version: 12, sweepBelow: 10, sweepExcept });
    expect(await apply(opened, [put(11, 'z', 1, 'no number'), end], 3)).toHaveLength(1);
    expect(await client.ids(index)).toEqual(['x%3Ay:1', 'z:1']);
    const truncate = change(lines, { op: 'truncate', version: 13 });
    expect(await apply(opened, [put(12, 'z', 1, 'no number'), truncate], 5)).toHaveLength(1);
    expect(await client.ids(index)).toEqual([]);
    await opened.sink.close();
  });

  test('settings, fields and index templates shape an index that is made', async () => {
    const index = newIndex();
    await client.send('PUT', `/_index_template/${index}`, {
      index_patterns: [`${index}*`],
      template: { aliases: { [`${index}-read`]: {} }, settings: { 'index.refresh_interval': '7s' } },
    });
    const opened = await open(index, {
      settings: { number_of_shards: 2, refresh_interval: '9s' },
      fields: { a: { type: 'text', analyzer: 'keyword' } },
    });
    await apply(opened, [insert(1, '1', 'running shoes', 'b')]);
    await opened.sink.close();
    expect(await client.ids(index, { match: { a: 'running shoes' } })).toEqual(['1']);
    expect(await client.ids(index, { match: { a: 'shoes' } })).toEqual([]);
    const made = await client.ask<Record<string, { aliases: object; settings: { index: object } }>>('GET', `/${index}`);
    expect(made[index]).toMatchObject({
      aliases: { [`${index}-read`]: {} },
      settings: { index: { number_of_shards: '2', refresh_interval: '9s', gc_deletes: '1h' } },
    });
  });
});
