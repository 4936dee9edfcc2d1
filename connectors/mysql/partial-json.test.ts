/** Documents that MySQL writes as changes of parts (PARTIAL_JSON): what is streamed is what the server prints, update by update. */
import type { RowDataPacket } from 'mysql2/promise';
import { describe, expect, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { mysqlScenes, readMysql } from '../../test/support/mysql-source.ts';
import { testSeed } from '../../test/support/seed.ts';
import { checkSource } from './source-check.ts';

const UPDATES = process.env.TAILRACE_FULL === undefined ? 120 : 4_000;
const THE_END = '999';

const PATHS = [
  ...['$.a', '$.a[0]', '$.a[1]', '$.a[last]', '$.a[7]', '$.a[2].x', '$.a[2].x[0]', '$.a[0][0]', '$.b', '$.b.c'],
  ...[
    '$.b."ü k\\"e.y[0]"',
    '$.b."ü k\\"e.y[0]".z',
    '$.b[0]',
    '$.new',
    '$.zz',
    '$.b.z',
    '$.zz."new\\nkey"',
    '$.n',
    '$.pad2',
    '$."$"',
  ],
];
const VALUES = [
  ...['1', '-70000', '18446744073709551615', '1.25', "cast('1e100' as json)", 'true', "cast('null' as json)", "''"],
  ...["'short'", "repeat('ü\"', 50)", 'cast(12.340 as decimal(10, 3))', "cast(date'2024-02-29' as json)", "X'00ff'"],
  ...['json_array()', 'json_object()', `cast('[1, {"x": [true, 2]}, {"x": null}]' as json)`, "repeat('y', 70000)"],
];
const DOCUMENT =
  'json_object("a", json_array(1, "two", json_object("x", 3)), "b", json_object("c", 1.5, \'ü k"e.y[0]\', json_array(1)), ' +
  '"n", 18446744073709551615, "pad", repeat("p", 400), "pad2", repeat("q", 300))';

function update(random: Random): string {
  const column = random.pick(['j', 'k']);
  const where = `WHERE id ${random.chance(0.7) ? '=' : '>='} ${random.between(0, 3)}`;
  if (random.chance(0.04)) return `UPDATE t SET ${column} = ${random.pick([DOCUMENT, 'NULL'])} ${where}`;
  if (random.chance(0.04)) return `UPDATE t SET v = v + 1 ${where}`;
  const paths = Array.from({ length: random.between(1, 3) }, () => `'${random.pick(PATHS).replaceAll('\\', '\\\\')}'`);
  const name = random.pick(['json_set', 'json_set', 'json_replace', 'json_remove']);
  const words = paths.flatMap((path) => (name === 'json_remove' ? [path] : [path, random.pick(VALUES)]));
  return `UPDATE t SET v = v + 1, ${column} = ${name}(${column}, ${words.join(', ')}) ${where}`;
}

describe('JSON changed in part, by mysql', async () => {
  const { missing, scene } = await mysqlScenes('mysql', ['--binlog-row-value-options=PARTIAL_JSON']);

  test.skipIf(missing)(
    'invariant 9: each document is what the server prints after each update',
    { timeout: 120_000 },
    async () => {
      const { client, options } = await scene(
        ['t'],
        `CREATE TABLE t (id int PRIMARY KEY, j json, v int, k json); INSERT INTO t SELECT n.id, ${DOCUMENT}, 0, ${DOCUMENT} FROM
        (SELECT 0 AS id UNION SELECT 1 UNION SELECT 2 UNION SELECT 3) n`,
      );
      expect((await checkSource(options)).filter(({ level }) => level === 'problem')).toEqual([]);
      const reading = readMysql(options);
      await reading.until(() => reading.output.transactions.length === 1);
      const random = new Random(testSeed);
      const printed: string[] = [];
      let before = await texts();
      for (let i = 0; i < UPDATES; i++) {
        const sql = update(random);
        await client.query(sql);
        const now = await texts();
        for (const [id, text] of now) if (before.get(id) !== text) printed.push(`${id} ${text}`);
        before = now;
      }
      await client.query(`INSERT INTO t (id) VALUES (${THE_END})`);
      await reading.until(() => reading.output.rows().some(({ after }) => after?.id === THE_END));
      const streamed = reading.output.rows().flatMap(({ op, after }) => {
        return op === 'u' ? [`${after?.id} ${after?.j} ${after?.v} ${after?.k}`] : [];
      });
      expect(streamed).toEqual(printed);
      // They were really written so.
      const [events] = await client.query<RowDataPacket[]>('SHOW BINLOG EVENTS');
      const partial = events.filter(({ Event_type }) => Event_type === 'Update_rows_partial').length;
      expect(partial).toBeGreaterThan(UPDATES / 2);

      async function texts(): Promise<Map<string, string>> {
        const sql = 'SELECT id, v, CAST(j AS char) AS j, CAST(k AS char) AS k FROM t';
        const [rows] = await client.query<RowDataPacket[]>(sql);
        return new Map(rows.map(({ id, j, v, k }) => [String(id), `${j} ${v} ${k}`]));
      }
    },
  );
});
