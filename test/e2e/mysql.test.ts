/** MySQL and MariaDB with Tailrace as its own process: into SQLite, PostgreSQL and a file, killed at every stage. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { RowDataPacket } from 'mysql2/promise';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startMysql } from '../../demo/servers/mysql.ts';
import { type PostgresServer, startPostgres } from '../../demo/servers/postgres.ts';
import { sampledFlavors } from '../support/mysql-flavors.ts';
import { openClient } from '../support/mysql-source.ts';
import { needServer } from '../support/need-server.ts';
import { Project, until, untilStatus } from '../support/project.ts';

let target: PostgresServer;
beforeAll(async () => {
  target = await startPostgres();
});
afterAll(() => target?.stop());

const PIPELINE = `name: copy
source:
  type: mysql
  url: \${SOURCE_URL}
  tables: [shop.items]
sinks:
  local:
    type: sqlite
    path: copy.db
  remote:
    type: postgres
    url: \${TARGET_URL}
    schema: public
  lines:
    type: file
    path: changes.jsonl
`;

describe.each(sampledFlavors(7))('%s into other systems', async (flavor) => {
  const server = await needServer(flavor, () => startMysql({ flavor, own: true, settings: ['--sync-binlog=1'] }));
  afterAll(() => server?.stop());

  test.skipIf(server === null)(
    'is the same everywhere, over kills of Tailrace and of the server',
    { timeout: 180_000 },
    async () => {
      const client = await openClient(server!.url);
      onTestFinished(() => client.destroy());
      await client.query(`CREATE DATABASE shop; USE shop;
      CREATE TABLE items (id bigint unsigned PRIMARY KEY, v varchar(50), price decimal(10,2), at datetime(6), big bigint unsigned);
      INSERT INTO items SELECT n, CONCAT('v', n), n * 1.10, '2024-02-29 12:00:00.5', 18446744073709551615 FROM
        (WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 500) SELECT n FROM s) t`);
      const targetUrl = await target.createDatabase(flavor);
      const project = await Project.make(PIPELINE, { SOURCE_URL: server!.url, TARGET_URL: targetUrl });
      const source = async () => {
        const reader = await openClient(server!.url).catch(() => null);
        if (reader === null) return null;
        const [rows] = await reader.query<RowDataPacket[]>(
          `SELECT CONCAT_WS('|', id, v, price, DATE_FORMAT(at, '%Y-%m-%d %T.%f'), big) AS t FROM shop.items ORDER BY id`,
        );
        reader.destroy();
        return rows.map(({ t }) => String(t));
      };
      const inSqlite = async () => {
        try {
          using database = new DatabaseSync(join(project.dir, 'copy.db'), { readOnly: true });
          const rows = database
            .prepare(
              "SELECT CAST(id AS text) || '|' || v || '|' || price || '|' || replace(at, 'T', ' ') || '|' || big AS t FROM items ORDER BY CAST(id AS INTEGER)",
            )
            .all();
          return rows.map(({ t }) => String(t));
        } catch {
          return null;
        }
      };
      const inPostgres = async () => {
        const reader = new pg.Client(targetUrl);
        await reader.connect();
        try {
          const { rows } = await reader.query(
            `SELECT concat_ws('|', id, v, price, to_char(at, 'YYYY-MM-DD HH24:MI:SS.US'), big) AS t FROM items ORDER BY id`,
          );
          return rows.map(({ t }) => String(t));
        } catch {
          return null;
        } finally {
          await reader.end();
        }
      };
      const equal = async () => {
        const wanted = JSON.stringify(await source());
        return wanted === JSON.stringify(await inSqlite()) && wanted === JSON.stringify(await inPostgres());
      };
      // Dies within the snapshot, and within a transaction of the stream.
      expect((await project.start('source.mid-snapshot:250').exited).signal).toBe('SIGKILL');
      const killed = project.start('source.mid-transaction:300');
      await until('the snapshot', equal, killed);
      await client.query(
        `USE shop; BEGIN; UPDATE items SET v = CONCAT(v, '!'); INSERT INTO items VALUES (1000, 'in', 1, NOW(6), 0); DELETE FROM items WHERE id % 5 = 0; COMMIT`,
      );
      expect((await killed.exited).signal).toBe('SIGKILL');
      await client.query(`DELETE FROM items WHERE id = 1; UPDATE items SET id = 2000 WHERE id = 2`);
      const running = project.start();
      await until('the transaction that was cut short', equal, running);
      await server!.kill();
      await server!.restart();
      const again = await openClient(server!.url);
      onTestFinished(() => again.destroy());
      await again.query(`USE shop; INSERT INTO items VALUES (3000, 'after the crash', 2.5, NOW(6), 1)`);
      await until('the row after the crash', equal, running);
      await again.query(`TRUNCATE TABLE items; INSERT INTO items VALUES (1, 'new', 1, NOW(6), 1)`);
      await until('the row after the truncate', equal, running);
      expect((await running.stop()).code).toBe(0);
      const lines = (await readFile(join(project.dir, 'changes.jsonl'), 'utf8')).trim().split('\n');
      // Each change once: 500 of the snapshot, then what was done.
      const changed = lines.filter((line) => line.includes('!"')).length;
      expect(changed).toBeGreaterThanOrEqual(500);
      expect(new Set(lines).size).toBe(lines.length);
      // A reset of the server's log is a gap, seen at the next start.
      await again.query(flavor === 'mysql' ? 'RESET BINARY LOGS AND GTIDS' : 'RESET MASTER');
      const after = project.start();
      await untilStatus('gap', after, ({ state }) => state === 'gap');
      await after.stop();
    },
  );
});
