/** A real Redis on 127.0.0.1 for the demo and the tests. */
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { TailraceError } from '../../src/contracts/errors.ts';
import { freePort } from './free-port.ts';
import { GuardedProcess } from './guarded-process.ts';
import { findRedis } from './redis-binaries.ts';

const START_MS = 30_000;

export interface RedisOptions {
  /** Kept after `stop`, with every write that was answered, and used again. Default: a temporary one, removed. */
  readonly dataDir?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** More words for the command line of the server, e.g. `--requirepass`, `x`. */
  readonly settings?: readonly string[];
  /** Do not use the server that TAILRACE_TEST_REDIS_URL names. */
  readonly own?: boolean;
}

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Server and version, e.g. `Redis 7.0.15`. */
  readonly name: string;
  /** False for a server named by the environment: `stop` and `kill` leave it alone. */
  readonly own: boolean;
  /** Idempotent. A temporary data directory is removed. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash. The data directory stays. */
  kill(): Promise<void>;
}

/**
 * Ready for commands when it resolves. The server that TAILRACE_TEST_REDIS_URL names, else one of our own. Throws
 * `demo.missing` where none is to be had, `internal.bug` with the end of the server's output when it does not start.
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const url = process.env.TAILRACE_TEST_REDIS_URL;
  if (url !== undefined && url !== '' && options.own !== true) return await given(url);
  const program = await findRedis();
  const temporary = options.dataDir === undefined ? await mkdtemp(join(tmpdir(), 'tailrace-redis-')) : null;
  const dataDir = options.dataDir ?? temporary!;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const deadline = Date.now() + START_MS;
  for (;;) {
    const port = options.port ?? (await freePort());
    const started = await start(program, dataDir, temporary, port, options.settings ?? [], deadline);
    if (typeof started !== 'string') return started;
    if (options.port === undefined && /Address already in use/.test(started) && Date.now() < deadline) continue;
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
    throw new TailraceError('internal.bug', `Redis did not start: ${started.slice(-800)}`);
  }
}

async function start(
  program: string,
  dataDir: string,
  temporary: string | null,
  port: number,
  settings: readonly string[],
  deadline: number,
): Promise<RedisServer | string> {
  const logFile = join(dataDir, 'server.log');
  const output = openSync(logFile, 'w', 0o600);
  const words = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dataDir, '--save', ''];
  // Appended before the answer: a kept directory holds every answered write, also after SIGKILL.
  words.push('--appendonly', temporary === null ? 'yes' : 'no', ...settings);
  const remove = temporary === null ? [] : [temporary];
  const child = new GuardedProcess([program, ...words], { output, remove });
  closeSync(output);
  const password = settings[settings.indexOf('--requirepass') + 1];
  const url = `redis://${settings.includes('--requirepass') ? `:${password}@` : ''}127.0.0.1:${port}`;
  while (!child.over && Date.now() < deadline) {
    const info = await infoOf(url);
    // Another server may have taken the port while ours fails to bind it.
    if (info !== null && info.get('tcp_port') === String(port) && !child.over) {
      return running(child, url, port, info, temporary);
    }
    await Promise.race([child.ended, new Promise((wake) => setTimeout(wake, 20))]);
  }
  await child.stop();
  return (await readFile(logFile, 'utf8').catch(() => '')) || 'no output';
}

function running(
  child: GuardedProcess,
  url: string,
  port: number,
  info: ReadonlyMap<string, string>,
  temporary: string | null,
): RedisServer {
  return {
    url,
    port,
    name: nameOf(info),
    own: true,
    async stop() {
      await child.stop();
      if (temporary !== null) await rm(temporary, { recursive: true, force: true });
    },
    async kill() {
      if (!child.over) process.kill(Number(info.get('process_id')), 'SIGKILL');
      await child.waitForEnd();
    },
  };
}

async function given(url: string): Promise<RedisServer> {
  const info = await infoOf(url);
  if (info === null) {
    throw new TailraceError('demo.missing', 'The Redis that TAILRACE_TEST_REDIS_URL names does not answer.', {
      remedy: 'Start it, or unset the variable so that one is brought up.',
    });
  }
  const none = async () => {};
  return { url, port: Number(info.get('tcp_port')), name: nameOf(info), own: false, stop: none, kill: none };
}

function nameOf(info: ReadonlyMap<string, string>): string {
  const valkey = info.get('valkey_version');
  return valkey === undefined ? `Redis ${info.get('redis_version')}` : `Valkey ${valkey}`;
}

/** Fields of INFO; null while the server does not answer or still loads its data. */
async function infoOf(url: string): Promise<ReadonlyMap<string, string> | null> {
  const client = new Redis(url, {
    lazyConnect: true,
    protocol: 2,
    connectTimeout: 2_000,
    commandTimeout: 2_000,
    maxRetriesPerRequest: 0,
    retryStrategy: null,
    enableReadyCheck: false,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    const text = await client.info();
    const fields = new Map(text.split('\r\n').map((line) => line.split(/:(.*)/s).slice(0, 2) as [string, string]));
    return fields.get('loading') === '1' ? null : fields;
  } catch {
    return null;
  } finally {
    client.disconnect();
  }
}
