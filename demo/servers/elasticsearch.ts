/** A real Elasticsearch on 127.0.0.1 for the demo and the tests: one node, no security. */
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TailraceError } from '../../src/contracts/errors.ts';
import { findElasticsearch } from './elasticsearch-node.ts';
import { freePort } from './free-port.ts';
import { GuardedProcess } from './guarded-process.ts';

const START_MS = 90_000;

export interface ElasticsearchOptions {
  /** Kept after `stop` and used again. Default: a temporary one, removed. */
  readonly dataDir?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Do not use the server that TAILRACE_TEST_ES_URL names. */
  readonly own?: boolean;
}

export interface ElasticsearchServer {
  readonly url: string;
  readonly port: number;
  /** Server and version, e.g. `Elasticsearch 8.19.21`. */
  readonly name: string;
  /** False for a server named by the environment: `stop` and `kill` leave it alone. */
  readonly own: boolean;
  /** Idempotent. A temporary data directory is removed. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash. The data directory stays. */
  kill(): Promise<void>;
}

/**
 * Ready for requests when it resolves. The server that TAILRACE_TEST_ES_URL names, else one of our own. Throws
 * `demo.missing` where none is to be had, `internal.bug` with the end of the server's output when it does not start.
 */
export async function startElasticsearch(options: ElasticsearchOptions = {}): Promise<ElasticsearchServer> {
  const url = process.env.TAILRACE_TEST_ES_URL;
  if (url !== undefined && url !== '' && options.own !== true) return await given(url);
  const command = await findElasticsearch();
  const temporary = options.dataDir === undefined ? await mkdtemp(join(tmpdir(), 'tailrace-es-')) : null;
  const dataDir = options.dataDir ?? temporary!;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const deadline = Date.now() + START_MS;
  for (;;) {
    const started = await start(command, dataDir, temporary, options.port ?? (await freePort()), deadline);
    if (typeof started !== 'string') return started;
    if (
      options.port === undefined &&
      /BindHttpException|BindTransportException/.test(started) &&
      Date.now() < deadline
    ) {
      continue;
    }
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
    throw new TailraceError('internal.bug', `Elasticsearch did not start: ${started.slice(-800)}`);
  }
}

async function start(
  command: readonly string[],
  dataDir: string,
  temporary: string | null,
  port: number,
  deadline: number,
): Promise<ElasticsearchServer | string> {
  const logFile = join(dataDir, 'server.log');
  const output = openSync(logFile, 'w', 0o600);
  const words = [...command, dataDir, String(port), String(await freePort())];
  const remove = temporary === null ? [] : [temporary];
  await rm(join(dataDir, 'pid'), { force: true });
  // A JVM that was started with SIGINT ignored never ends by it, and takes SIGQUIT for a wish to see its threads.
  const child = new GuardedProcess(words, { output, remove, signals: ['TERM', 'KILL'] });
  closeSync(output);
  const url = `http://127.0.0.1:${port}`;
  while (!child.over && Date.now() < deadline) {
    // Written after the node has bound its ports, so what answers there is this node.
    const pid = Number(await readFile(join(dataDir, 'pid'), 'utf8').catch(() => '0'));
    const name = pid === 0 ? null : await nameOf(url);
    if (name !== null && !child.over) return running(child, url, port, { pid, name, temporary });
    await Promise.race([child.ended, new Promise((wake) => setTimeout(wake, 50))]);
  }
  await child.stop();
  return (await readFile(logFile, 'utf8').catch(() => '')) || 'no output';
}

function running(
  child: GuardedProcess,
  url: string,
  port: number,
  { pid, name, temporary }: { readonly pid: number; readonly name: string; readonly temporary: string | null },
): ElasticsearchServer {
  return {
    url,
    port,
    name,
    own: true,
    async stop() {
      await child.stop();
      if (temporary !== null) await rm(temporary, { recursive: true, force: true });
    },
    async kill() {
      if (!child.over) process.kill(pid, 'SIGKILL');
      await child.waitForEnd();
    },
  };
}

async function given(url: string): Promise<ElasticsearchServer> {
  const name = await nameOf(url.replace(/\/+$/, ''));
  if (name === null) {
    throw new TailraceError('demo.missing', 'The Elasticsearch that TAILRACE_TEST_ES_URL names does not answer.', {
      remedy: 'Start it, or unset the variable so that one is brought up.',
    });
  }
  const none = async () => {};
  const port = Number(new URL(url).port || 9200);
  return { url: url.replace(/\/+$/, ''), port, name, own: false, stop: none, kill: none };
}

/** Server and version, once it can index; null before. `GET /` is not asked: the jar set has no such page. */
async function nameOf(url: string): Promise<string | null> {
  const address = new URL(url);
  const headers: Record<string, string> = {};
  if (address.username !== '') {
    const login = `${decodeURIComponent(address.username)}:${decodeURIComponent(address.password)}`;
    headers.authorization = `Basic ${Buffer.from(login).toString('base64')}`;
    address.username = address.password = '';
  }
  const base = address.href.replace(/\/+$/, '');
  try {
    const options = { headers, signal: AbortSignal.timeout(5_000) };
    const health = await fetch(`${base}/_cluster/health`, options);
    const { status } = (await health.json()) as { status?: string };
    if (!health.ok || status === 'red') return null;
    const nodes = await fetch(`${base}/_nodes/_local?filter_path=nodes.*.version`, options);
    const body = (await nodes.json()) as { nodes?: Record<string, { version: string }> };
    return `Elasticsearch ${Object.values(body.nodes ?? {})[0]?.version ?? ''}`.trim();
  } catch {
    return null;
  }
}
