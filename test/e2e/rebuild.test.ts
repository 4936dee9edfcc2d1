/** `tailrace rebuild` on real targets, while the source changes, and killed where it hurts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { startPostgres } from '../../demo/servers/postgres.ts';
import { Project, until, untilStatus } from '../support/project.ts';

const YAML = `name: shop
source:
  type: postgres
  url: \${SOURCE_URL}
  tables: [public.items]
sinks:
  copy:
    type: sqlite
    path: ./copy.db
    transform:
      - filter: id > 0
  warehouse:
    type: postgres
    url: \${TARGET_URL}
    transform:
      - filter: id > 0
`;

const ROWS = 400;

/** All of them with TAILRACE_FULL=1. */
const KILLS = (
  [
    ['copy', 'rebuild.after-swap:1'],
    ['warehouse', 'rebuild.before-swap:1'],
    ['warehouse', 'rebuild.after-swap:1'],
  ] as const
).slice(0, process.env.TAILRACE_FULL === '1' ? 3 : 1);

test('invariant 7: rebuild makes the targets what the rules say now, under load and over kills, and keeps the old ones', {
  timeout: 180_000,
}, async () => {
  const server = await startPostgres();
  onTestFinished(() => server.stop());
  const urls = { SOURCE_URL: await server.createDatabase('shop'), TARGET_URL: await server.createDatabase('house') };
  const [client, house] = [new pg.Client(urls.SOURCE_URL), new pg.Client(urls.TARGET_URL)];
  for (const one of [client, house]) {
    await one.connect();
    onTestFinished(() => one.end());
  }
  await client.query('create table items (id int primary key, name text)');
  await client.query(`insert into items select i, 'item ' || i from generate_series(1, ${ROWS}) i`);
  const project = await Project.make(YAML, urls);
  const first = project.start();
  await untilStatus('copied', first, (_, sinks) =>
    sinks.every(({ records, lagRecords }) => records > ROWS && lagRecords === 0),
  );
  await house.query('create index by_name on items (name); create role reader; grant select on items to reader');
  change(project, 'create index by_name on items (name)');
  expect((await first.stop()).code).toBe(0);

  // Rows that match no more stay, until they are touched.
  writeFileSync(project.file, YAML.replaceAll('id > 0', 'id % 2 = 0'));
  const load = new Load(client);
  for (const [sink, failpoint] of KILLS) {
    const killed = project.start(failpoint);
    await untilStatus('runs', killed, (source, sinks) => source.state === 'streaming' && sinks.every(isRunning));
    await project.run(['rebuild', `shop/${sink}`, '--yes', '--no-wait']);
    await until('killed', async () => killed.exit !== null, killed);
    const again = project.start();
    await untilStatus('goes on', again, (source, sinks) => source.state === 'streaming' && sinks.every(isRunning));
    await until('rebuilt', () => jobsDone(project), again);
    expect((await again.stop()).code).toBe(0);
  }
  const running = project.start();
  await untilStatus('runs', running, (source, sinks) => source.state === 'streaming' && sinks.every(isRunning));
  const whole = await project.run(['rebuild', 'shop/warehouse', '--yes']);
  expect([whole.code, whole.stdout]).toEqual([0, expect.stringContaining('kept in public.items__old')]);
  await load.stop();
  await client.query(`insert into items values (${ROWS + 2}, 'the last')`);
  await untilStatus(
    'caught up',
    running,
    (_, sinks) =>
      sinks.every(({ lagRecords }) => lagRecords === 0) && copied(project).at(-1) === `${ROWS + 2} the last`,
  );
  await until('the same', async () => (await stored(house, 'items')).at(-1) === `${ROWS + 2} the last`, running);
  const wanted = (await stored(client, 'items')).filter((_, i, all) => Number(all[i]!.split(' ')[0]) % 2 === 0);
  expect(copied(project)).toEqual(wanted);
  expect(await stored(house, 'items')).toEqual(wanted);
  expect(copied(project, 'items__old')).toContain('1 item 1');
  const { rows } = await house.query(`select has_table_privilege('reader', 'items', 'select') as granted,
    (select count(*)::int from pg_indexes where tablename = 'items' and indexname = 'by_name') as indexes,
    (select count(*)::int from pg_tables where tablename like 'items\\_\\_tr%') as left`);
  expect(rows).toEqual([{ granted: true, indexes: 1, left: 0 }]);
  expect((await running.stop()).code).toBe(0);
});

const isRunning = ({ state }: { state: string }) => state === 'running';

async function jobsDone({ httpPort }: Project): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${httpPort}/jobs`);
  const jobs = (await response.json()) as { state: string }[];
  return jobs.length > 0 && jobs.every(({ state }) => state === 'done');
}

async function stored(client: pg.Client, table: string): Promise<string[]> {
  const { rows } = await client.query<{ row: string }>(`select id || ' ' || name as row from ${table} order by id`);
  return rows.map(({ row }) => row);
}

function copied({ dir }: Project, table = 'items'): string[] {
  const database = new DatabaseSync(join(dir, 'copy.db'), { readOnly: true, timeout: 5_000 });
  const found = database.prepare(`select id || ' ' || name as row from ${table} order by id`).all();
  database.close();
  return found.map(({ row }) => String(row));
}

function change({ dir }: Project, sql: string): void {
  const database = new DatabaseSync(join(dir, 'copy.db'), { timeout: 5_000 });
  database.exec(sql);
  database.close();
}

/** Changes rows of the upper half all the time. */
class Load {
  #isStopped = false;
  readonly #done: Promise<void>;

  constructor(client: pg.Client) {
    this.#done = this.#run(client);
    onTestFinished(() => this.stop());
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#done;
  }

  async #run(client: pg.Client): Promise<void> {
    for (let n = 0; !this.#isStopped; n++) {
      const id = ROWS / 2 + (n % (ROWS / 2));
      await client.query('update items set name = $1 where id = $2', [`changed ${n}`, id]);
      // A load of some 200 changes a second, which the rebuild has to catch up with.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
