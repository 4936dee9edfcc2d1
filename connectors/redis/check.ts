/** Pre-flight of the `redis` sink. Changes nothing. */
import { type Finding, type SinkOpenOptions, TailraceError } from '../../src/sdk/index.ts';
import { addressOf, placeOf } from './address.ts';
import type { RedisConfig } from './config.ts';
import type { RedisConnection } from './connection.ts';
import { groupsOn, resumeOf } from './groups.ts';
import { openServers, type Servers } from './servers.ts';

const OLDEST = 5;
const PATH = ['url'];

export async function checkRedis(options: SinkOpenOptions<RedisConfig>): Promise<readonly Finding[]> {
  const { config, id, context } = options;
  const place = placeOf(addressOf(config));
  let servers: Servers | undefined;
  try {
    servers = await openServers(config, id, context);
    const found: Finding[] = [];
    for (const connection of servers.all) found.push(...(await serverFindings(connection, config)));
    if (found.some(({ level }) => level === 'problem')) return found;
    const groups = groupsOn(servers, options);
    await Promise.all(groups.map(({ connection, offsets }) => askPermissions(connection, offsets.key)));
    await resumeOf(groups);
    return [...found, { level: 'ok', message: `Redis at ${place} takes rows`, path: PATH }];
  } catch (error) {
    if (!(error instanceof TailraceError)) throw error;
    const { code, message, remedy = 'try again later' } = error;
    return [{ level: 'problem', message, remedy, path: PATH, code }];
  } finally {
    servers?.close();
  }
}

const never = new AbortController().signal;

/** Throws what a write would meet first. The script does nothing. */
async function askPermissions(connection: RedisConnection, key: string): Promise<void> {
  await connection.call(never, 'EVAL', `return redis.call('EXISTS', KEYS[1])`, '1', key);
}

async function serverFindings(connection: RedisConnection, { cluster }: RedisConfig): Promise<readonly Finding[]> {
  const info = await connection.call(never, 'INFO').catch((error: unknown) => {
    if (error instanceof TailraceError && error.code === 'sink.not_ready') return null;
    throw error;
  });
  // A user who may not ask is judged by what it does.
  if (info === null) return [];
  const facts = new Map(
    String(info)
      .split('\r\n')
      .map((line) => line.split(/:(.*)/s).slice(0, 2) as [string, string]),
  );
  const found: Finding[] = [];
  const add = (level: 'problem' | 'warning', message: string, remedy: string) =>
    found.push({ level, message, remedy, path: PATH });
  if (Number.parseInt(facts.get('redis_version') ?? '', 10) < OLDEST) {
    add('problem', `the server is Redis ${facts.get('redis_version')}`, 'upgrade it to Redis 5 or newer');
  }
  if (facts.get('redis_mode') === 'cluster' && cluster === undefined) {
    add('problem', 'the server is a node of a cluster', 'write `cluster: {}` and put {$group} into `key`');
  }
  if (facts.get('redis_mode') === 'standalone' && cluster !== undefined) {
    add('problem', 'the server is no node of a cluster', 'leave `cluster` out, and {$group} out of `key`');
  }
  if (facts.get('role') === 'slave') add('problem', 'the server is a replica', 'name its primary server in `url`');
  if (facts.get('loading') === '1') add('problem', 'the server still loads its data', 'wait and check again');
  const policy = facts.get('maxmemory_policy') ?? 'noeviction';
  if (facts.get('maxmemory') !== '0' && policy !== 'noeviction') {
    const message = `the server may evict rows and the sink's own keys when its memory is full (${policy})`;
    add('warning', message, 'CONFIG SET maxmemory-policy noeviction');
  }
  return found;
}
