/** A node of Elasticsearch or OpenSearch on 127.0.0.1, without security. */
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TailraceError } from '../../src/contracts/errors.ts';
import { freePort } from './free-port.ts';
import { GuardedProcess } from './guarded-process.ts';

const START_MS = 90_000;

export interface SearchProduct {
  readonly name: 'Elasticsearch' | 'OpenSearch';
  /** Variable of the environment that names a server to use instead. */
  readonly variable: string;
  /** Words of a command that runs a node, to be followed by data directory, HTTP port and transport port. */
  find(): Promise<readonly string[]>;
}

export interface SearchServerOptions {
  /** Kept after `stop` and used again. Default: a temporary one, removed. */
  readonly dataDir?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Do not use the server that the environment names. */
  readonly own?: boolean;
}

export interface SearchServer {
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
 * Ready for requests when it resolves. The server that the environment names, else one of our own. Throws
 * `demo.missing` where none is to be had, `internal.bug` with the end of the server's output when it does not start.
 */
export async function startSearchServer(product: SearchProduct, options: SearchServerOptions): Promise<SearchServer> {
  const url = process.env[product.variable];
  if (url !== undefined && url !== '' && options.own !== true) return await given(product, url);
  const command = await product.find();
  const temporary = options.dataDir === undefined ? await mkdtemp(join(tmpdir(), 'tailrace-search-')) : null;
  const dataDir = options.dataDir ?? temporary!;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const deadline = Date.now() + START_MS;
  for (;;) {
    const started = await start(product, command, {
      dataDir,
      temporary,
      port: options.port ?? (await freePort()),
      deadline,
    });
    if (typeof started !== 'string') return started;
    if (
      options.port === undefined &&
      /BindHttpException|BindTransportException/.test(started) &&
      Date.now() < deadline
    ) {
      continue;
    }
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
    throw new TailraceError('internal.bug', `${product.name} did not start: ${started.slice(-800)}`);
  }
}

interface Start {
  readonly dataDir: string;
  readonly temporary: string | null;
  readonly port: number;
  readonly deadline: number;
}

async function start(
  product: SearchProduct,
  command: readonly string[],
  { dataDir, temporary, port, deadline }: Start,
): Promise<SearchServer | string> {
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
    const name = pid === 0 ? null : await nameOf(product, url);
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
): SearchServer {
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

async function given(product: SearchProduct, url: string): Promise<SearchServer> {
  const name = await nameOf(product, url.replace(/\/+$/, ''));
  if (name === null) {
    throw new TailraceError('demo.missing', `The ${product.name} that ${product.variable} names does not answer.`, {
      remedy: 'Start it, or unset the variable so that one is brought up.',
    });
  }
  const none = async () => {};
  const port = Number(new URL(url).port || 9200);
  return { url: url.replace(/\/+$/, ''), port, name, own: false, stop: none, kill: none };
}

/** Server and version, once it can index; null before. `GET /` is not asked: the jar set of Elasticsearch has no such page. */
async function nameOf(product: SearchProduct, url: string): Promise<string | null> {
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
    return `${product.name} ${Object.values(body.nodes ?? {})[0]?.version ?? ''}`.trim();
  } catch {
    return null;
  }
}
