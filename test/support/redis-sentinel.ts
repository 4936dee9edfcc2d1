/** A Redis Sentinel that watches a primary on 127.0.0.1. */
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { vi } from 'vitest';
import { freePort } from '../../demo/servers/free-port.ts';
import { GuardedProcess } from '../../demo/servers/guarded-process.ts';
import { findRedis } from '../../demo/servers/redis-binaries.ts';

const WAIT = { timeout: 120_000, interval: 50 };

export class RedisSentinel {
  readonly port: number;
  readonly #client: Redis;
  readonly #child: GuardedProcess;
  readonly #dir: string;

  private constructor(port: number, dir: string, child: GuardedProcess) {
    this.port = port;
    this.#dir = dir;
    this.#child = child;
    this.#client = new Redis({ port, protocol: 2, retryStrategy: () => 50 });
    this.#client.on('error', () => {});
  }

  /** Resolves when it knows the primary and its one replica. */
  static async start(name: string, primaryPort: number): Promise<RedisSentinel> {
    const dir = await mkdtemp(join(tmpdir(), 'tailrace-sentinel-'));
    const port = await freePort();
    const file = join(dir, 'sentinel.conf');
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${dir}`,
      `sentinel monitor ${name} 127.0.0.1 ${primaryPort} 1`,
    ];
    lines.push(`sentinel down-after-milliseconds ${name} 500`, `sentinel failover-timeout ${name} 5000`);
    await writeFile(file, `${lines.join('\n')}\n`);
    const output = openSync(join(dir, 'sentinel.log'), 'w', 0o600);
    const child = new GuardedProcess([await findRedis(), file, '--sentinel'], { output, remove: [dir] });
    closeSync(output);
    const sentinel = new RedisSentinel(port, dir, child);
    await vi.waitUntil(async () => (await sentinel.#replicas(name)) === 1, WAIT);
    return sentinel;
  }

  async #replicas(name: string): Promise<number> {
    const found = await this.#client.call('SENTINEL', 'REPLICAS', name).catch(() => []);
    return (found as unknown[]).length;
  }

  async waitForPrimary(name: string, port: number): Promise<void> {
    await vi.waitUntil(async () => {
      const found = (await this.#client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)) as string[] | null;
      return Number(found?.[1]) === port;
    }, WAIT);
  }

  async stop(): Promise<void> {
    this.#client.disconnect();
    await this.#child.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
