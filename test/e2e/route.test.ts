/** Rows of one table as rows of several in the target, from a database that sends no old rows. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { TailraceProcess } from '../../demo/tailrace-process.ts';
import { postgresScenes } from '../support/postgres-source.ts';
import { Project, until } from '../support/project.ts';

const scenes = postgresScenes();

const PIPELINE = `
name: shop
source:
  type: postgres
  url: \${SOURCE_URL}
  tables: [public.orders]
sink:
  type: sqlite
  path: ./copy.db
  transform:
    - route: { orders: { orders_eu: region = 'eu', orders_us: region = 'us' } }
`;

const DDL = `create table orders (id int primary key, region text, n int);
  insert into orders select i, (array['eu', 'us', 'jp'])[1 + i % 3], 0 from generate_series(1, 30) i`;

test('invariant 7: each row is in one place, the right one: moved, deleted, truncated, read again, through kill -9', async () => {
  const made = await scenes([], DDL);
  const project = await Project.make(PIPELINE, { SOURCE_URL: made.url }, `instance: ${made.options.name}\n`);
  const sql = (text: string) => made.client.query(text);
  const held = () => {
    const database = new DatabaseSync(join(project.dir, 'copy.db'), { timeout: 5_000 });
    const all = ['orders', 'orders_eu', 'orders_us'].flatMap((name) => {
      const there = database.prepare('select 1 from sqlite_schema where name = ?').get(name) !== undefined;
      return there ? database.prepare(`select '${name}' as place, id, region, n from ${name}`).all() : [];
    });
    database.close();
    return all.map((row) => Object.values(row).join(' ')).sort();
  };
  const isEqual = async (running: TailraceProcess) => {
    const { rows } = await sql(
      `select case when region in ('eu', 'us') then 'orders_' || region else 'orders' end as place, id, region, n from orders`,
    );
    const wanted = rows.map((row) => Object.values(row).join(' ')).sort();
    await until('it is equal', async () => held().join('\n') === wanted.join('\n'), running);
  };

  const first = project.start();
  await isEqual(first);
  await sql(
    `update orders set region = 'us', n = n + 1 where id % 2 = 0; update orders set region = 'eu' where id % 3 = 0; delete from orders where id % 5 = 0`,
  );
  first.kill();
  await first.exited;
  await sql(`update orders set region = 'jp' where id % 7 = 0; insert into orders values (5, 'us', 9), (10, null, 9)`);
  expect((await project.start('sink.after-flush:1').exited).signal).toBe('SIGKILL');
  const second = project.start();
  await isEqual(second);
  await sql(`truncate orders; insert into orders values (1, 'us', 0), (2, 'eu', 0), (3, 'jp', 0)`);
  await isEqual(second);
  const verified = await project.run(['verify', 'shop']);
  expect(verified.stdout).toContain('its rows go to several tables');
  expect((await second.stop()).code).toBe(0);
});
