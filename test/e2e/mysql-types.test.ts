/** Values across systems: PostgreSQL into MySQL and MariaDB, and those into PostgreSQL, compared as each server prints them. */
import type { RowDataPacket } from 'mysql2/promise';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startMysql } from '../../demo/servers/mysql.ts';
import { type PostgresServer, startPostgres } from '../../demo/servers/postgres.ts';
import { sampledFlavors } from '../support/mysql-flavors.ts';
import { openClient } from '../support/mysql-source.ts';
import { needServer } from '../support/need-server.ts';
import { Project, until } from '../support/project.ts';

let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres?.stop());

/** Type in PostgreSQL, value, and what MySQL prints of it. */
const INTO_MYSQL: readonly (readonly [type: string, value: string, printed: string])[] = [
  ['boolean', 'true', '1'],
  ['smallint', '-32768', '-32768'],
  ['integer', '2147483647', '2147483647'],
  ['bigint', '-9223372036854775808', '-9223372036854775808'],
  ['real', '0.1', '0.1'],
  ['double precision', '0.1', '0.1'],
  ['numeric(20,5)', '-123456789012345.12345', '-123456789012345.12345'],
  [
    'numeric',
    '1234567890123456789012345678901234567890.123456789',
    '1234567890123456789012345678901234567890.123456789',
  ],
  ['text', `it's "é😀" \\ `, `it's "é😀" \\ `],
  ['varchar(10)', 'a  ', 'a  '],
  ['char(4)', 'ab', 'ab  '],
  ['bytea', '\\x00ff27', '00FF27'],
  ['date', '2024-02-29', '2024-02-29'],
  ['time', '12:34:56.123456', '12:34:56.123456'],
  ['timestamp', '2024-02-29 12:34:56.123456', '2024-02-29 12:34:56.123456'],
  ['timestamptz', '2024-02-29 12:34:56.123456+02', '2024-02-29 10:34:56.123456'],
  ['interval', '1 year 2 days', 'P1Y2D'],
  ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['json', '{"b":  1, "a": 1.10}', '{"b":  1, "a": 1.10}'],
  ['jsonb', '{"n": 12345678901234567890}', '{"n": 12345678901234567890}'],
  ['int[]', '{1,NULL,3}', '[1,null,3]'],
  ['inet', '10.0.0.1', '10.0.0.1'],
  ['int4range', '[1,5)', '[1,5)'],
  ['bit(5)', '10101', '10101'],
];

/** Type in MySQL and MariaDB, value, and what PostgreSQL prints of it. */
const INTO_POSTGRES: readonly (readonly [type: string, value: string, printed: string])[] = [
  ['tinyint', '-128', '-128'],
  ['tinyint unsigned', '255', '255'],
  ['smallint unsigned', '65535', '65535'],
  ['mediumint', '-8388608', '-8388608'],
  ['int unsigned', '4294967295', '4294967295'],
  ['bigint', '-9223372036854775808', '-9223372036854775808'],
  ['bigint unsigned', '18446744073709551615', '18446744073709551615'],
  [
    'decimal(65,30)',
    '12345678901234567890123456789012345.123456789012345678901234567891',
    '12345678901234567890123456789012345.123456789012345678901234567891',
  ],
  ['float', '0.1', '0.1'],
  ['double', '0.1', '0.1'],
  ['year', '2024', '2024'],
  ['bit(9)', "b'100000001'", '100000001'],
  ['date', "'2024-02-29'", '2024-02-29'],
  ['time(6)', "'12:34:56.123456'", '12:34:56.123456'],
  ['datetime(6)', "'2024-02-29 12:34:56.123456'", '2024-02-29 12:34:56.123456'],
  ['timestamp(6)', "'2024-02-29 12:34:56.123456'", '2024-02-29 12:34:56.123456+00'],
  ['char(5)', "'ab '", 'ab'],
  ['varchar(20)', "'é😀 '", 'é😀 '],
  ['text', "'it''s'", "it's"],
  ['binary(3)', "X'00ff'", '\\x00ff00'],
  ['varbinary(10)', "X'00ff'", '\\x00ff'],
  ['blob', "X'27'", '\\x27'],
  ["enum('a','b')", "'b'", 'b'],
  ["set('a','b','c')", "'a,c'", 'a,c'],
  ['json', `'{"a": 12345678901234567890}'`, '{"a": 12345678901234567890}'],
  ['point', "ST_GeomFromText('POINT(1 2)')", '0101000000000000000000F03F0000000000000040'],
];

describe.each(sampledFlavors(6))('%s', async (flavor) => {
  const server = await needServer(flavor, () => startMysql({ flavor, own: true }));
  afterAll(() => server?.stop());

  test.skipIf(server === null)('takes every type of PostgreSQL, and gives its own', { timeout: 120_000 }, async () => {
    const client = await openClient(server!.url);
    onTestFinished(() => client.destroy());
    await client.query('CREATE DATABASE copy; CREATE DATABASE own CHARACTER SET utf8mb4');
    const url = await postgres.createDatabase(`types_${flavor}`);
    const database = new pg.Client(`${url}?options=-c%20timezone%3DUTC`);
    await database.connect();
    onTestFinished(() => database.end());
    const columns = INTO_MYSQL.map(([type], i) => `c${i} ${type}`).join(', ');
    await database.query(`create table items (id text primary key, ${columns})`);
    const insert = `insert into items values ($1, ${INTO_MYSQL.map(([type], i) => `$${i + 2}::text::${type}`).join(', ')})`;
    await database.query(insert, ['snapshot ', ...INTO_MYSQL.map(([, value]) => value)]);
    const there = await Project.make(
      `name: there_${flavor}\nsource:\n  type: postgres\n  url: \${PG_URL}\n  tables: [public.items]\nsink:\n  type: mysql\n  url: \${MYSQL_URL}\n`,
      { PG_URL: url, MYSQL_URL: `${server!.url}copy` },
    );
    const going = there.start();
    const printed = async () => {
      const list = INTO_MYSQL.map(([type], i) => (type === 'bytea' ? `HEX(c${i})` : `CAST(c${i} AS char)`));
      const [rows] = await client
        .query<RowDataPacket[]>({ sql: `SELECT id, ${list.join(', ')} FROM copy.items ORDER BY id`, rowsAsArray: true })
        .catch(() => [[]]);
      return rows as unknown as string[][];
    };
    await until('the snapshot in MySQL', async () => (await printed()).length === 1, going);
    await database.query(insert, ['snapshot', ...INTO_MYSQL.map(([, value]) => value)]);
    await until('the row in MySQL', async () => (await printed()).length === 2, going);
    const wanted = INTO_MYSQL.map(([, , text]) => text);
    expect(await printed()).toEqual([
      ['snapshot', ...wanted],
      ['snapshot ', ...wanted],
    ]);
    expect((await going.stop()).code).toBe(0);

    const own = INTO_POSTGRES.map(([type], i) => `c${i} ${type}`).join(', ');
    const values = INTO_POSTGRES.map(([, value]) => value).join(', ');
    await client.query(
      `USE own; SET time_zone = '+00:00'; CREATE TABLE things (id int PRIMARY KEY, ${own}); INSERT INTO things VALUES (1, ${values})`,
    );
    const back = await Project.make(
      `name: back_${flavor}\nsource:\n  type: mysql\n  url: \${MYSQL_URL}\n  tables: [own.things]\nsink:\n  type: postgres\n  url: \${PG_URL}\n  schema: public\n`,
      { PG_URL: url, MYSQL_URL: server!.url },
    );
    const coming = back.start();
    const shown = async () => {
      const list = INTO_POSTGRES.map((_, i) => `c${i}::text`);
      const found = await database
        .query({ text: `select ${list.join(', ')} from things order by id`, rowMode: 'array' })
        .catch(() => ({ rows: [] }));
      return found.rows as string[][];
    };
    await until('the snapshot in PostgreSQL', async () => (await shown()).length === 1, coming);
    await client.query(`INSERT INTO things VALUES (2, ${values})`);
    await until('the row in PostgreSQL', async () => (await shown()).length === 2, coming);
    const expected = INTO_POSTGRES.map(([, , text]) => text);
    expect(await shown()).toEqual([expected, expected]);
    expect((await coming.stop()).code).toBe(0);
  });
});
