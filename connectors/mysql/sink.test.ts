import { randomUUID } from 'node:crypto';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startMysql } from '../../demo/servers/mysql.ts';
import type { SinkManifest } from '../../src/contracts/plugin.ts';
import type { OpenSink } from '../../src/contracts/sink.ts';
import { sinkAcceptance, sourceAcceptance } from '../../src/testkit/index.ts';
import { mysqlSinkDriver } from '../../test/acceptance/connectors/mysql.driver.ts';
import { mysqlSourceDriver } from '../../test/acceptance/connectors/mysql-source.driver.ts';
import { acceptanceTests } from '../../test/acceptance/run-kit.ts';
import { batch, change, openOptions, table } from '../../test/support/changes.ts';
import { apply, insert, rows, run, SHOP, session } from '../../test/support/last-value-target.ts';
import { mysqlRebuildTest } from '../../test/support/mysql-rebuild.ts';
import { openClient } from '../../test/support/mysql-source.ts';
import { needServer } from '../../test/support/need-server.ts';
import { schemaChangesSuite } from '../../test/support/schema-changes-suite.ts';
import { sqlConstraintsSuite } from '../../test/support/sql-constraints-suite.ts';
import { lostAnswersTest } from '../../test/support/sql-lost-answers.ts';
import { sqlModesSuite } from '../../test/support/sql-modes-suite.ts';
import { sqlSinkSuite } from '../../test/support/sql-sink-suite.ts';
import { byJson } from '../../test/support/table-model.ts';
import { transactionalSuite, type WatchedTarget } from '../../test/support/transactional-suite.ts';
import { sink, source } from './index.ts';
import { inspectSink } from './inspect-sink.ts';
import { quoteName } from './names.ts';
import { openSink } from './sink.ts';
import { sinkConfig } from './sink-config.ts';

const never = new AbortController().signal;

for (const flavor of ['mysql', 'mariadb'] as const) {
  const server = await needServer(flavor, () => startMysql({ flavor }));

  describe.skipIf(server === null)(`${flavor} sink`, () => {
    describe('passes the acceptance kit', () => {
      const driver = mysqlSinkDriver(() => server!);
      acceptanceTests(sinkAcceptance(sink, driver), { cases: 4 });
    });
    describe('passes the acceptance kit as a source', () => {
      const driver = mysqlSourceDriver(() => server!);
      acceptanceTests(sourceAcceptance(source, driver), { cases: 1 });
    });
    let client: Connection;
    beforeAll(async () => {
      console.log(`${flavor}: ${server!.name}`);
      client = await openClient(server!.url);
    });
    afterAll(async () => {
      client.destroy();
      await server!.stop();
    });

    /** A database of its own. */
    async function newTarget(settings: object = {}): Promise<WatchedTarget> {
      const database = `t${randomUUID().replaceAll('-', '')}`;
      await client.query(`CREATE DATABASE ${database}`);
      const quoted = (name: string) => `${database}.${quoteName(name)}`;
      const config = sinkConfig.parse({ url: `${server!.url}${database}`, ...settings });
      return {
        quoted,
        job: { type: 'mysql', config: { url: `${server!.url}${database}` } },
        open: (options) => openSink({ ...options, config }),
        openAs: (more, options) =>
          openSink({
            ...options,
            config: sinkConfig.parse({ url: `${server!.url}${database}`, ...settings, ...more }),
          }),
        inspect: (options) => inspectSink({ ...options, config }),
        async exec(sql) {
          // A TEXT cannot be a key here.
          await client.query(sql.replace('id text PRIMARY KEY', 'id varchar(255) PRIMARY KEY'));
        },
        async numbers(sql) {
          try {
            const [rows] = await client.query<RowDataPacket[]>(sql);
            return rows.flatMap(({ n }) => (n === null ? [] : [Number(n)]));
          } catch (error) {
            if ((error as { code?: string }).code === 'ER_NO_SUCH_TABLE') return null;
            throw error;
          }
        },
        async rows(name, columns) {
          const list = columns.map((column) => `CAST(${quoteName(column)} AS char) AS ${quoteName(column)}`);
          const [rows] = await client.query<RowDataPacket[]>(`SELECT ${list.join(', ')} FROM ${quoted(name)}`);
          return rows.map((row) => columns.map((column) => row[column] as string | null)).sort(byJson);
        },
      };
    }

    sqlSinkSuite(newTarget, { refusesOtherUnique: true });
    sqlModesSuite(newTarget);
    sqlConstraintsSuite(newTarget);
    schemaChangesSuite(newTarget, { hasTypes: true });
    transactionalSuite(newTarget, flavor === 'mysql' ? 2 : 3);
    lostAnswersTest(sink, newTarget);
    describe('built beside itself', () => mysqlRebuildTest(sink as unknown as SinkManifest, newTarget));

    test('check names the privileges that the user lacks on the database, and judges no one who has them otherwise', async () => {
      const database = `t${randomUUID().replaceAll('-', '')}`;
      const user = database.slice(0, 30);
      await client.query(`CREATE DATABASE ${database}`);
      await client.query(`CREATE USER ${user}@'%' IDENTIFIED BY 'right'`);
      const url = String(Object.assign(new URL(`${server!.url}${database}`), { username: user, password: 'right' }));
      const problems = async () => {
        const found = await sink.check(openOptions(sink.config.parse({ url })));
        return found.filter(({ level }) => level !== 'ok').map(({ level, code, remedy }) => [level, code, remedy]);
      };
      const grantAll = 'grant SELECT, INSERT, UPDATE, DELETE, CREATE and ALTER on the database to the user of the sink';
      expect(await problems()).toEqual([['problem', 'sink.not_ready', grantAll]]);
      await client.query(`GRANT SELECT, INSERT ON ${database}.* TO ${user}@'%'`);
      const lacking = `GRANT UPDATE, DELETE, CREATE ON ${database}.* TO its user;`;
      const altering = `GRANT ALTER ON ${database}.* TO its user;`;
      expect(await problems()).toEqual([
        ['problem', undefined, lacking],
        ['warning', undefined, altering],
      ]);
      await client.query(`GRANT UPDATE, DELETE, CREATE ON ${database}.* TO ${user}@'%'`);
      expect(await problems()).toEqual([['warning', undefined, altering]]);
      await client.query(`GRANT ALTER ON ${database}.* TO ${user}@'%'`);
      expect(await problems()).toEqual([]);
      await client.query(`REVOKE UPDATE, DELETE, ALTER ON ${database}.* FROM ${user}@'%'`);
      await client.query(`CREATE TABLE ${database}.own (id int)`);
      await client.query(`GRANT UPDATE ON ${database}.own TO ${user}@'%'`);
      expect(await problems()).toEqual([]);
    });

    test('invariant 2: a table that is made in the midst of a transaction does not commit what was written before', async () => {
      const target = await newTarget();
      const other = table('other', SHOP.columns.slice(0, 2));
      const changes = [insert(1, '1', 'a', 'b'), change(other, { op: 'insert', version: 2, after: ['1', 'a'] })];
      const write = ({ sink }: OpenSink, i: number) => sink.write(batch([changes[i]!], { from: i }), never);
      await run(target, [insert(0, '0', 'a', 'b')]);
      const first = await session(target);
      await write(first, 0);
      await expect(write(first, 1)).rejects.toMatchObject({ code: 'sink.unreachable' });
      await first.sink.close();
      expect(await rows(target)).toEqual([['0', 'a', 'b']]);
      const second = await session(target);
      await write(second, 0);
      await write(second, 1);
      await second.sink.flush(never);
      await second.sink.close();
      expect(await rows(target)).toHaveLength(2);
      expect(await target.rows('other', ['id'])).toEqual([['1']]);
    });

    test('invariant 7: rows of one statement are each held against their own', async () => {
      const target = await newTarget();
      await run(
        target,
        [insert(5, '1', 'five', 'b'), insert(5, '2', 'five', 'b')],
        [insert(4, '1', 'four', 'b'), insert(6, '2', 'six', 'b')],
      );
      expect(await rows(target)).toEqual([
        ['1', 'five', 'b'],
        ['2', 'six', 'b'],
      ]);
    });

    test('invariant 9: what the server would round or cut with a warning is refused', async () => {
      const target = await newTarget();
      await target.exec(`CREATE TABLE ${target.quoted('t')} (id text PRIMARY KEY, a varchar(3), b text)`);
      const opened = await session(target);
      const rejections = await apply(opened, [
        insert(1, '1', 'abc', 'b'),
        insert(2, '2', 'ab    ', 'b'),
        insert(3, '3', 'abcd', 'b'),
      ]);
      await opened.sink.close();
      expect(rejections.map(({ record }) => record.offset)).toEqual([1n, 2n]);
      expect(await rows(target)).toEqual([['1', 'abc', 'b']]);
    });
  });
}
