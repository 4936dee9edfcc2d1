/** The ways to a server: TCP, a Unix socket (TLS: connections-tls.test.ts). What is read does not depend on them. */
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../demo/servers/postgres.ts';
import { read, sourceOptions } from '../../test/support/postgres-source.ts';
import { TcpProxy } from '../../test/support/tcp-proxy.ts';
import { connectSql } from './connections.ts';
import { source } from './index.ts';

const ROWS = 3_000;

async function server(settings: Readonly<Record<string, string>>): Promise<PostgresServer> {
  const started = await startPostgres({ settings });
  onTestFinished(() => started.stop());
  return started;
}

async function expectAllRead(url: string, writer: string): Promise<void> {
  const client = new pg.Client(writer);
  await client.connect();
  onTestFinished(() => client.end());
  const some = (from: number) =>
    client.query(`insert into t select i, repeat(i::text, 100) from generate_series(${from}, ${from + ROWS - 1}) i`);
  await client.query('create table if not exists t (id int primary key, v text); truncate t');
  await some(0);
  const reading = read(sourceOptions(url, 's', ['public.t']));
  await reading.until(() => reading.output.transactions.length === 1);
  await some(ROWS);
  await reading.until(() => reading.output.transactions.length === 2);
  const values = reading.output.rows().map(({ after }) => after!);
  expect(values.map(({ id, v }) => [id, v])).toEqual(
    Array.from({ length: 2 * ROWS }, (_, i) => [`${i}`, `${i}`.repeat(100)]),
  );
  await reading.stop();
}

test('TLS that the server does not have', async () => {
  const started = await server({});
  await expectAllRead(started.url, started.url);
  const refused = await source.check(sourceOptions(`${started.url}?sslmode=verify-full`, 's', ['public.t']) as never);
  expect(refused).toMatchObject([
    { level: 'problem', code: 'source.not_ready', remedy: expect.stringContaining('sslmode') },
  ]);
});

test('a Unix socket', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tailrace-socket-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const started = await server({ unix_socket_directories: directory });
  const { username, password } = new URL(started.url);
  const url = `postgres://${username}:${password}@/postgres?host=${directory}&port=${started.port}`;
  await expectAllRead(url, started.url);
});

class PlainProxy extends TcpProxy {
  connections = 0;

  protected override relay(client: Socket, server: Socket): void {
    this.connections++;
    server.on('data', (bytes) => client.write(bytes));
  }
}

test('invariant 11: of several servers all connections of a reader go to the one that it found', async () => {
  const server = await startPostgres();
  onTestFinished(() => server.stop());
  const [one, other] = [await new PlainProxy(server.port).listen(), await new PlainProxy(server.port).listen()];
  onTestFinished(() => other.close());
  const url = server.url.replace(/@[^/]*/, `@127.0.0.1:${one.port},127.0.0.1:${other.port}`);
  const options = sourceOptions(url, 'several', ['public.t']);
  const first = await connectSql(options);
  onTestFinished(() => first.end().catch(() => {}));
  expect(other.connections).toBe(0);
  await one.close();
  await expect(connectSql(options)).rejects.toMatchObject({ code: 'source.unreachable' });
  expect(other.connections).toBe(0);
  await (await connectSql({ ...options })).end();
  expect(other.connections).toBeGreaterThan(0);
});
