/** Servers that crash: what they lost, and what they do with the numbers of lost transactions. */
import { statSync, truncateSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, describe, expect, test } from 'vitest';
import { type MysqlServer, startMysql } from '../../demo/servers/mysql.ts';
import { Random } from '../../demo/shop/random.ts';
import { foldChanges } from '../../test/support/fold-changes.ts';
import { sampledFlavors } from '../../test/support/mysql-flavors.ts';
import { MysqlFollower } from '../../test/support/mysql-follower.ts';
import { mysqlOptions, openClient } from '../../test/support/mysql-source.ts';
import { needServer } from '../../test/support/need-server.ts';
import { testSeed } from '../../test/support/seed.ts';

const SAFE = ['--sync-binlog=1', '--innodb-flush-log-at-trx-commit=1'];
const UNSAFE = ['--sync-binlog=0'];
const PLACE = { mysql: 'SHOW BINARY LOG STATUS', mariadb: 'SHOW MASTER STATUS' } as const;

interface Place {
  readonly file: string;
  readonly pos: number;
}

let databases = 0;

/** A table `t` with rows 1, 2 and 3 from three transactions; the follower has seen as many as it is told to. */
async function prepared(server: MysqlServer, seen: number, config: Record<string, unknown> = {}) {
  const database = `crash${++databases}`;
  const client = await openClient(server.url);
  await client.query(`CREATE DATABASE ${database}; USE ${database}; CREATE TABLE t (id int PRIMARY KEY, v longtext)`);
  const options = mysqlOptions(server.url, database, [`${database}.t`], {}, config);
  const follower = new MysqlFollower(options);
  await follower.run(() => follower.transactions.length === 1);
  const begins: Place[] = [];
  const [[{ directory }]] = (await client.query('SELECT @@datadir AS directory')) as unknown as [
    [{ directory: string }],
  ];
  for (let id = 1; id <= 3; id++) {
    const [[place]] = (await client.query(PLACE[server.flavor])) as unknown as [[RowDataPacket]];
    begins.push({ file: join(directory, String(place.File)), pos: Number(place.Position) });
    // Large, so that its rows come in many events.
    await client.query(
      `INSERT INTO t SELECT ${id} + 10 * n, REPEAT('x', 9000) FROM (WITH RECURSIVE s AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 9) SELECT n FROM s) s`,
    );
    if (id <= seen) await follower.run(() => follower.transactions.length === 1 + id);
  }
  client.destroy();
  const ids = () => follower.transactions.slice(1).flatMap(({ rows }) => rows.map(({ after }) => Number(after?.id)));
  /** In transactions of their own. */
  const insert = async (...rows: number[]) => {
    const again = await openClient(server.url);
    for (const id of rows) await again.query(`INSERT INTO ${database}.t VALUES (${id}, 'after')`);
    again.destroy();
  };
  const flush = async () => {
    const again = await openClient(server.url);
    await again.query('FLUSH BINARY LOGS');
    again.destroy();
  };
  const until = (id: number) => follower.run(() => ids().includes(id));
  return { follower, options, begins, ids, insert, flush, until, table: `${database}.t` };
}

/** As a file is after a power cut: some of its end was not written, and is zeros, or is not there. */
function lose({ file, pos }: Place, as: 'zeros' | 'nothing'): void {
  const { size } = statSync(file);
  truncateSync(file, pos);
  if (as === 'zeros') truncateSync(file, size);
}

async function eventEnds(server: MysqlServer, { file, pos }: Place): Promise<number[]> {
  const client = await openClient(server.url);
  const [events] = await client.query<RowDataPacket[]>(`SHOW BINLOG EVENTS IN '${basename(file)}' FROM ${pos}`);
  client.destroy();
  return events.map(({ End_log_pos }) => Number(End_log_pos));
}

const full = process.env.TAILRACE_FULL !== undefined;
const CYCLES = full ? 40 : 2;
const REUSED = [101, 102, 103, 104];

describe.each(sampledFlavors(1))('a crash of %s', async (flavor) => {
  const server = await needServer(flavor, () => startMysql({ flavor, own: true, settings: UNSAFE }));
  afterAll(() => server?.stop());

  test.skipIf(server === null)(
    'invariant 5: of one that may have lost transactions is a gap, whatever it lost',
    { timeout: 90_000 },
    async () => {
      const { follower, options, until, insert } = await prepared(server!, 3);
      await server!.kill();
      await server!.restart(UNSAFE);
      await insert(101);
      await expect(until(101)).rejects.toMatchObject({
        code: 'source.gap',
        message: expect.stringContaining('sync_binlog = 0'),
        remedy: expect.stringMatching(/SET (PERSIST|GLOBAL) sync_binlog = 1;.*after_crash: continue/),
      });
      follower.options = { ...options, config: { ...options.config, after_crash: 'continue' } };
      await until(101);
    },
  );

  test.skipIf(server === null).each(['zeros', 'nothing'] as const)(
    'invariant 5: numbers of lost transactions (%s in the file) that others got are a gap',
    { timeout: 90_000 },
    async (as) => {
      const { until, insert, begins, ids } = await prepared(server!, 3, { after_crash: 'continue' });
      await server!.kill();
      lose(begins[1]!, as);
      await server!.restart(UNSAFE);
      await insert(...REUSED);
      await expect(until(REUSED.at(-1)!)).rejects.toMatchObject({ code: 'source.gap' });
      expect(ids()).toHaveLength(30);
    },
  );

  // MySQL cuts such a transaction out of its file.
  test.skipIf(server === null || flavor === 'mysql').each([
    ['at once', 'nothing'],
    ['later', 'nothing'],
    ['later', 'zeros'],
    ['later', 'no more than whole events'],
  ] as const)(
    'within a transaction: that one is left out, the next come (read %s, %s in the file)',
    { timeout: 90_000 },
    async (when, as) => {
      const { until, insert, begins, ids } = await prepared(server!, when === 'later' ? 1 : 2, {
        after_crash: 'continue',
      });
      const { file } = begins[2]!;
      const ends = await eventEnds(server!, begins[2]!);
      const half = ends[ends.length >> 1]!;
      await server!.kill();
      lose({ file, pos: as === 'no more than whole events' ? half : half - 100 }, as === 'zeros' ? 'zeros' : 'nothing');
      await server!.restart(UNSAFE);
      await insert(101, 102);
      await until(102);
      expect(ids().filter((id) => id % 10 === 3)).toEqual([]);
      expect(ids()).toHaveLength(22);
    },
  );

  test.skipIf(server === null)('invariant 5: is seen in files that are read later', { timeout: 90_000 }, async () => {
    const { until, insert, flush } = await prepared(server!, 2);
    await insert(100);
    await flush();
    await insert(101);
    await server!.kill();
    await server!.restart(UNSAFE);
    await insert(102);
    await expect(until(102)).rejects.toMatchObject({ code: 'source.gap', message: expect.stringContaining('crashed') });
  });

  test.skipIf(server === null)('of a server that keeps what it says is gone past', async () => {
    const { until, insert, ids } = await prepared(server!, 3);
    await server!.kill();
    await server!.restart(SAFE);
    await insert(101);
    await until(101);
    expect(ids()).toHaveLength(31);
  });

  test.skipIf(server === null)(
    'at any moment, again and again, beside writers: what was streamed is the table',
    { timeout: full ? 900_000 : 90_000 },
    async () => {
      console.log(`crashes: seed ${testSeed} (TAILRACE_SEED)`);
      const random = new Random(testSeed);
      await server!.kill();
      await server!.restart(SAFE);
      const { follower, until, table } = await prepared(server!, 3);
      for (let cycle = 1; cycle <= CYCLES; cycle++) {
        const following = until(cycle * 1_000_000);
        const writers = [0, 1].map((writer) => writeUntilKilled(server!, table, { cycle, writer, random }));
        await Promise.race(writers.map(({ enough }) => enough));
        await server!.kill();
        await Promise.all(writers.map(({ over }) => over));
        await server!.restart(SAFE);
        const client = await openClient(server!.url);
        await client.query(`INSERT INTO ${table} VALUES (${cycle * 1_000_000}, 'after')`);
        await following;
        const [rows] = await client.query<RowDataPacket[]>(`SELECT id, LENGTH(v) AS bytes FROM ${table}`);
        client.destroy();
        const streamed = [...(foldChanges(follower.transactions).get(table)?.values() ?? [])];
        expect(streamed.map(({ id, v }) => `${id} ${v?.length}`).sort(), `cycle ${cycle}`).toEqual(
          rows.map(({ id, bytes }) => `${id} ${bytes}`).sort(),
        );
      }
    },
  );
});

/** Transactions of any size until the connection breaks. `enough`: a random number of them was committed. */
function writeUntilKilled(
  server: MysqlServer,
  table: string,
  { cycle, writer, random }: { readonly cycle: number; readonly writer: number; readonly random: Random },
) {
  const wanted = random.between(1, 30);
  let reached: () => void = () => {};
  const enough = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const write = async () => {
    const client = await openClient(server.url);
    for (let n = 1; ; n++) {
      const id = cycle * 1_000_000 + 2 * n + writer;
      const v = `REPEAT('x', ${random.pick([1, 5_000, 200_000])})`;
      await client.query(
        `BEGIN; INSERT INTO ${table} VALUES (${id}, ${v}); UPDATE ${table} SET v = CONCAT(v, 'y') WHERE id = ${id - 2};
         DELETE FROM ${table} WHERE id = ${id - 8}; COMMIT`,
      );
      if (n === wanted) reached();
    }
  };
  const over = write().catch(() => reached());
  return { enough, over };
}
