/** For how long the server keeps what was not read yet. */
import { describe, expect, test, vi } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { mysqlScenes, readMysql } from '../../test/support/mysql-source.ts';
import { SqlSession } from './connections.ts';
import type { MysqlPosition } from './position.ts';
import { PurgeWatch } from './purge-watch.ts';

const DAY = 86_400;

describe.each(['mysql', 'mariadb'] as const)('retention of %s', async (flavor) => {
  const { missing, scene } = await mysqlScenes(flavor);

  test.skipIf(missing)('the file of the position counts from when it was closed; the end is warned of', async () => {
    const { client, options, server } = await scene(['a'], 'CREATE TABLE a (id int PRIMARY KEY)');
    await client.query(`SET GLOBAL binlog_expire_logs_seconds = ${10 * DAY}`);
    const reading = readMysql(options);
    await reading.until(() => reading.output.transactions.length === 1);
    // What the reader itself tells, once it has asked.
    await vi.waitUntil(() => (reading.reader.upstream()?.retention ?? null) !== null, { timeout: 10_000 });
    expect(reading.reader.upstream()).toMatchObject({ retention: { secondsUntilLost: 10 * DAY }, warnings: [] });
    await reading.stop();
    const position = reading.output.lastPosition as unknown as MysqlPosition;
    const clock = new ManualClock(Date.now());
    const sql = new SqlSession(server.url);
    const watch = new PurgeWatch({ url: server.url, sql, clock });
    expect(watch.retention).toBeNull();
    watch.passed(position);
    await client.query('INSERT INTO a VALUES (1); FLUSH BINARY LOGS; INSERT INTO a VALUES (2)');
    await watch.look();
    const { retainedBytes, secondsUntilLost } = watch.retention!;
    expect(retainedBytes).toBeGreaterThan(100);
    expect(retainedBytes).toBeLessThan(5_000);
    expect(Math.abs(secondsUntilLost! - 10 * DAY)).toBeLessThan(60);
    clock.advance((10 * DAY - 3_600) * 1_000);
    await watch.look();
    expect(Math.abs(watch.retention!.secondsUntilLost! - 3_600)).toBeLessThan(60);
    expect(watch.warnings).toEqual([
      {
        message: `the server removes ${position.file}, which is not read yet, in 1 hours`,
        remedy: expect.stringContaining(`binlog_expire_logs_seconds = ${20 * DAY};`),
        since: clock.now(),
      },
    ]);
    await client.query('SET GLOBAL binlog_expire_logs_seconds = 0');
    await watch.look();
    expect(watch.retention).toMatchObject({ secondsUntilLost: null });
    expect(watch.warnings).toEqual([]);
    await sql.close();
  });
});
