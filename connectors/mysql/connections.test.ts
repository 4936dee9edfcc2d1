/** How the source comes in: TLS, and the servers' ways to log in. */
import { describe, expect, test } from 'vitest';
import { mysqlScenes, readMysql } from '../../test/support/mysql-source.ts';
import { SqlSession } from './connections.ts';

interface Row {
  readonly Value: string;
}

const GRANTS = {
  mysql: 'REPLICATION SLAVE, REPLICATION CLIENT',
  mariadb: 'REPLICATION SLAVE, BINLOG MONITOR',
} as const;

describe.each(['mysql', 'mariadb'] as const)('connections to %s', async (flavor) => {
  const { missing, scene } = await mysqlScenes(flavor);

  test.skipIf(missing)('a password with signs, over TLS where the server has it', async () => {
    const made = await scene(['t'], 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
    const user = `in_${made.database}`;
    await made.client.query(
      `CREATE USER ${user}@'%' IDENTIFIED BY 'p@:/ ü'; GRANT ${GRANTS[flavor]} ON *.* TO ${user}@'%'; GRANT SELECT ON ${made.database}.* TO ${user}@'%'`,
    );
    const [[{ Value: tls } = {}]] = (await made.client.query("SHOW VARIABLES LIKE 'have_ssl'")) as unknown as [Row[]];
    // MySQL has lost the variable; of MariaDB only 11.4 and later make certificates for themselves.
    const hasTls = flavor === 'mysql' || tls === 'YES';
    const plain = made.server.url.replace('root@', `${user}:${encodeURIComponent('p@:/ ü')}@`);
    for (const url of [plain, `${plain}?ssl-mode=REQUIRED`]) {
      const sql = new SqlSession(url);
      const asked = sql.rows<Row>("SHOW SESSION STATUS LIKE 'Ssl_cipher'");
      if (!hasTls && url !== plain) {
        // It is not gone on without TLS.
        await expect(asked).rejects.toMatchObject({
          code: 'source.not_ready',
          remedy: expect.stringContaining('ssl-mode'),
        });
        continue;
      }
      expect((await asked)[0]!.Value !== '').toBe(url !== plain);
      await sql.close();
      const reading = readMysql({ ...made.options, config: { ...made.options.config, url } });
      await reading.until(() => reading.output.transactions.length === 1);
      await made.client.query('UPDATE t SET id = id + 1');
      await reading.until(() => reading.output.rows().length === 3);
      await reading.stop();
    }
  });

  test.skipIf(missing || flavor !== 'mysql')('a certificate that nobody known has signed is refused', async () => {
    const made = await scene(['t'], 'CREATE TABLE t (id int PRIMARY KEY)');
    const sql = new SqlSession(`${made.server.url}?ssl-mode=VERIFY_CA`);
    await expect(sql.rows('SELECT 1')).rejects.toMatchObject({
      code: 'source.not_ready',
      remedy: expect.stringContaining('ssl-ca'),
    });
  });

  test.skipIf(missing || flavor !== 'mysql')(
    'invariant 9: a primary key that the server made, and cannot be seen',
    async () => {
      const made = await scene(
        ['g'],
        'SET SESSION sql_generate_invisible_primary_key = ON; CREATE TABLE g (v int, w int INVISIBLE); INSERT INTO g (v, w) VALUES (1, 2)',
      );
      const reading = readMysql(made.options);
      await reading.until(() => reading.output.transactions.length === 1);
      await made.client.query('UPDATE g SET v = v');
      await made.client.query('INSERT INTO g (v, w) VALUES (1, 2)');
      await reading.until(() => reading.output.transactions.length === 2);
      const [read, streamed] = reading.output.rows().map(({ after }) => after);
      expect([read, streamed]).toEqual([
        { my_row_id: '1', v: '1', w: '2' },
        { my_row_id: '2', v: '1', w: '2' },
      ]);
      expect(reading.output.schemas).toHaveLength(1);
    },
  );
});
