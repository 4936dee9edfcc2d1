/** Rows of the bench about the `redis` sink: each against the load generator of Redis on the same server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../../demo/servers/redis.ts';
import { inserts, mixed, textOf, writeBacklog } from './backlog.ts';
import { redisBenchmark } from './redis-benchmark.ts';
import { type ReportRow, reportRow, rounds } from './rounds.ts';
import { runSink } from './run-sink.ts';

const INSERTS = 500_000;
const MIXED = 300_000;
const KEYS = 200_000;

interface Bench {
  readonly server: RedisServer;
  readonly client: Redis;
  readonly dir: string;
}

async function withServer<T>(work: (bench: Bench) => Promise<T>): Promise<T> {
  const server = await startRedis({ own: true });
  const client = new Redis(server.url, { protocol: 2 });
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-bench-'));
  try {
    return await work({ server, client, dir });
  } finally {
    client.disconnect();
    await server.stop();
    await rm(dir, { recursive: true });
  }
}

/** The same fields of a row; the guard's version and owner are ours to pay. */
const hset = (keys: number) => {
  const value = textOf({ id: keys });
  return ['HSET', 'item:__rand_int__', 'id', String(keys), 'a', '500', 'b', value];
};

const sinkRun = ({ server, dir }: Bench, name: string) => ({
  dataDir: join(dir, 'data'),
  type: 'redis',
  config: { url: server.url, key: 'item:{id}' },
  name,
});

async function limit({ server, client }: Bench, requests: number, keys: number): Promise<number> {
  await client.flushall();
  const seconds = await redisBenchmark({ port: server.port, requests, keys, words: hset(keys) });
  await client.flushall();
  return seconds;
}

async function expectRows({ client }: Bench, rows: number): Promise<void> {
  let found = 0;
  let cursor = '0';
  do {
    const [next, keys] = await client.scan(cursor, 'MATCH', 'item:*', 'COUNT', 10_000);
    found += keys.length;
    cursor = next;
  } while (cursor !== '0');
  if (found !== rows) throw new Error(`Redis holds ${found} rows, not ${rows}`);
}

export function redisInserts(): Promise<ReportRow> {
  return withServer(async (bench) => {
    await writeBacklog(join(bench.dir, 'data'), inserts(INSERTS));
    const all = await rounds(
      () => limit(bench, INSERTS, INSERTS),
      async (round) => {
        const result = await runSink(sinkRun(bench, `ours${round}`));
        await expectRows(bench, INSERTS);
        return result;
      },
    );
    return reportRow('Redis, inserts × redis-benchmark -P 1000 HSET', INSERTS, all, '0.4', '0.7');
  });
}

/** The rows of before are there when the clock starts. */
export function redisMixed(): Promise<ReportRow> {
  return withServer(async (bench) => {
    const { before, changes } = mixed(MIXED, KEYS);
    const last = new Map([...before, ...changes].map(({ id, op }) => [id, op]));
    const left = [...last.values()].filter((op) => op !== 'd').length;
    const all = await rounds(
      () => limit(bench, MIXED, KEYS),
      async (round) => {
        const dataDir = join(bench.dir, `data${round}`);
        await writeBacklog(dataDir, before);
        await runSink({ ...sinkRun(bench, `ours${round}`), dataDir });
        await writeBacklog(dataDir, changes);
        const result = await runSink({ ...sinkRun(bench, `ours${round}`), dataDir });
        await expectRows(bench, left);
        return result;
      },
    );
    return reportRow('Redis, mixed changes × redis-benchmark -P 1000 HSET', MIXED, all, '0.4', '0.7');
  });
}
