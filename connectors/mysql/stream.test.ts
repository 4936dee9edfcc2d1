/** Rows, transactions and positions of the stream, on real servers. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { classOf } from '../../src/contracts/errors.ts';
import type { Position } from '../../src/contracts/source.ts';
import { type MysqlReading, mysqlScenes, openClient, readMysql } from '../../test/support/mysql-source.ts';

describe.each(['mysql', 'mariadb'] as const)('stream of %s', async (flavor) => {
  const { missing, scene } = await mysqlScenes(flavor);
  const rowTexts = ({ output }: MysqlReading) =>
    output
      .rows()
      .filter(({ op }) => op !== 'r')
      .map(
        ({ table, op, before, after }) =>
          `${table.split('.')[1]} ${op} ${JSON.stringify(before)} ${JSON.stringify(after)}`,
      );

  test.skipIf(missing)('rows as they were changed; a changed key is a delete and an insert', async () => {
    const { client, options } = await scene(
      ['a'],
      'CREATE TABLE a (id int, k char(3), v int, PRIMARY KEY (k, id)); INSERT INTO a VALUES (0, "x", 0)',
    );
    const reading = readMysql(options);
    await reading.until(() => reading.output.transactions.length === 1);
    await client.query(`INSERT INTO a VALUES (1, 'A', 1), (2, 'b', NULL); UPDATE a SET v = 9 WHERE id = 2;
      UPDATE a SET k = 'a' WHERE id = 1; DELETE FROM a WHERE id = 2; UPDATE a SET v = v`);
    await reading.until(() => reading.output.transactions.length === 5);
    expect(rowTexts(reading)).toEqual([
      'a c null {"id":"1","k":"A","v":"1"}',
      'a c null {"id":"2","k":"b","v":null}',
      'a u {"id":"2","k":"b","v":null} {"id":"2","k":"b","v":"9"}',
      'a d {"id":"1","k":"A","v":"1"} null',
      'a c null {"id":"1","k":"a","v":"1"}',
      'a d {"id":"2","k":"b","v":"9"} null',
    ]);
    const keys = reading.output.schemas[0]!.columns.map(({ name, keyOrdinal }) => [name, keyOrdinal]);
    expect(keys).toEqual([
      ['id', 2],
      ['k', 1],
      ['v', undefined],
    ]);
  });

  test.skipIf(missing)(
    'transactions whole, with savepoints undone; statements, other tables and views are passed over',
    async () => {
      const { client, options } = await scene(
        ['a'],
        'CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)',
      );
      const reading = readMysql(options);
      await reading.until(() => reading.output.transactions.length === 1);
      await client.query(`BEGIN; INSERT INTO a VALUES (1); SAVEPOINT s; INSERT INTO a VALUES (2); ROLLBACK TO s; INSERT INTO b VALUES (1);
      INSERT INTO a VALUES (3); COMMIT; INSERT INTO b VALUES (5); BEGIN; INSERT INTO a VALUES (7); ROLLBACK;
      CREATE VIEW va AS SELECT * FROM a; CREATE TABLE c AS SELECT * FROM a; DROP TABLE c; DROP VIEW va;
      CREATE TEMPORARY TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (77); DROP TEMPORARY TABLE a;
      CREATE PROCEDURE p() BEGIN INSERT INTO a VALUES (4); INSERT INTO a VALUES (5); END; CALL p(); GRANT SELECT ON *.* TO CURRENT_USER();
      ANALYZE TABLE a; CREATE TRIGGER tr BEFORE INSERT ON b FOR EACH ROW INSERT INTO a VALUES (NEW.id + 100); INSERT INTO b VALUES (9)`);
      await reading.until(() => reading.output.rows().some(({ after }) => after?.id === '109'));
      const groups = reading.output.transactions.slice(1).map(({ rows }) => rows.map(({ after }) => after?.id));
      expect(groups).toEqual([['1', '3'], ['4'], ['5'], ['109']]);
      const times = reading.output.transactions.map(({ timeUs }) => Math.abs(timeUs / 1_000 - Date.now()));
      expect(Math.max(...times)).toBeLessThan(60_000);
    },
  );

  test.skipIf(missing)('truncate is a marker in its place; columns follow ALTER TABLE at the position', async () => {
    const { client, options } = await scene(['a'], 'CREATE TABLE a (id int PRIMARY KEY, v int)');
    const reading = readMysql(options);
    await reading.until(() => reading.output.transactions.length === 1);
    const setting = flavor === 'mariadb' ? 'SET STATEMENT lock_wait_timeout = (1 + 8) FOR' : '';
    await client.query(`INSERT INTO a VALUES (1, 1); TRUNCATE TABLE a; INSERT INTO a VALUES (2, 2);
      ALTER TABLE a ADD COLUMN w varchar(10) DEFAULT 'd' FIRST, CHANGE v x bigint; INSERT INTO a VALUES ('w', 3, 3);
      ALTER TABLE a DROP COLUMN x; INSERT INTO a VALUES ('q', 4); CREATE INDEX i ON a (w); ${setting} TRUNCATE a; INSERT INTO a VALUES ('z', 5)`);
    await reading.until(() => reading.output.rows().some(({ after }) => after?.id === '5'));
    const seen = reading.output.transactions
      .slice(1)
      .flatMap(({ rows, markers }) => [
        ...markers.map((text) => text.split(' ')[0]),
        ...rows.map(({ after }) => JSON.stringify(after)),
      ]);
    expect(seen).toEqual([
      '{"id":"1","v":"1"}',
      'truncate',
      '{"id":"2","v":"2"}',
      '{"w":"w","id":"3","x":"3"}',
      '{"w":"q","id":"4"}',
      'truncate',
      '{"w":"z","id":"5"}',
    ]);
  });

  test.skipIf(missing)(
    'invariant 4: each position goes on exactly behind its transaction',
    { timeout: 180_000 },
    async () => {
      const { client, options } = await scene(['a'], 'CREATE TABLE a (id int PRIMARY KEY, v text)');
      const first = readMysql(options);
      await first.until(() => first.output.transactions.length === 1);
      const start = first.output.lastPosition!;
      for (let i = 0; i < 6; i++) {
        await client.query(`BEGIN; INSERT INTO a VALUES (${i}, 'x'); UPDATE a SET v = 'y${i}'; COMMIT`);
        if (i % 2 === 1) await client.query('FLUSH BINARY LOGS');
      }
      await first.until(() => first.output.transactions.length === 7);
      await first.stop();
      const positions: Position[] = [start, ...first.output.transactions.slice(1).map(({ resume }) => resume!)];
      const whole = rowTexts(first);
      for (const [i, position] of positions.entries()) {
        const again = readMysql(options, structuredClone(position));
        await again.until(() => again.output.transactions.length === 6 - i);
        await again.stop();
        const skipped = first.output.transactions.slice(1, i + 1).reduce((sum, { rows }) => sum + rows.length, 0);
        expect(rowTexts(again)).toEqual(whole.slice(skipped));
      }
    },
  );

  test.skipIf(missing)('what is larger than a packet and what comes in many events', { timeout: 180_000 }, async () => {
    const { client, connect, options } = await scene(['a'], 'CREATE TABLE a (id int PRIMARY KEY, v longblob)');
    await client.query('SET GLOBAL max_allowed_packet = 1073741824');
    const large = await connect();
    const reading = readMysql(options);
    await reading.until(() => reading.output.transactions.length === 1);
    // Status byte, event header, rows header, bits, id, length, checksum.
    const around = flavor === 'mysql' ? 45 : 43;
    const full = 2 ** 24 - 1 - around;
    const big = [full - 1, full, full + 1];
    for (const [i, bytes] of big.entries()) await large.query(`INSERT INTO a VALUES (${i}, repeat('x', ${bytes}))`);
    await client.query(
      `INSERT INTO a SELECT 100 + seq, NULL FROM (WITH RECURSIVE n AS (SELECT 0 AS seq UNION ALL SELECT seq + 1 FROM n WHERE seq < 999) SELECT * FROM n) t`,
    );
    await reading.until(() => reading.output.transactions.length === 5);
    const lengths = reading.output.rows().map(({ after }) => after?.v?.length ?? 0);
    expect(lengths.slice(0, 3)).toEqual(big.map((bytes) => Math.ceil(bytes / 3) * 4));
    expect(reading.output.rows()).toHaveLength(1003);
  });

  test.skipIf(missing)('compressed transactions and rows are opened', { timeout: 180_000 }, async () => {
    const { client, options } = await scene(
      ['a'],
      'CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (0, "0")',
    );
    const reading = readMysql(options);
    await reading.until(() => reading.output.transactions.length === 1);
    if (flavor === 'mysql') await client.query('SET SESSION binlog_transaction_compression = ON');
    else await client.query('SET GLOBAL log_bin_compress = ON; SET GLOBAL log_bin_compress_min_len = 10');
    await client.query(`BEGIN; INSERT INTO a VALUES (1, repeat('compress me ', 1000)), (2, repeat('too', 20000)); UPDATE a SET v = concat(v, '!');
      DELETE FROM a WHERE id = 2; COMMIT; INSERT INTO a VALUES (3, repeat('again', 500)); ALTER TABLE a COMMENT 'a long enough comment to be compressed'`);
    await client.query(
      flavor === 'mysql' ? 'SET SESSION binlog_transaction_compression = OFF' : 'SET GLOBAL log_bin_compress = OFF',
    );
    await client.query('INSERT INTO a VALUES (4, "plain")');
    await reading.until(() => reading.output.rows().some(({ after }) => after?.id === '4'));
    const seen = reading.output.transactions
      .slice(1)
      .map(({ rows }) =>
        rows.map(({ op, after, before }) => `${op}${(after ?? before)?.id}:${(after ?? before)?.v?.length}`),
      );
    expect(seen).toEqual([['c1:12000', 'c2:60000', 'u0:2', 'u1:12001', 'u2:60001', 'd2:60001'], ['c3:2500'], ['c4:5']]);
  });

  test.skipIf(missing)('without checksums, and with them again', async () => {
    const { client, options } = await scene(['a'], 'CREATE TABLE a (id int PRIMARY KEY)');
    const reading = readMysql(options);
    await reading.until(() => reading.output.transactions.length === 1);
    await client.query(
      'INSERT INTO a VALUES (1); SET GLOBAL binlog_checksum = NONE; INSERT INTO a VALUES (2); SET GLOBAL binlog_checksum = CRC32; INSERT INTO a VALUES (3)',
    );
    await reading.until(() => reading.output.transactions.length === 4);
    expect(reading.output.rows().map(({ after }) => after?.id)).toEqual(['1', '2', '3']);
  });

  test.skipIf(missing)(
    'invariant 9: without names of columns, statements in character sets of their clients',
    async () => {
      const made = await scene(
        ['a', 'größe'],
        `SET GLOBAL binlog_row_metadata = MINIMAL; CREATE TABLE a (id int PRIMARY KEY, v text, j json); INSERT INTO a (id) VALUES (0); CREATE TABLE \`größe\` (id int PRIMARY KEY)`,
      );
      onTestFinished(async () => {
        await made.client.query('SET GLOBAL binlog_row_metadata = FULL');
      });
      const reading = readMysql(made.options);
      await reading.until(() => reading.output.transactions.length === 1);
      const latin1 = await openClient(made.server.url, 'LATIN1_SWEDISH_CI');
      const sjis = await openClient(made.server.url, 'SJIS_JAPANESE_CI');
      for (const client of [latin1, sjis]) await client.query(`USE ${made.database}`);
      await latin1.query(
        "ALTER TABLE a DROP j, ADD `größe` int, ADD e enum('ü', 'ß'); INSERT INTO a VALUES (1, 'ä', 2, 'ß')",
      );
      // Bytes of these are those of a quote and of a backslash elsewhere.
      await sjis.query("ALTER TABLE a ADD `チ表` int FIRST, COMMENT 'ソ'; INSERT INTO a VALUES (5, 2, 'ソ', 3, NULL)");
      await reading.until(() => reading.output.rows().some(({ after }) => after?.id === '2'));
      const rows = reading.output.rows().filter(({ op }) => op === 'c');
      expect(rows.map(({ after }) => ({ ...after }))).toEqual([
        { id: '1', v: 'ä', größe: '2', e: 'ß' },
        { チ表: '5', id: '2', v: 'ソ', größe: '3', e: null },
      ]);
      await latin1.query('RENAME TABLE `größe` TO x; INSERT INTO a (id) VALUES (3)');
      expect(classOf(await reading.failed)).toBe('gap');
      for (const client of [latin1, sjis]) client.destroy();
    },
  );
});
