/** History that is lost, with `on_gap: resnapshot`: every target is as the source is, rows that were deleted unseen included. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { sink as file } from '../../connectors/file/index.ts';
import { sink as postgres } from '../../connectors/postgres/index.ts';
import { sink as redis } from '../../connectors/redis/index.ts';
import { sink as sqlite } from '../../connectors/sqlite/index.ts';
import { startRedis } from '../../demo/servers/redis.ts';
import { needServer } from '../support/need-server.ts';
import { postgresScenes, type Scene } from '../support/postgres-source.ts';
import { until } from '../support/project.ts';
import { type SceneSink, type VerificationScene, verificationScene } from '../support/verification-scene.ts';

const scenes = postgresScenes();
const redisServer = await needServer('redis', () => startRedis({ own: true }));

const isFull = process.env.TAILRACE_FULL !== undefined;
const ROWS = 420;
const ROWS_GONE = 'delete from items where id between 100 and 120';

const DDL = `
  create table items (id int primary key, name text, price numeric(12,2));
  insert into items select i, 'item ' || i, i * 1.5 from generate_series(1, 400) i;
  create table notes (id int primary key, body text); insert into notes select i, 'note' from generate_series(1, 20) i`;

async function targetsOf({ server, options }: Scene): Promise<SceneSink[]> {
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-gaps-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const url = await server.createDatabase(`${options.name}_target`);
  const targets: SceneSink[] = [
    { name: 'lite', manifest: sqlite, config: { path: join(dir, 'copy.db') } },
    { name: 'lines', manifest: file, config: { path: join(dir, 'changes.jsonl') } },
    { name: 'pg', manifest: postgres, config: { url } },
  ];
  if (redisServer === null) return targets;
  // A database for each log: the positions of another one are there otherwise.
  const at = Object.assign(new URL(redisServer.url), { pathname: options.name.slice(1) }).href;
  return [...targets, { name: 'hashes', manifest: redis, config: { url: at, key: 'row:{$table}:{id}' } }];
}

async function copied(made: Scene): Promise<VerificationScene> {
  const tables = ['public.items', 'public.notes'];
  const scene = await verificationScene(made.url, tables, await targetsOf(made), { onGap: 'resnapshot' });
  await scene.caughtUp();
  return scene;
}

const stateOf = ({ instance }: VerificationScene) => instance.status().pipelines[0]!.sources[0]!;

async function expectEqual(scene: VerificationScene): Promise<void> {
  const none = { missing: 0, different: 0, extra: 0 };
  for (const one of await scene.verify()) {
    expect([one.sink, one.state, one.problem, one.counts]).toEqual([one.sink, 'done', null, none]);
  }
}

/** Drops the slot, whoever reads it. */
async function dropSlot(client: pg.Client): Promise<void> {
  const sql = `select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database() and active`;
  const drop = `select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()`;
  const isDropped = async () => {
    await client.query(sql);
    return client.query(drop).then(
      ({ rowCount }) => rowCount === 1,
      () => false,
    );
  };
  while (!(await isDropped()));
}

/** Statements, one after the other; `PUB` stands for the publication. */
type Fault = readonly [what: string, ...statements: string[]];

/** Each loses history while a transaction that deletes and changes rows is under way. */
const FAULTS: readonly Fault[] = [
  ['the slot was dropped'],
  [
    'a table left the publication',
    'alter publication PUB drop table items',
    ROWS_GONE,
    'alter publication PUB add table items',
  ],
  ['the publication was dropped', 'drop publication PUB', ROWS_GONE],
  ['the publication was made anew', 'drop publication PUB', ROWS_GONE, 'create publication PUB for table items, notes'],
];

test.each(isFull ? FAULTS : FAULTS.slice(0, 2))(
  'invariant 7: %s: rows deleted unseen are gone from every target',
  { timeout: 90_000 },
  async (_, ...statements) => {
    const made = await scenes([], DDL);
    const scene = await copied(made);
    // What it does is neither in the stream of a new slot, which waits for its end, nor seen by the old one.
    const unseen = await made.connect();
    await unseen.query(`begin; delete from items where id between 1 and 50; delete from notes;
    update items set price = -1 where id = 60; update items set id = 1000 where id = 61`);
    const publication = `tailrace_${made.options.name}_p`;
    for (const sql of statements) await made.client.query(sql.replaceAll('PUB', publication));
    if (statements.length === 0) await dropSlot(made.client);
    await unseen.query('commit');
    await until('the tables are read once more', async () => {
      expect(stateOf(scene).state).not.toBe('gap');
      return stateOf(scene).rows > 1.5 * ROWS && stateOf(scene).state === 'streaming';
    });
    await made.client.query('insert into items values (2000, $1, 1)', ['after']);
    await scene.caughtUp();
    await expectEqual(scene);
  },
);
