/** A real etcd on 127.0.0.1 for the tests and the guide of the example plugin. */
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TailraceError } from '../../src/contracts/errors.ts';
import { debianObstacle, unpackDebian } from './debian-package.ts';
import { freePort } from './free-port.ts';
import { GuardedProcess } from './guarded-process.ts';
import { onPath } from './programs.ts';
import { cached, installOnce } from './server-cache.ts';

/** etcd 3.4 comes with this release of Debian. */
const DEBIAN = { packageName: 'etcd-server', suite: 'bookworm', program: 'etcd' };
const FROM_DEBIAN = 'etcd-debian-bookworm';
const START_MS = 30_000;

export interface EtcdServer {
  /** Of the clients, without a path. */
  readonly url: string;
  /** e.g. `etcd 3.4.23`. */
  readonly name: string;
  /** Idempotent. A temporary data directory is removed. */
  stop(): Promise<void>;
}

export interface EtcdOptions {
  /** Kept after `stop` and used again. Default: a temporary one, removed. */
  readonly dataDir?: string;
  /** Of the clients. Default: a free one. */
  readonly port?: number;
}

/**
 * Ready for requests when it resolves. Throws `demo.missing` where there is no etcd and none can be unpacked, `internal.bug`
 * with the end of the server's output when it does not start.
 */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdServer> {
  const program = await findEtcd();
  const temporary = options.dataDir === undefined ? await mkdtemp(join(tmpdir(), 'tailrace-etcd-')) : null;
  const dataDir = options.dataDir ?? temporary!;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const deadline = Date.now() + START_MS;
  for (;;) {
    const ports = { client: options.port ?? (await freePort()), peer: await freePort() };
    const started = await start({ program, dataDir, temporary, ports, deadline });
    if (typeof started !== 'string') return started;
    if (/address already in use/.test(started) && Date.now() < deadline) continue;
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
    throw new TailraceError('internal.bug', `etcd did not start: ${started.slice(-800)}`);
  }
}

async function findEtcd(): Promise<string> {
  const local = await onPath('etcd');
  if (local !== null) return local;
  const present = cached(FROM_DEBIAN);
  if (present !== null) return join(present, DEBIAN.program);
  const obstacle = await debianObstacle();
  const remedy = 'Install etcd so that it is on PATH (on Debian: apt-get install etcd-server).';
  if (obstacle !== null) throw new TailraceError('demo.missing', `There is no etcd: ${obstacle}.`, { remedy });
  try {
    return join(await installOnce(FROM_DEBIAN, (into) => unpackDebian(DEBIAN, into)), DEBIAN.program);
  } catch (error) {
    const said = String((error as Error).message).split('\n')[0];
    throw new TailraceError('demo.missing', `There is no etcd and none could be unpacked: ${said}.`, { remedy });
  }
}

interface Starting {
  readonly program: string;
  readonly dataDir: string;
  readonly temporary: string | null;
  readonly ports: { readonly client: number; readonly peer: number };
  readonly deadline: number;
}

/** What the server printed, when it does not start. */
async function start({ program, dataDir, temporary, ports, deadline }: Starting): Promise<EtcdServer | string> {
  const logFile = join(dataDir, 'server.log');
  const output = openSync(logFile, 'w', 0o600);
  const url = `http://127.0.0.1:${ports.client}`;
  const peer = `http://127.0.0.1:${ports.peer}`;
  const words = ['--name', 'tailrace', '--data-dir', join(dataDir, 'data'), '--logger', 'zap', '--log-level', 'error'];
  words.push('--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peer);
  words.push('--initial-advertise-peer-urls', peer, '--initial-cluster', `tailrace=${peer}`);
  const remove = temporary === null ? [] : [temporary];
  // On some processors etcd asks to be told that it may run there.
  const env = { ...process.env, ETCD_UNSUPPORTED_ARCH: process.arch };
  const child = new GuardedProcess([program, ...words], { output, remove, env, signals: ['TERM', 'KILL'] });
  closeSync(output);
  while (!child.over && Date.now() < deadline) {
    const version = await versionOf(url);
    if (version !== null && !child.over) return { url, name: `etcd ${version}`, stop: () => stop(child, temporary) };
    await Promise.race([child.ended, new Promise((wake) => setTimeout(wake, 20))]);
  }
  await child.stop();
  return (await readFile(logFile, 'utf8').catch(() => '')) || 'no output';
}

async function stop(child: GuardedProcess, temporary: string | null): Promise<void> {
  await child.stop();
  if (temporary !== null) await rm(temporary, { recursive: true, force: true });
}

/** Null while it does not answer, or is not the leader yet that takes writes. */
async function versionOf(url: string): Promise<string | null> {
  try {
    const health = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) });
    if (((await health.json()) as { health?: string }).health !== 'true') return null;
    const version = await fetch(`${url}/version`, { signal: AbortSignal.timeout(2_000) });
    return ((await version.json()) as { etcdserver?: string }).etcdserver ?? null;
  } catch {
    return null;
  }
}
