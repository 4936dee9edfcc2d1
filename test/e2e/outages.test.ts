/**
 * A target that is gone for a while, and one that answers nothing, under load: memory stays where it was, nothing is lost, and the target
 * receives again within two seconds. In full: ten minutes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { appendBacklog, type Change, SOURCE, TABLE } from '../../bench/sinks/backlog.ts';
import { connectors } from '../../connectors/index.ts';
import { startElasticsearch } from '../../demo/servers/elasticsearch.ts';
import { startRedis } from '../../demo/servers/redis.ts';
import { createEnvelope } from '../../src/envelope/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { openLog } from '../../src/log/embedded-log.ts';
import { SinkTask } from '../../src/pipeline/sink-task.ts';
import { createRules } from '../../src/rules/index.ts';
import { ElasticsearchClient } from '../support/elasticsearch-client.ts';
import { needServer } from '../support/need-server.ts';
import { SwitchProxy } from '../support/switch-proxy.ts';

const FULL = process.env.TAILRACE_FULL !== undefined;
const OUTAGE_MS = FULL ? 600_000 : 3_000;
const PER_TICK = 200;
const TICK_MS = 50;
/** In the sample other tests run beside this one. */
const BACK_MS = FULL ? 2_000 : 4_000;
const WAIT = { timeout: 150_000, interval: 10 };
/** What the collector leaves lying about between its runs. */
const SLACK_BYTES = 96 << 20;

const redis = await needServer('redis', () => startRedis({ own: true }));
// Slow to start: in the sample stores.test.ts has it die.
const elasticsearch = FULL ? await needServer('elasticsearch', () => startElasticsearch()) : null;
afterAll(() => Promise.all([redis?.stop(), elasticsearch?.stop()]));

/** Rows of the target, by its own client. */
type Count = () => Promise<number>;

async function scene(type: string, port: number, more: object) {
  const name = Object.values(more).join().replace(/\W.*/, '');
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-outage-'));
  const log = await openLog({ dir, clock: systemClock, random: Math.random, log: () => {} });
  const proxy = await SwitchProxy.start(port);
  const scheme = type === 'redis' ? 'redis' : 'http';
  const envelope = createEnvelope({ productVersion: 'test' });
  const manifest = (await connectors[type]!()).sink!;
  let rows = 0;
  const append = async (count: number) => {
    await appendBacklog(
      log,
      Array.from({ length: count }, (): Change => ({ op: 'c', id: ++rows, a: rows % 100 })),
    );
  };
  await append(100);
  const config = manifest.config.parse({ url: `${scheme}://127.0.0.1:${proxy.port}`, ...more });
  const batch = { maxRecords: 1_000, maxBytes: 1 << 20 };
  const plan = { name, manifest, config, from: null, transform: [], batch, maxDeadLettersPerMinute: 0, path: [] };
  const context = { log: () => {}, clock: systemClock, failpoint: () => {}, random: Math.random };
  const topics = [envelope.topicOf(SOURCE, TABLE.schema, TABLE.table)];
  const rules = { rules: createRules(), rulesContext: { maskKey: null }, steps: [] };
  const options = { plan, pipeline: 'outage', sources: [SOURCE], topics, log, envelope, ...rules, context };
  const task = new SinkTask({ ...options, maxBytes: 4 << 20 });
  const stop = new AbortController();
  const done = task.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await done;
    await proxy.off();
    await log.close();
    await rm(dir, { recursive: true, force: true });
  });
  return { proxy, task, append, rows: () => rows };
}

/** Appends rows for the time of the outage; growth of this process' memory over its second half. */
async function load({ append }: Awaited<ReturnType<typeof scene>>): Promise<number> {
  const end = Date.now() + OUTAGE_MS;
  let middle = 0;
  for (let now = Date.now(); now < end; now = Date.now()) {
    await append(PER_TICK);
    if (middle === 0 && now > end - OUTAGE_MS / 2) middle = process.memoryUsage.rss();
    await systemClock.sleep(TICK_MS);
  }
  return process.memoryUsage.rss() - middle;
}

async function survive(type: string, port: number, more: object, count: Count): Promise<void> {
  const running = await scene(type, port, more);
  const { proxy, task } = running;
  await vi.waitUntil(async () => (await count()) === 100, WAIT);
  await proxy.off();
  const growth = await load(running);
  expect(task.status()).toMatchObject({ state: 'retrying' });
  expect(growth).toBeLessThan(SLACK_BYTES);
  const before = await count();
  const back = performance.now();
  await proxy.on();
  await vi.waitUntil(async () => (await count()) > before, WAIT);
  const waited = performance.now() - back;
  console.log(`${type} received again after ${Math.round(waited)} ms; memory grew by ${growth >> 20} MiB`);
  expect(waited).toBeLessThan(BACK_MS);
  await vi.waitUntil(async () => (await count()) === running.rows(), WAIT);
}

describe.skipIf(redis === null)('redis', () => {
  const client = new Redis(redis?.url ?? '', { protocol: 2, lazyConnect: true });
  afterAll(() => client.disconnect());
  const count = (prefix: string) => async () => (await client.keys(`${prefix}:*`)).length;

  test('is gone under load, and receives again within two seconds', { timeout: OUTAGE_MS + 120_000 }, () =>
    survive('redis', redis!.port, { key: 'gone:{id}' }, count('gone')),
  );

  test('answers nothing for a while: nothing is read ahead beyond the bounds, and all arrives', {
    timeout: OUTAGE_MS + 120_000,
  }, async () => {
    const running = await scene('redis', redis!.port, { key: 'slow:{id}' });
    await vi.waitUntil(async () => (await count('slow')()) === 100, WAIT);
    await client.client('PAUSE', Math.min(OUTAGE_MS, 20_000), 'WRITE');
    expect(await load(running)).toBeLessThan(SLACK_BYTES);
    await client.client('UNPAUSE');
    await vi.waitUntil(async () => (await count('slow')()) === running.rows(), WAIT);
  });
});

describe.skipIf(elasticsearch === null)('elasticsearch', () => {
  test('is gone under load, and receives again within two seconds', { timeout: OUTAGE_MS + 120_000 }, async () => {
    const client = new ElasticsearchClient(elasticsearch!.url);
    const count = async () => {
      await client.send('POST', '/gone/_refresh');
      return (await client.ask<{ count?: number }>('GET', '/gone/_count')).count ?? 0;
    };
    await survive('elasticsearch', elasticsearch!.port, { index: 'gone' }, count);
  });
});
