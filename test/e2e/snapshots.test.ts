/** Snapshots that are told what to do: over the command line, through kill -9, into targets that other hands have changed. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { SnapshotStatus } from '../../src/contracts/upstream.ts';
import { postgresScenes, type Scene } from '../support/postgres-source.ts';
import { Project, until, untilStatus } from '../support/project.ts';

const scenes = postgresScenes();
const ROWS = 60;

const PIPELINE = `
name: shop
source:
  type: postgres
  url: \${SOURCE_URL}
  tables: [public.a, public.b]
  snapshot_chunk_rows: 5
  snapshot_connections: 1
sinks:
  copy:
    type: sqlite
    path: ./copy.db
`;

const DDL = `
  create table a (id int primary key, v int); insert into a select i, 0 from generate_series(1, ${ROWS}) i; analyze a;
  create table b (k text, n int, v int, primary key (k, n)); insert into b select 'k' || i, i, 0 from generate_series(1, 9) i`;

async function copied(made: Scene) {
  const project = await Project.make(PIPELINE, { SOURCE_URL: made.url }, `instance: ${made.options.name}\n`);
  return { project, database: () => new Copy(join(project.dir, 'copy.db')) };
}

/** The target, looked at and changed behind Tailrace's back. */
class Copy {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  run(sql: string): void {
    const database = new DatabaseSync(this.#path, { timeout: 5_000 });
    database.exec(sql);
    database.close();
  }

  rows(sql: string): unknown[][] {
    const database = new DatabaseSync(this.#path, { timeout: 5_000 });
    const rows = database.prepare(sql).all();
    database.close();
    return rows.map((row) => Object.values(row));
  }
}

async function sourceRows(made: Scene, sql: string): Promise<unknown[][]> {
  const { rows } = await made.client.query<Record<string, unknown>>(sql);
  return rows.map((row) => Object.values(row));
}

/** Records of a snapshot in the topic. */
async function readRows(project: Project, topic: string): Promise<number> {
  const { stdout } = await project.run(['topics', 'read', topic, '--json']);
  return stdout.split('\n').filter((line) => line.includes('\\"op\\":\\"r\\"')).length;
}

const isIdle = (snapshots: readonly SnapshotStatus[] | undefined, lag: number) => snapshots?.length === 0 && lag === 0;

test('invariant 1: started, killed with -9 and started again: it goes on where it was, and sweeps only what it read', async () => {
  const made = await scenes(['public.a', 'public.b'], DDL);
  const { project, database } = await copied(made);
  const first = project.start();
  await untilStatus('the first copy', first, ({ upstream }, [sink]) => {
    return isIdle(upstream?.snapshots, sink!.lagRecords) && sink!.records > ROWS;
  });
  const ghosts = `insert into a (id, v, _tr_version) values (900, 1, 1); insert into b (k, n, v, _tr_version) values ('x', 1, 1, 1);
    update a set v = 99; update b set v = 99`;
  database().run(ghosts);
  expect((await project.run(['snapshot', 'pause', 'shop'])).code).toBe(0);
  const started = await project.run(['snapshot', 'start', 'shop', 'a']);
  expect([started.code, started.stdout]).toEqual([0, expect.stringContaining('public.a')]);
  // What was answered is durable.
  first.kill();
  await first.exited;
  const second = project.start('snapshot.rows:23');
  await untilStatus('it is paused', second, ({ upstream }) => upstream?.snapshots[0]?.state === 'paused');
  expect((await project.run(['snapshot', 'resume', 'shop'])).code).toBe(0);
  expect((await second.exited).signal).toBe('SIGKILL');
  const third = project.start();
  await untilStatus('all is read', third, ({ upstream }, [sink]) => isIdle(upstream?.snapshots, sink!.lagRecords));
  // No row was read a third time.
  expect(await readRows(project, 'shop.public.a')).toBe(2 * ROWS);
  expect(database().rows('select id, v from a order by id')).toEqual(await sourceRows(made, 'select id, v from a'));
  // Of a table that was not asked for nothing is swept.
  expect(database().rows(`select count(*) from b where v in (99, 1)`)).toEqual([[10]]);
  expect((await third.stop()).code).toBe(0);
});

test('invariant 7: rows of a condition sweep nothing; rows of a list of keys delete those that are not there, also after kill -9', async () => {
  const made = await scenes(['public.a', 'public.b'], DDL);
  const { project, database } = await copied(made);
  const first = project.start();
  const idle = (running: typeof first) =>
    untilStatus('nothing is read', running, ({ upstream }, [sink]) => isIdle(upstream?.snapshots, sink!.lagRecords));
  await untilStatus('the first copy', first, ({ upstream }, [sink]) => {
    return isIdle(upstream?.snapshots, sink!.lagRecords) && sink!.records > ROWS;
  });
  database().run(
    `update b set v = 99; insert into b (k, n, v, _tr_version) values ('k1', 900, 1, 1), ('x', 901, 1, 1), ('y', 902, 1, 1)`,
  );
  const where = await project.run(['snapshot', 'start', 'shop', 'b', '--where', "k = 'k1' or n = 2", '--wait']);
  expect([where.code, where.stdout]).toEqual([0, 'shop  nothing is being read\n']);
  await idle(first);
  const mended = () => database().rows('select n from b where v = 0 order by n').flat();
  expect(mended()).toEqual([1, 2]);
  // A ghost that the condition would hold for: the target cannot tell.
  expect(database().rows('select n from b where v = 1 order by n').flat()).toEqual([900, 901, 902]);
  await project.run(['snapshot', 'pause', 'shop']);
  const keys = JSON.stringify([
    ['x', 901],
    ['k3', 3],
    ['k4', 4],
    ['k5', 5],
    ['k6', 6],
    ['k7', 7],
    ['k8', 8],
  ]);
  expect((await project.run(['snapshot', 'start', 'shop', 'public.b', '--keys', keys])).code).toBe(0);
  first.kill();
  await first.exited;
  // In the second step of three.
  const second = project.start('snapshot.rows:6');
  await untilStatus('it is paused', second, ({ upstream }) => upstream?.snapshots[0]?.state === 'paused');
  await project.run(['snapshot', 'resume', 'shop']);
  expect((await second.exited).signal).toBe('SIGKILL');
  const third = project.start();
  await idle(third);
  await until('the keys are read', async () => mended().length === 8);
  expect(mended()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(database().rows('select n from b where v = 1 order by n').flat()).toEqual([900, 902]);
  expect((await third.stop()).code).toBe(0);
});

const SPLIT_DDL = `
  create table a (id int primary key, v jsonb, note text); alter table a replica identity full;
  insert into a select i, jsonb_build_array(i, i + 1, i + 2), 'n' from generate_series(1, ${ROWS}) i;
  create table b (k int primary key)`;

test('rows that are split equal the arrays of the source, also after kill -9, deletes and a table that is read again', async () => {
  const made = await scenes(['public.a', 'public.b'], SPLIT_DDL);
  const yaml = PIPELINE.replace('sinks:', '  transform:\n    - split: { v: { as: item, position: line } }\nsinks:');
  const project = await Project.make(yaml, { SOURCE_URL: made.url }, `instance: ${made.options.name}\n`);
  await made.client.query('alter table a replica identity default');
  const refused = await project.run(['check']);
  expect([refused.code === 0, refused.stdout + refused.stderr]).toEqual([
    false,
    expect.stringContaining('identity full'),
  ]);
  await made.client.query('alter table a replica identity full');
  const database = new Copy(join(project.dir, 'copy.db'));
  const isEqual = async () => {
    const held = database.rows('select id, line, item, note from a order by id, line');
    const wanted = await sourceRows(
      made,
      'select id, line::int, item::text, note from a, jsonb_array_elements(v) with ordinality e (item, line) order by 1, 2',
    );
    return JSON.stringify(held) === JSON.stringify(wanted);
  };
  const first = project.start();
  const isDone = (running: typeof first) =>
    untilStatus('nothing is read', running, ({ state, upstream }, [sink]) => {
      return state === 'streaming' && isIdle(upstream?.snapshots, sink!.lagRecords);
    });
  await isDone(first);
  await until('all are copied', isEqual, first);
  await made.client.query(`update a set v = v - 0 where id % 3 = 0; update a set v = v || '[0]' where id % 3 = 1`);
  first.kill();
  await first.exited;
  await made.client.query(`delete from a where id % 4 = 0; update a set id = id + 1000, v = '[7]' where id = 2`);
  const second = project.start();
  await until('the target is the same', isEqual, second);
  // One that the source does not have, as if its delete had been missed.
  database.run(`insert into a (id, line, item, note, _tr_version) values (1, 9, '9', 'n', 1)`);
  await isDone(second);
  const rows = await project.run(['snapshot', 'start', 'shop', 'a', '--where', 'id = 1']);
  expect([rows.code === 0, rows.stderr]).toEqual([false, expect.stringContaining('steps split its rows')]);
  expect((await project.run(['snapshot', 'start', 'shop', 'a'])).code).toBe(0);
  await until('it is swept', isEqual, second);
  expect((await second.stop()).code).toBe(0);
});
