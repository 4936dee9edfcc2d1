import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { needServer } from '../../test/support/need-server.ts';
import { startRedis } from './redis.ts';

async function ask<T>(url: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { protocol: 2, retryStrategy: null });
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

async function answers(port: number): Promise<boolean> {
  const client = new Redis({ port, lazyConnect: true, retryStrategy: null });
  client.on('error', () => {});
  const connected = await client.connect().then(
    () => true,
    () => false,
  );
  client.disconnect();
  return connected;
}

const first = await needServer('redis', () => startRedis({ own: true }));

describe.skipIf(first === null)('a Redis server', () => {
  test('of its own is temporary; a second stop does nothing', async () => {
    expect(first!.name).toMatch(/^(Redis|Valkey) \d/);
    expect(await ask(first!.url, (client) => client.ping())).toBe('PONG');
    await first!.stop();
    await first!.stop();
    expect(await answers(first!.port)).toBe(false);
  });

  test('with a kept directory holds what it answered, also after SIGKILL, under the same port', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'tailrace-redis-test-'));
    onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
    const killed = await startRedis({
      own: true,
      dataDir,
      settings: ['--requirepass', 'x', '--appendfsync', 'always'],
    });
    await ask(killed.url, (client) => client.set('kept', '7'));
    await killed.kill();
    expect(await answers(killed.port)).toBe(false);
    const again = await startRedis({ own: true, dataDir, port: killed.port });
    onTestFinished(() => again.stop());
    expect(again.port).toBe(killed.port);
    expect(await ask(again.url, (client) => client.get('kept'))).toBe('7');
  });

  test('ends, and its temporary directory with it, when the process that started it is killed', async () => {
    const script = `
      const { startRedis } = await import(${JSON.stringify(new URL('./redis.ts', import.meta.url).href)});
      const server = await startRedis({ own: true });
      console.log(server.url);
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void parent.kill('SIGKILL'));
    const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
    const url = chunk.toString().trim();
    const directory = await ask(url, async (client) => ((await client.config('GET', 'dir')) as string[])[1]!);
    parent.kill('SIGKILL');
    await vi.waitUntil(async () => !(await answers(Number(new URL(url).port))) && !existsSync(directory), {
      timeout: 120_000,
      interval: 20,
    });
  });
});

test('one that the environment names is used and left alone; one that does not answer is said to be missing', async () => {
  vi.stubEnv('TAILRACE_TEST_REDIS_URL', 'redis://127.0.0.1:1');
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(startRedis()).rejects.toMatchObject({ code: 'demo.missing', remedy: expect.any(String) });
});
