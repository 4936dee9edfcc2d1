/** XA transactions: their rows count when they are committed, whatever was stopped between. */
import type { Connection } from 'mysql2/promise';
import { describe, expect, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { foldChanges } from '../../test/support/fold-changes.ts';
import { sampledFlavors } from '../../test/support/mysql-flavors.ts';
import { MysqlFollower } from '../../test/support/mysql-follower.ts';
import { mysqlScenes, openClient, readMysql } from '../../test/support/mysql-source.ts';
import { testSeed } from '../../test/support/seed.ts';

const full = process.env.TAILRACE_FULL !== undefined;
const DDL = 'CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE other (id int)';

describe.each(sampledFlavors(4))('XA of %s', async (flavor) => {
  const { missing, scene } = await mysqlScenes(flavor);

  const prepare = async (client: Connection, xid: string, sql: string) =>
    client.query(`XA START '${xid}'; ${sql}; XA END '${xid}'; XA PREPARE '${xid}'`);

  test.skipIf(missing)('invariant 4: published with XA COMMIT, dropped with XA ROLLBACK, over restarts', async () => {
    const made = await scene(['a'], DDL);
    const follower = new MysqlFollower(made.options);
    const ids = () =>
      follower.transactions.map(({ rows }) => rows.map(({ op, after }) => `${op}${after?.id}`).join(' '));
    const until = (id: string) => follower.run(() => ids().at(-1)?.endsWith(`c${id}`) === true);
    await follower.run(() => follower.transactions.length === 1);
    follower.transactions.length = 0;
    await made.client.query("XA START 'one'; INSERT INTO a VALUES (1, 'x'); XA END 'one'; XA COMMIT 'one' ONE PHASE");
    await prepare(
      await made.connect(),
      'two',
      "INSERT INTO a VALUES (2, 'x'), (3, 'y'); UPDATE a SET v = 'z' WHERE id = 1",
    );
    await prepare(await made.connect(), 'no', "INSERT INTO a VALUES (4, 'x')");
    await prepare(await made.connect(), 'elsewhere', 'INSERT INTO other VALUES (1)');
    await made.client.query("INSERT INTO a VALUES (5, '')");
    await until('5');
    expect(ids()).toEqual(['c1', 'c5']);
    // The server keeps what is prepared, and so do we.
    await made.server.kill();
    await made.server.restart(['--sync-binlog=1']);
    const client = await openClient(made.server.url);
    await client.query(`USE ${made.database}; INSERT INTO a VALUES (6, '')`);
    await until('6');
    await client.query("XA COMMIT 'elsewhere'; XA ROLLBACK 'no'; XA COMMIT 'two'; INSERT INTO a VALUES (7, '')");
    await until('7');
    expect(ids()).toEqual(['c1', 'c5', 'c6', 'c2 c3 u1', 'c7']);
    client.destroy();
  });

  test.skipIf(missing)('invariant 5: one that was prepared before the source began to read', async () => {
    const made = await scene(['a'], DDL);
    const owner = await made.connect();
    await prepare(owner, 'early', "INSERT INTO a VALUES (1, 'x')");
    const reading = readMysql(made.options);
    await reading.until(() => reading.output.transactions.length === 1);
    await owner.query("XA COMMIT 'early'");
    expect(await reading.failed).toMatchObject({ code: 'source.gap', message: expect.stringContaining('XA') });
  });

  test.skipIf(missing)(
    'invariant 4: many at once, with a reader that is stopped again and again',
    { timeout: full ? 600_000 : 60_000 },
    async () => {
      console.log(`xa: seed ${testSeed} (TAILRACE_SEED)`);
      const random = new Random(testSeed);
      const made = await scene(['a'], `${DDL}; INSERT INTO a (id) VALUES (-1), (-2), (-3), (-4)`);
      const follower = new MysqlFollower(made.options);
      await follower.run(() => follower.transactions.length === 1);
      const sessions: { client: Connection; xid: string | null }[] = [];
      for (let i = 0; i < 4; i++) sessions.push({ client: await made.connect(), xid: null });
      let id = 0;
      for (let step = 0; step < (full ? 2_000 : 80); step++) {
        const session = random.pick(sessions);
        const change = () =>
          random.pick([
            `INSERT INTO a VALUES (${++id}, 'v')`,
            `UPDATE a SET v = '${step}' WHERE id = ${-1 - sessions.indexOf(session)}`,
            'INSERT INTO other VALUES (1)',
          ]);
        if (session.xid !== null) {
          await session.client.query(`XA ${random.pick(['COMMIT', 'COMMIT', 'ROLLBACK'])} '${session.xid}'`);
          session.xid = null;
        } else if (random.chance(0.6)) {
          session.xid = `x${step}`;
          await prepare(session.client, session.xid, `${change()}; ${change()}`);
        } else if (random.chance(0.2)) await session.client.query('FLUSH BINARY LOGS');
        else await session.client.query(change());
        if (!random.chance(0.15)) continue;
        await made.client.query(`INSERT INTO a VALUES (${++id}, 'stop')`);
        await follower.run(() => follower.transactions.at(-1)?.rows.at(-1)?.after?.id === String(id));
      }
      for (const { client, xid } of sessions) if (xid !== null) await client.query(`XA COMMIT '${xid}'`);
      await made.client.query(`INSERT INTO a VALUES (${++id}, 'the end')`);
      await follower.run(() => follower.transactions.at(-1)?.rows.at(-1)?.after?.v === 'the end');
      const [rows] = await made.client.query('SELECT CAST(id AS CHAR) AS id, v FROM a ORDER BY a.id');
      const folded = [...foldChanges(follower.transactions).get(`${made.database}.a`)!.values()];
      expect(folded.sort((a, b) => Number(a.id) - Number(b.id))).toEqual(rows);
    },
  );
});
