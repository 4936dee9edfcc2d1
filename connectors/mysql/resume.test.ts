/** Readers that are cut off at any byte, servers that go away, servers that take the place of others. */

import type { RowDataPacket } from 'mysql2/promise';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { startMysql } from '../../demo/servers/mysql.ts';
import { Random } from '../../demo/shop/random.ts';
import { CuttingProxy } from '../../test/support/cutting-proxy.ts';
import { foldChanges } from '../../test/support/fold-changes.ts';
import { sampledFlavors } from '../../test/support/mysql-flavors.ts';
import { MysqlFollower } from '../../test/support/mysql-follower.ts';
import { type MysqlScene, mysqlOptions, mysqlScenes, openClient, readMysql } from '../../test/support/mysql-source.ts';
import {
  MYSQL_DDL,
  MYSQL_KEYS,
  MYSQL_TABLES,
  mysqlWorkload,
  runMysqlWorkload,
} from '../../test/support/mysql-workload.ts';
import { transactionText } from '../../test/support/postgres-follower.ts';
import { testSeed } from '../../test/support/seed.ts';
import { readPosition } from './position.ts';
import { checkSource } from './source-check.ts';

const full = process.env.TAILRACE_FULL !== undefined;

function seeded(): Random {
  const seed = testSeed;
  console.log(`resume: seed ${seed} (TAILRACE_SEED)`);
  return new Random(seed);
}

/** Mostly within a login or a catalog query; further and further while nothing gets through. */
function distances(random: Random, through: () => number): () => number {
  let limit = 10_000;
  let seen = -1;
  return () => {
    limit = through() > seen ? 10_000 : limit * 2;
    seen = through();
    return random.between(1, limit);
  };
}

const tableState = ({ position }: MysqlFollower, label: string) =>
  position === null ? 'pending' : readPosition(position).tables[label]?.read;

describe.each(sampledFlavors(0))('resuming %s', async (flavor) => {
  const { missing, scene } = await mysqlScenes(flavor);
  const ended = ({ transactions }: MysqlFollower) => transactions.at(-1)?.rows.at(-1)?.after?.v === 'the end';
  const finish = ({ client }: MysqlScene) => client.query("INSERT INTO wide (id, v) VALUES (5000000, 'the end')");

  async function throughProxy(made: MysqlScene) {
    const proxy = await CuttingProxy.start(made.server.port);
    onTestFinished(() => proxy.close());
    const url = made.server.url.replace(`:${made.server.port}/`, `:${proxy.port}/`);
    return { proxy, options: mysqlOptions(url, made.options.name, made.options.tables) };
  }

  async function expectTables(made: MysqlScene, { transactions }: MysqlFollower): Promise<void> {
    const keys = Object.fromEntries(
      Object.entries(MYSQL_KEYS).map(([table, key]) => [`${made.database}.${table}`, key]),
    );
    const folded = foldChanges(transactions, keys);
    for (const table of MYSQL_TABLES) {
      // Read anew by a reader of its own: that it reads exactly is tested elsewhere.
      const fresh = readMysql({ ...made.options, name: 'fresh', tables: [`${made.database}.${table}`] });
      await fresh.until(() => fresh.output.transactions.length === 1);
      await fresh.stop();
      const now = fresh.output.rows().map(({ after }) => after!);
      const columns = Object.keys(now[0] ?? {});
      const texts = [...(folded.get(`${made.database}.${table}`)?.values() ?? [])].map((row) =>
        JSON.stringify(columns.map((column) => row[column] ?? null)),
      );
      expect(texts.sort(), table).toEqual(
        now.map((row) => JSON.stringify(columns.map((column) => row[column]))).sort(),
      );
    }
  }

  test.skipIf(missing)(
    'invariant 4: the stream cut at random bytes gives the same transactions, each once',
    { timeout: full ? 600_000 : 60_000 },
    async () => {
      const random = seeded();
      const made = await scene(MYSQL_TABLES, MYSQL_DDL);
      const reference = new MysqlFollower({ ...made.options, name: 'reference' });
      const { proxy, options } = await throughProxy(made);
      const tried = new MysqlFollower(options);
      const snapshots = ({ transactions }: MysqlFollower) => transactions.length === MYSQL_TABLES.length;
      for (const one of [reference, tried]) await one.run(() => snapshots(one));
      proxy.cutEvery(distances(random, () => tried.transactions.length));
      await runMysqlWorkload(
        [made.client, await made.connect()],
        mysqlWorkload(random, full ? 3_000 : 150, { ddl: true }),
      );
      await finish(made);
      await reference.run(() => ended(reference));
      await tried.run(() => ended(tried));
      expect(proxy.cuts).toBeGreaterThan(2);
      const streamed = ({ transactions }: MysqlFollower) =>
        transactions.slice(MYSQL_TABLES.length).map(transactionText);
      expect(streamed(tried)).toEqual(streamed(reference));
      await expectTables(made, tried);
    },
  );

  test.skipIf(missing)(
    'invariant 9: the snapshot cut at random bytes, beside a workload: the output gives the tables',
    { timeout: full ? 600_000 : 60_000 },
    async () => {
      const random = seeded();
      const made = await scene(MYSQL_TABLES, MYSQL_DDL);
      const { proxy, options } = await throughProxy(made);
      const follower = new MysqlFollower(options);
      const isRead = () => made.options.tables.every((label) => tableState(follower, label) === 'past');
      proxy.cutEvery(distances(random, () => follower.transactions.filter(({ kind }) => kind === 'snapshot').length));
      const reading = follower.run(isRead);
      await runMysqlWorkload([await made.connect(), await made.connect()], mysqlWorkload(random, full ? 2_000 : 200));
      await reading;
      await finish(made);
      await follower.run(() => ended(follower));
      expect(proxy.cuts).toBeGreaterThan(0);
      // Fails where a change is missing or comes twice: an insert of a row that is there, an update of none.
      await expectTables(made, follower);
    },
  );

  test.skipIf(missing)('goes on over restarts and crashes of the server', { timeout: 180_000 }, async () => {
    const made = await scene(['plain'], MYSQL_DDL);
    const follower = new MysqlFollower(made.options);
    const reading = follower.run(() => follower.transactions.at(-1)?.rows.at(-1)?.after?.id === '777');
    await vi.waitUntil(() => follower.transactions.length === 1, { timeout: 10_000 });
    for (const id of ['701', '702']) {
      // An orderly end takes MySQL ten seconds while somebody reads its log.
      if (id === '701' && (full || flavor === 'mariadb')) await made.server.restart();
      else {
        await made.server.kill();
        await made.server.restart(['--sync-binlog=1']);
      }
      const client = await openClient(made.server.url);
      await client.query(`INSERT INTO ${made.database}.plain (id) VALUES (${id})`);
      client.destroy();
    }
    const client = await openClient(made.server.url);
    await client.query(`INSERT INTO ${made.database}.plain (id) VALUES (777)`);
    client.destroy();
    await reading;
    expect(follower.transactions.slice(1).flatMap(({ rows }) => rows.map(({ after }) => after?.id))).toEqual([
      '701',
      '702',
      '777',
    ]);
    expect(follower.breaks).toBeGreaterThan(0);
  });

  test.skipIf(missing)(
    'invariant 11: goes on at a replica by GTID; one that has not got all is a gap',
    { timeout: 180_000 },
    async () => {
      const made = await scene(['plain'], MYSQL_DDL);
      const replica = await startMysql({
        flavor,
        own: true,
        settings: ['--server-id=77', '--log-replica-updates=ON'].map((one) =>
          flavor === 'mariadb' ? one.replace('replica', 'slave') : one,
        ),
      });
      onTestFinished(() => replica.stop());
      const to = await openClient(replica.url);
      onTestFinished(() => to.destroy());
      const { port } = made.server;
      await made.client.query(
        "CREATE USER IF NOT EXISTS repl IDENTIFIED BY 'pw'; GRANT REPLICATION SLAVE ON *.* TO repl",
      );
      await to.query(
        flavor === 'mysql'
          ? `CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = ${port}, SOURCE_USER = 'repl', SOURCE_PASSWORD = 'pw', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1; START REPLICA`
          : `CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${port}, MASTER_USER = 'repl', MASTER_PASSWORD = 'pw', MASTER_USE_GTID = slave_pos; START SLAVE`,
      );
      const follower = new MysqlFollower(made.options);
      await follower.run(() => follower.transactions.length === 1);
      await made.client.query('INSERT INTO plain (id) VALUES (801)');
      await follower.run(() => follower.transactions.length === 2);
      await made.client.query('INSERT INTO plain (id) VALUES (802)');
      const has = async (id: number) => {
        const [rows] = await to
          .query<RowDataPacket[]>(`SELECT id FROM ${made.database}.plain WHERE id = ${id}`)
          .catch(() => [[]]);
        return (rows as RowDataPacket[]).length === 1;
      };
      await vi.waitUntil(() => has(802), { timeout: 120_000 });
      await to.query(flavor === 'mysql' ? 'STOP REPLICA' : 'STOP SLAVE');
      await to.query(`INSERT INTO ${made.database}.plain (id) VALUES (803)`);
      // The former server goes on alone: what it writes now the replica will never have.
      await made.client.query('INSERT INTO plain (id) VALUES (804)');
      const lost = new MysqlFollower(made.options);
      lost.position = follower.position;
      await lost.run(() => lost.transactions.length === 2);
      const there = mysqlOptions(replica.url, made.options.name, made.options.tables);
      follower.options = there;
      await follower.run(() => follower.transactions.length === 4);
      expect(follower.transactions.slice(1).flatMap(({ rows }) => rows.map(({ after }) => after?.id))).toEqual([
        '801',
        '802',
        '803',
      ]);
      lost.options = there;
      await expect(lost.run(() => false)).rejects.toMatchObject({ code: 'source.gap' });
    },
  );
});

describe('MySQL alone', async () => {
  const { missing, scene } = await mysqlScenes('mysql');

  test.skipIf(missing)('tagged GTIDs are read, kept in the position, and gone on from', async () => {
    const { client, options } = await scene(['plain'], MYSQL_DDL);
    const follower = new MysqlFollower(options);
    await follower.run(() => follower.transactions.length === 1);
    await client.query(`SET GTID_NEXT = 'AUTOMATIC:blue'; INSERT INTO plain (id) VALUES (901); INSERT INTO plain (id) VALUES (902);
      SET GTID_NEXT = 'AUTOMATIC:a_longer_tag_of_thirty_two_bytes'; INSERT INTO plain (id) VALUES (903); SET GTID_NEXT = AUTOMATIC; INSERT INTO plain (id) VALUES (904)`);
    for (let count = 2; count <= 5; count++) await follower.run(() => follower.transactions.length >= count);
    const streamed = follower.transactions.slice(1);
    expect(streamed.flatMap(({ rows }) => rows.map(({ after }) => after?.id))).toEqual(['901', '902', '903', '904']);
    expect(streamed[1]!.id).toMatch(/^[0-9a-f-]{36}:blue:2$/);
    expect(Math.abs(streamed[1]!.timeUs / 1_000 - Date.now())).toBeLessThan(60_000);
    const [[row]] = (await client.query<RowDataPacket[]>('SELECT @@global.gtid_executed AS gtid')) as unknown as [
      [{ gtid: string }],
    ];
    const [[same]] = (await client.query<RowDataPacket[]>('SELECT GTID_SUBSET(?, ?) AND GTID_SUBSET(?, ?) AS same', [
      row.gtid,
      follower.position?.gtid,
      follower.position?.gtid,
      row.gtid,
    ])) as unknown as [[{ same: number }]];
    expect(same.same).toBe(1);
  });
});

describe('MySQL without GTIDs', async () => {
  const { missing, scene } = await mysqlScenes('mysql', ['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF']);

  test.skipIf(missing)('file and position lead; another server is refused', { timeout: 180_000 }, async () => {
    const random = seeded();
    const made = await scene(MYSQL_TABLES, MYSQL_DDL);
    const reference = new MysqlFollower({ ...made.options, name: 'reference' });
    const tried = new MysqlFollower(made.options);
    for (const one of [reference, tried]) await one.run(() => one.transactions.length === MYSQL_TABLES.length);
    await runMysqlWorkload([made.client, await made.connect()], mysqlWorkload(random, 60, { ddl: true }));
    await made.client.query("INSERT INTO wide (id, v) VALUES (5000000, 'the end')");
    const ended = ({ transactions }: MysqlFollower) => transactions.at(-1)?.rows.at(-1)?.after?.v === 'the end';
    await reference.run(() => ended(reference));
    while (!ended(tried)) {
      const next = tried.transactions.length + random.between(1, 10);
      await tried.run(() => tried.transactions.length >= next || ended(tried));
    }
    const streamed = ({ transactions }: MysqlFollower) => transactions.slice(MYSQL_TABLES.length).map(transactionText);
    expect(streamed(tried)).toEqual(streamed(reference));
    tried.position = { ...tried.position!, server: 'another' };
    await expect(tried.run(() => false)).rejects.toMatchObject({ code: 'source.gap' });
  });

  test.skipIf(missing)('invariant 5: XA transactions of two phases, where they change what is captured', async () => {
    const made = await scene(['plain'], MYSQL_DDL);
    const reading = readMysql(made.options);
    await reading.until(() => reading.output.transactions.length === 1);
    const xa = (sql: string) => made.client.query(`XA START 'x'; ${sql}; XA END 'x'; XA PREPARE 'x'; XA COMMIT 'x'`);
    await xa('INSERT INTO uncaptured VALUES (1)');
    await made.client.query('INSERT INTO plain (id) VALUES (900)');
    await reading.until(() => reading.output.transactions.length === 2);
    await xa('INSERT INTO plain (id) VALUES (901)');
    expect(await reading.failed).toMatchObject({
      code: 'source.unsupported',
      remedy: expect.stringContaining('gtid_mode'),
    });
  });
});

describe('MariaDB alone', async () => {
  const { missing, scene } = await mysqlScenes('mariadb', ['--binlog-ignore-db=silent']);

  test.skipIf(missing)('invariant 5: a database that the log leaves out is refused', async () => {
    const { client, options } = await scene(['plain'], MYSQL_DDL);
    await client.query('CREATE DATABASE silent; CREATE TABLE silent.t (id int PRIMARY KEY)');
    const silent = { ...options, tables: ['silent.t'] };
    await expect(readMysql(silent).failed).resolves.toMatchObject({
      code: 'source.not_ready',
      message: expect.stringContaining('silent'),
    });
    expect((await checkSource(silent)).map(({ message }) => message).join()).toContain('left out of the binary log');
  });

  test.skipIf(missing)('several domains are gone on from, each at its place', async () => {
    const { client, options } = await scene(['plain'], MYSQL_DDL);
    const follower = new MysqlFollower(options);
    await follower.run(() => follower.transactions.length === 1);
    for (let id = 901; id <= 908; id++)
      await client.query(
        `SET SESSION gtid_domain_id = ${id % 3}; INSERT INTO plain (id) VALUES (${id}); FLUSH BINARY LOGS`,
      );
    for (let count = 2; count <= 9; count++) await follower.run(() => follower.transactions.length >= count);
    expect(follower.transactions.slice(1).flatMap(({ rows }) => rows.map(({ after }) => after?.id))).toEqual([
      '901',
      '902',
      '903',
      '904',
      '905',
      '906',
      '907',
      '908',
    ]);
    expect(String(follower.position?.gtid).split(',')).toHaveLength(3);
  });
});
