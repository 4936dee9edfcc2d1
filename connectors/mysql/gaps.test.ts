/** What is lost or cannot be read stops the source, before a position is given that lies behind it. */
import type { RowDataPacket } from 'mysql2/promise';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { classOf } from '../../src/contracts/errors.ts';
import { sampledFlavors } from '../../test/support/mysql-flavors.ts';
import { type MysqlScene, mysqlScenes, openClient, readMysql } from '../../test/support/mysql-source.ts';
import { checkSource } from './source-check.ts';

const BASE =
  'CREATE TABLE a (id int PRIMARY KEY, v text, j json); INSERT INTO a VALUES (0, repeat("v", 100), \'{"k": "long enough to be changed in part, long enough to be changed in part"}\')';

describe.each(sampledFlavors(3))('gaps of %s', async (flavor) => {
  const { missing, scene } = await mysqlScenes(flavor);

  /** Statements of a session of its own, after which the stream must stop in front of them. */
  async function stops(made: MysqlScene, sql: string, then: 'gap' | 'environment' = 'gap') {
    const reading = readMysql(made.options);
    await reading.until(() => reading.output.transactions.length === made.options.tables.length);
    const session = await openClient(made.server.url);
    await session.query(`USE ${made.database}; INSERT INTO a (id) VALUES (1)`);
    await reading.until(() => reading.output.transactions.length === made.options.tables.length + 1);
    await session.query(`${sql}; INSERT INTO a (id) VALUES (2)`).finally(() => session.destroy());
    // Who goes on is seen by what comes behind.
    const passed = reading.output.until(() => reading.output.rows().some(({ after }) => after?.id === '2'));
    const error = await Promise.race([reading.failed, passed.then(() => new Error('the reader went on'))]);
    expect(classOf(error)).toBe('gap');
    // Nothing behind it was delivered, no position given; it does so again from where it stands.
    expect(reading.output.rows().map(({ after }) => after?.id)).not.toContain('2');
    const { lastPosition } = reading.output;
    const again = readMysql(made.options, lastPosition);
    expect(classOf(await again.failed)).toBe(then);
    expect(again.output.rows()).toEqual([]);
    return error as Error;
  }

  test.skipIf(missing).each([
    [
      'invariant 5: a statement in place of rows',
      "SET SESSION binlog_format = STATEMENT; UPDATE a SET v = 'x'; SET SESSION binlog_format = ROW",
    ],
    [
      'invariant 5: rows without all columns',
      "SET SESSION binlog_row_image = MINIMAL; UPDATE a SET v = 'x'; SET SESSION binlog_row_image = FULL",
    ],
    ['invariant 5: a dropped table', 'DROP TABLE a; CREATE TABLE a (id int PRIMARY KEY, v text)'],
    ['invariant 5: a renamed table', 'RENAME TABLE a TO b, b TO a'],
    [
      'invariant 5: a table that makes way for another',
      'CREATE TABLE b LIKE a; ALTER TABLE a RENAME TO c; ALTER TABLE b RENAME AS a',
    ],
  ])('%s', async (_, sql) => {
    await stops(await scene(['a'], BASE), sql);
  });

  test.skipIf(missing)('invariant 5: rows that went with their partition', async () => {
    const made = await scene(
      ['a'],
      `CREATE TABLE a (id int PRIMARY KEY, v text) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (1), PARTITION p1 VALUES LESS THAN MAXVALUE);
      INSERT INTO a VALUES (0, 'x')`,
    );
    await stops(made, 'ALTER TABLE a DROP PARTITION p0');
    const other = await scene(
      ['a'],
      `CREATE TABLE a (id int PRIMARY KEY, v text) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (1), PARTITION p1 VALUES LESS THAN MAXVALUE)`,
    );
    await stops(other, 'ALTER TABLE a TRUNCATE PARTITION p0');
  });

  test.skipIf(missing)('virtual columns are streamed, or refused where updates leave them out', async () => {
    const made = await scene(['v'], 'CREATE TABLE v (id int PRIMARY KEY, d int AS (id * 2) VIRTUAL)');
    const problems = (await checkSource(made.options)).filter(({ level }) => level === 'problem');
    const [, major = 0, minor = 0] = (/MariaDB (\d+)\.(\d+)/.exec(made.server.name) ?? []).map(Number);
    if (major * 100 + minor >= 1108) {
      expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining('.d is a virtual column')]);
      return;
    }
    expect(problems).toEqual([]);
    const reading = readMysql(made.options);
    await reading.until(() => reading.output.transactions.length === 1);
    await made.client.query('INSERT INTO v (id) VALUES (1); UPDATE v SET id = 2; DELETE FROM v');
    await reading.until(() => reading.output.rows().length === 4);
    expect(reading.output.rows().map(({ op, before, after }) => `${op}${(after ?? before)?.d}`)).toEqual([
      'c2',
      'd2',
      'c4',
      'd4',
    ]);
  });

  test.skipIf(missing)('a second reader with the same server id: the one that is thrown out says so', async () => {
    const made = await scene(['a'], BASE, { config: { server_id: 4_000_000_077 } });
    const first = readMysql(made.options);
    await first.until(() => first.output.transactions.length === 1);
    await made.client.query('INSERT INTO a (id) VALUES (1)');
    await first.until(() => first.output.transactions.length === 2);
    const second = readMysql(made.options, first.output.lastPosition);
    const error = await first.failed;
    expect(error).toMatchObject({ code: 'source.not_ready', remedy: expect.stringContaining('`server_id`') });
    // The other one loses nothing.
    await made.client.query('INSERT INTO a (id) VALUES (2)');
    await second.until(() => second.output.rows().some(({ after }) => after?.id === '2'));
  });

  test.skipIf(missing || flavor !== 'mysql')('invariant 5: JSON changed in part without its value before', async () => {
    const made = await scene(['a'], BASE);
    await stops(
      made,
      "SET SESSION binlog_row_value_options = PARTIAL_JSON, binlog_row_image = MINIMAL; UPDATE a SET j = JSON_SET(j, '$.k', 'short') WHERE id = 0; SET SESSION binlog_row_value_options = '', binlog_row_image = FULL",
    );
  });

  test.skipIf(missing)('invariant 5: a lost primary key, which the next start refuses', async () => {
    const made = await scene(['a'], BASE);
    await stops(made, 'ALTER TABLE a DROP PRIMARY KEY; UPDATE a SET v = 1', 'environment');
  });

  test.skipIf(missing)('invariant 5: names of columns that are not written any more', async () => {
    const made = await scene(['a'], BASE);
    onTestFinished(async () => {
      await made.client.query('SET GLOBAL binlog_row_metadata = FULL');
    });
    await stops(made, "SET GLOBAL binlog_row_metadata = MINIMAL; UPDATE a SET v = 'x'", 'gap');
  });

  test.skipIf(missing)('invariant 5: without names of columns, a statement that is not understood', async () => {
    const made = await scene(['a'], `SET GLOBAL binlog_row_metadata = MINIMAL; ${BASE}`);
    onTestFinished(async () => {
      await made.client.query('SET GLOBAL binlog_row_metadata = FULL');
    });
    // What the escapes in labels mean depends on settings.
    const error = await stops(made, "ALTER TABLE a ADD e enum('x\\'y') FIRST; UPDATE a SET v = 'x'", 'gap');
    expect(error.message).toContain('binlog_row_metadata');
    const { level, remedy } = (await checkSource(made.options)).find(({ message }) => message.includes('MINIMAL'))!;
    expect([level, remedy]).toEqual(['warning', expect.stringContaining('binlog_row_metadata = FULL;')]);
  });

  test.skipIf(missing)('a migration by pt-online-schema-change or gh-ost is followed', async () => {
    const { client, options } = await scene(['a'], BASE);
    const reading = readMysql(options);
    await reading.until(() => reading.output.transactions.length === 1);
    await client.query(`CREATE TABLE _a_new LIKE a; ALTER TABLE _a_new ADD COLUMN n int DEFAULT 7; INSERT INTO _a_new (id, v, j) SELECT * FROM a;
      RENAME TABLE a TO _a_old, _a_new TO a; INSERT INTO a VALUES (1, 'one', NULL, 8);
      CREATE TABLE _a_gho LIKE a; ALTER TABLE _a_gho DROP COLUMN j; INSERT INTO _a_gho (id, v, n) SELECT id, v, n FROM a;
      RENAME TABLE a TO _a_del, _a_gho TO a; INSERT INTO a VALUES (2, 'two', 9)`);
    await reading.until(() => reading.output.rows().some(({ after }) => after?.id === '2'));
    const rows = reading.output
      .rows()
      .slice(1)
      .map(({ op, after }) => [op, { ...after }]);
    expect(rows).toEqual([
      ['c', { id: '1', v: 'one', j: null, n: '8' }],
      ['c', { id: '2', v: 'two', n: '9' }],
    ]);
  });

  test.skipIf(missing)('invariant 5: binary logs that were removed', { timeout: 180_000 }, async () => {
    const { client, options } = await scene(['a'], BASE);
    const reading = readMysql(options);
    await reading.until(() => reading.output.transactions.length === 1);
    await reading.stop();
    await client.query(
      'INSERT INTO a (id) VALUES (7); FLUSH BINARY LOGS; INSERT INTO a (id) VALUES (8); FLUSH BINARY LOGS; FLUSH BINARY LOGS',
    );
    const names = async () => {
      const [files] = await client.query<RowDataPacket[]>('SHOW BINARY LOGS');
      return files.map(({ Log_name }) => String(Log_name));
    };
    const last = (await names()).at(-1)!;
    // The server keeps what a reader that has just gone may still read.
    await vi.waitUntil(
      async () => {
        await client.query(`PURGE BINARY LOGS TO '${last}'`);
        return (await names())[0] === last;
      },
      { timeout: 120_000, interval: 100 },
    );
    const again = readMysql(options, reading.output.lastPosition);
    expect(await again.failed).toMatchObject({ code: 'source.gap', message: expect.stringMatching(/remove/) });
    expect(again.output.transactions).toEqual([]);
  });

  test.skipIf(missing)('invariant 11: a log that was begun anew, with the same numbers', async () => {
    const { client, options, server } = await scene(['a'], BASE);
    const reset = flavor === 'mysql' ? 'RESET BINARY LOGS AND GTIDS' : 'RESET MASTER';
    await client.query(reset);
    await client.query('INSERT INTO a (id) VALUES (1)');
    const reading = readMysql(options);
    await reading.until(() => reading.output.transactions.length === 1);
    await client.query('INSERT INTO a (id) VALUES (2)');
    await reading.until(() => reading.output.transactions.length === 2);
    await reading.stop();
    // Files are told apart by the second in which they were begun.
    await new Promise((wake) => setTimeout(wake, 1_100));
    await client.query(`${reset}; DELETE FROM a`);
    for (let id = 1; id < 5; id++) await client.query(`INSERT INTO a (id) VALUES (${id})`);
    const again = readMysql(options, reading.output.lastPosition);
    const passed = again.output.until(() => again.output.transactions.length > 0);
    const ended = await Promise.race([again.failed, passed.then(() => new Error('the reader went on'))]);
    expect(ended).toMatchObject({ code: 'source.gap', message: expect.stringMatching(/RESET|anew/) });
    // And with fewer of them.
    await client.query(reset);
    const third = readMysql(options, reading.output.lastPosition);
    expect(await third.failed).toMatchObject({ code: 'source.gap' });
    expect(server.own).toBe(true);
  });

  test.skipIf(missing)('the check names what is missing, with the statement that mends it', async () => {
    const made = await scene(
      ['a', 'nokey', 'v', 'gone', 'old'],
      `${BASE}; CREATE TABLE nokey (id int); CREATE VIEW v AS SELECT * FROM a;
      CREATE TABLE old (id int PRIMARY KEY) ENGINE = MyISAM; CREATE TABLE child (id int PRIMARY KEY, p int, FOREIGN KEY f (p) REFERENCES a (id) ON DELETE CASCADE);
      CREATE TABLE A2 (id int PRIMARY KEY)`,
    );
    await made.client.query(
      `DROP USER IF EXISTS poor; CREATE USER poor IDENTIFIED BY 'pw'; GRANT SELECT ON ${made.database}.a TO poor`,
    );
    const problems = async (url: string, tables = made.options.tables) =>
      (await checkSource({ ...made.options, tables, config: { ...made.options.config, url } })).filter(
        ({ level }) => level !== 'ok',
      );
    const root = await problems(made.server.url);
    expect(root.map(({ message }) => message)).toEqual([
      expect.stringContaining('sync_binlog is 0'),
      expect.stringContaining('nokey has no primary key'),
      expect.stringContaining('v is no table'),
      expect.stringContaining('v has no primary key'),
      expect.stringContaining('gone does not exist'),
      expect.stringContaining('MyISAM'),
    ]);
    expect(root.every(({ remedy }) => remedy !== undefined)).toBe(true);
    const poor = await problems(`mysql://poor:pw@127.0.0.1:${made.server.port}/`, [`${made.database}.a`]);
    const remedies = poor.map(({ remedy }) => remedy).join('\n');
    expect(remedies).toContain("GRANT REPLICATION SLAVE ON *.* TO 'poor'@'%';");
    expect(remedies).toContain(
      `GRANT ${flavor === 'mysql' ? 'REPLICATION CLIENT' : 'BINLOG MONITOR'} ON *.* TO 'poor'@'%';`,
    );
    const [auth] = await problems(`mysql://poor:wrong@127.0.0.1:${made.server.port}/`);
    expect(auth).toMatchObject({ level: 'problem', code: 'source.auth' });
    const [unreachable] = await problems('mysql://root@127.0.0.1:1/');
    expect(unreachable).toMatchObject({ level: 'problem', code: 'source.unreachable' });
  });

  test.skipIf(missing)(
    'invariant 5: rows that a foreign key deletes are in the log, or the table is refused',
    async () => {
      const made = await scene(
        ['child'],
        `${BASE}; CREATE TABLE child (id int PRIMARY KEY, p int, CONSTRAINT f FOREIGN KEY (p) REFERENCES a (id) ON DELETE CASCADE);
       INSERT INTO child VALUES (1, 0)`,
      );
      const found = (await checkSource(made.options)).filter(({ message }) => message.includes('foreign key f'));
      if (flavor === 'mariadb') {
        expect(found.map(({ level }) => level)).toEqual(['problem']);
        expect(await readMysql(made.options).failed).toMatchObject({ code: 'source.not_ready' });
      } else expect(found).toEqual([]);
      const config = { ...made.options.config, unlogged_cascades: 'ignore' as const };
      const reading = readMysql({ ...made.options, config });
      await reading.until(() => reading.output.transactions.length === 1);
      await made.client.query(
        `USE ${made.database}; DELETE FROM a; INSERT INTO a (id) VALUES (9); INSERT INTO child VALUES (2, 9)`,
      );
      await reading.until(() => reading.output.rows().some(({ after }) => after?.id === '2'));
      const deleted = reading.output.rows().filter(({ op }) => op === 'd');
      expect(deleted.map(({ before }) => before?.id)).toEqual(flavor === 'mariadb' ? [] : ['1']);
    },
  );

  test.skipIf(missing)('settings that do not tell all are refused before anything is read', async () => {
    const { client, options } = await scene(['a'], BASE);
    for (const [name, bad, good] of [
      ['binlog_format', 'MIXED', 'ROW'],
      ['binlog_row_image', 'MINIMAL', 'FULL'],
      ...(flavor === 'mariadb' ? ([['binlog_row_metadata', 'NO_LOG', 'FULL']] as const) : []),
    ] as const) {
      await client.query(`SET GLOBAL ${name} = ${bad}`);
      try {
        const error = await readMysql(options).failed;
        expect(error).toMatchObject({
          code: 'source.not_ready',
          message: expect.stringContaining(name),
          remedy: expect.stringContaining(`${name} = ${good};`),
        });
        expect((await checkSource(options)).map(({ message }) => message).join()).toContain(name);
      } finally {
        await client.query(`SET GLOBAL ${name} = ${good}`);
      }
    }
  });
});
