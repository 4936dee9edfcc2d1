/** Redis and Elasticsearch that die under a running Tailrace: what they lost comes back, what they kept goes on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startElasticsearch } from '../../demo/servers/elasticsearch.ts';
import { startPostgres } from '../../demo/servers/postgres.ts';
import { startRedis } from '../../demo/servers/redis.ts';
import { ElasticsearchClient } from '../support/elasticsearch-client.ts';
import { needServer } from '../support/need-server.ts';
import { Project, until, untilStatus } from '../support/project.ts';

const elasticsearchDir = await mkdtemp(join(tmpdir(), 'tailrace-stores-'));
const redis = await needServer('redis', () => startRedis({ own: true }));
const elasticsearch = await needServer('elasticsearch', () =>
  startElasticsearch({ own: true, dataDir: elasticsearchDir }),
);

const PIPELINE = `name: stores
source:
  type: postgres
  url: \${SOURCE_URL}
  tables: [public.items]
sinks:
  cache:
    type: redis
    url: \${REDIS_URL}
    key: item:{id}
  search:
    type: elasticsearch
    url: \${ES_URL}
`;

/** `id v` of every hash, sorted; empty while the server does not answer. */
async function cached(url: string): Promise<string[]> {
  const client = new Redis(url, { protocol: 2, retryStrategy: null, maxRetriesPerRequest: 0 });
  client.on('error', () => {});
  try {
    const keys = await client.keys('item:*');
    const rows = await Promise.all(keys.map((key) => client.hmget(key, 'id', 'v')));
    return rows.map((row) => row.join(' ')).sort();
  } catch {
    return [];
  } finally {
    client.disconnect();
  }
}

async function found(client: ElasticsearchClient): Promise<string[]> {
  const documents = await client.documents('items').catch(() => []);
  return documents.map(({ _source: { id, v } }) => `${id} ${v}`).sort();
}

describe.skipIf(redis === null || elasticsearch === null)('stores', () => {
  test('an emptied Redis is filled again, a killed Elasticsearch goes on where it was', {
    timeout: 120_000,
  }, async () => {
    onTestFinished(() => redis!.stop());
    onTestFinished(() => rm(elasticsearchDir, { recursive: true, force: true }));
    const source = await startPostgres();
    onTestFinished(() => source.stop());
    const sourceUrl = await source.createDatabase('stores');
    const database = new pg.Client(sourceUrl);
    await database.connect();
    onTestFinished(() => database.end());
    await database.query('create table items (id int primary key, v text)');
    await database.query(`insert into items select i, 'v' || i from generate_series(1, 300) i`);
    const variables = { SOURCE_URL: sourceUrl, REDIS_URL: redis!.url, ES_URL: elasticsearch!.url };
    const running = (await Project.make(PIPELINE, variables)).start();
    const search = new ElasticsearchClient(elasticsearch!.url);
    const rows = async () => {
      const { rows: all } = await database.query<{ row: string }>(`select id || ' ' || v as row from items`);
      return all.map(({ row }) => row).sort();
    };
    const equal = async (actual: () => Promise<string[]>) =>
      JSON.stringify(await actual()) === JSON.stringify(await rows());
    await until('the snapshot in Redis', () => equal(() => cached(redis!.url)), running);
    await until('the snapshot in Elasticsearch', () => equal(() => found(search)), running);

    await redis!.kill();
    await elasticsearch!.kill();
    await database.query(`update items set v = 'while they were down' where id % 3 = 0`);
    await database.query('delete from items where id % 7 = 0');
    await untilStatus('both sinks wait', running, (_, sinks) => sinks.every(({ state }) => state === 'retrying'));
    // Nothing of the old one: neither rows nor positions.
    const empty = await startRedis({ own: true, port: redis!.port });
    onTestFinished(() => empty.stop());
    await until('everything in Redis', () => equal(() => cached(empty.url)), running);
    const again = await startElasticsearch({ own: true, port: elasticsearch!.port, dataDir: elasticsearchDir });
    onTestFinished(() => again.stop());
    await until('everything in Elasticsearch', () => equal(() => found(search)), running);
    await database.query(`insert into items values (1000, 'after')`);
    await until(
      'the last row in both',
      async () => (await equal(() => cached(empty.url))) && equal(() => found(search)),
      running,
    );
    expect((await running.stop()).code).toBe(0);
  });
});
