/** The load generator that comes with Redis. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { unpackDebian } from '../../demo/servers/debian-package.ts';
import { onPath } from '../../demo/servers/programs.ts';
import { installOnce } from '../../demo/servers/server-cache.ts';

const DEBIAN = { packageName: 'redis-tools', suite: 'bookworm', program: 'redis-benchmark' };

async function find(): Promise<string> {
  const local = await onPath('redis-benchmark', 'valkey-benchmark');
  if (local !== null) return local;
  return join(await installOnce('redis-tools-debian-bookworm', (into) => unpackDebian(DEBIAN, into)), DEBIAN.program);
}

export interface Load {
  readonly port: number;
  readonly requests: number;
  /** `__rand_int__` in the words is one of that many numbers of 12 digits. */
  readonly keys: number;
  readonly words: readonly string[];
}

/** Seconds that `redis-benchmark -P 1000` takes, by its own count. */
export async function redisBenchmark({ port, requests, keys, words }: Load): Promise<number> {
  const options = ['-p', String(port), '-P', '1000', '-n', String(requests), '-r', String(keys), '--csv'];
  const { stdout } = await promisify(execFile)(await find(), [...options, ...words]);
  const perSecond = Number(/^"[^"]*","([\d.]+)"/m.exec(stdout.split('\n').slice(1).join('\n'))?.[1]);
  if (!(perSecond > 0)) throw new Error(`redis-benchmark said ${stdout}`);
  return requests / perSecond;
}
