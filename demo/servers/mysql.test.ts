import mysql from 'mysql2/promise';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { needServer } from '../../test/support/need-server.ts';
import { startMysql } from './mysql.ts';

describe.each(['mysql', 'mariadb'] as const)('a server of %s', async (flavor) => {
  const server = await needServer(flavor, () => startMysql({ flavor, own: true }));

  test.skipIf(server === null)('is what was asked for and keeps its data over a SIGKILL', async () => {
    onTestFinished(() => server!.stop());
    expect(server!.name).toMatch(flavor === 'mysql' ? /^MySQL (8|9)\./ : /^MariaDB 1\d\./);
    const connect = () => mysql.createConnection({ uri: server!.url, disableEval: true });
    const before = await connect();
    before.on('error', () => {});
    await before.query('CREATE DATABASE kept');
    await server!.kill();
    before.destroy();
    await server!.restart();
    const after = await connect();
    onTestFinished(() => after.end());
    const [rows] = await after.query<mysql.RowDataPacket[]>("SHOW DATABASES LIKE 'kept'");
    expect(rows).toHaveLength(1);
  });

  test('one that the environment names and that does not answer is said to be missing', async () => {
    vi.stubEnv(`TAILRACE_TEST_${flavor.toUpperCase()}_URL`, 'mysql://root@127.0.0.1:1/');
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(startMysql({ flavor })).rejects.toMatchObject({ code: 'demo.missing', remedy: expect.any(String) });
  });
});
