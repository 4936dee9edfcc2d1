/** `lookup` from PostgreSQL into SQLite, the process killed in its stage: the target is what SQL says. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { postgresScenes, type Scene } from '../support/postgres-source.ts';
import { Project, until } from '../support/project.ts';

const scenes = postgresScenes();

const PIPELINE = `
name: shop
source:
  type: postgres
  url: \${SOURCE_URL}
  tables: [public.orders, public.customers]
transform:
  - rename: { total: amount }
  - set: { big: amount > 50 }
  - lookup:
      from: customers
      on: { id: customer_id }
      take: { customer: name, city: city }
sinks:
  copy:
    type: sqlite
    path: ./copy.db
    from: [orders]
`;

const DDL = `
  create table customers (id bigint primary key, name text, city text);
  create table orders (id int primary key, customer_id int, total numeric(10,2), note text);
  insert into customers select i, 'name ' || i, 'city ' || i % 3 from generate_series(1, 20) i;
  insert into orders select i, i % 25, i, repeat('long ', 1000) from generate_series(1, 200) i`;

const ALL_POINTS = ['stage.after-commit:1', 'stage.before-commit:1', 'stage.before-keep:1', 'stage.after-keep:1'];
const POINTS = process.env.TAILRACE_FULL === undefined ? ALL_POINTS.slice(0, 1) : ALL_POINTS;

/** Some of everything; customers come, go, move and are renamed, and orders find others. */
async function change({ client }: Scene, round: number): Promise<void> {
  await client.query(`begin;
    update customers set name = name || '-${round}' where id % 4 = ${round % 4};
    delete from customers where id = ${round + 3};
    insert into customers values (${100 + round}, 'new', null) on conflict do nothing;
    insert into orders values (${1000 + round}, ${100 + round}, ${round}, 'n');
    update orders set customer_id = ${100 + round} where id % 17 = ${round};
    update orders set total = total + 1 where id % 13 = ${round};
    delete from orders where id % 31 = ${round};
    commit`);
}

test('invariant 7: the target is the left join of the tables, through kill -9 in its stage', async () => {
  const made = await scenes([], DDL);
  const project = await Project.make(PIPELINE, { SOURCE_URL: made.url });
  for (const [round, point] of POINTS.entries()) {
    if (round > 0) await change(made, round);
    expect((await project.start(point).exited).signal).toBe('SIGKILL');
  }
  const running = project.start();
  await change(made, POINTS.length);
  await made.client.query(`insert into orders values (9999, 1, 1, 'last')`);
  const copied = () => {
    const database = new DatabaseSync(join(project.dir, 'copy.db'), { timeout: 5_000 });
    const rows = database.prepare('select id, customer_id, note, big, customer, city from orders order by id').all();
    database.close();
    return rows;
  };
  const { rows } =
    await made.client.query(`select o.id, o.customer_id, o.note, (o.total > 50)::int as big, c.name as customer, c.city
    from orders o left join customers c on c.id = o.customer_id order by o.id`);
  // A snapshot goes on beside the stream: the last change is not the last to come.
  const isDone = async () => {
    const [shop] = (await running.status())?.pipelines ?? [];
    if (shop?.sources[0]?.state !== 'streaming' || shop.stage?.state !== 'running') return false;
    const isRead = shop.stage.lagRecords === 0 && shop.sinks[0]!.lagRecords === 0 && shop.sinks[0]!.records > 0;
    return isRead && copied().some(({ id }) => id === 9999);
  };
  await until('all is copied', isDone, running);
  expect(copied().map((row) => ({ ...row }))).toEqual(rows);
  const status = await running.status();
  expect(status!.pipelines[0]!.stage).toMatchObject({ state: 'running', problem: null, lagRecords: 0 });
  expect((await running.stop()).code).toBe(0);
});
