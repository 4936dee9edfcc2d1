import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { type PostgresServer, startPostgres } from './postgres.ts';

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

function listening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadline) expect.fail('condition not met in 20 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function started(...args: Parameters<typeof startPostgres>): Promise<PostgresServer> {
  const server = await startPostgres(...args);
  onTestFinished(() => server.stop());
  return server;
}

test('serves logical replication, survives SIGKILL, keeps port and rows over a restart with other settings', async () => {
  const server = await started();
  const shop = await server.createDatabase('Shop "1"');
  expect(await server.createDatabase('Shop "1"')).toBe(shop);
  await query(shop, 'create table t (id int primary key); insert into t values (1)');
  expect(await query(shop, 'show wal_level')).toEqual([{ wal_level: 'logical' }]);
  await server.kill();
  expect(await listening(server.port)).toBe(false);
  await server.restart();
  expect(await query(shop, 'select id from t')).toEqual([{ id: 1 }]);
  const { url, port } = server;
  await server.restart({ wal_level: 'replica' });
  expect([server.url, server.port]).toEqual([url, port]);
  expect(await query(shop, 'show wal_level')).toEqual([{ wal_level: 'replica' }]);
  await server.stop();
  await server.stop();
  expect(existsSync(server.dataDir)).toBe(false);
});

test('a given data directory is kept and used again; two servers run side by side', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-pg-test-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const dataDir = join(dir, 'deep', 'pg');
  const [first, other] = await Promise.all([started({ dataDir }), started()]);
  expect(first.port).not.toBe(other.port);
  await query(first.url, 'create table kept as select 7 as n');
  await first.stop();
  const second = await started({ dataDir, port: first.port });
  expect(second.port).toBe(first.port);
  expect(await query(second.url, 'select n from kept')).toEqual([{ n: 7 }]);
});

test('ends, and its temporary directory with it, when the process that started it is killed', async () => {
  const script = `
    const { startPostgres } = await import(${JSON.stringify(new URL('./postgres.ts', import.meta.url).href)});
    const server = await startPostgres();
    console.log(JSON.stringify({ port: server.port, dataDir: server.dataDir }));
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
  const { port, dataDir } = JSON.parse(chunk.toString()) as { port: number; dataDir: string };
  expect(await listening(port)).toBe(true);
  parent.kill('SIGKILL');
  await until(async () => !(await listening(port)) && !existsSync(dataDir));
});
