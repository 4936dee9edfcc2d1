/** Transactions that are sent while they run: as if they were not. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { foldChanges } from '../../test/support/fold-changes.ts';
import { Follower, transactionText } from '../../test/support/postgres-follower.ts';
import { postgresScenes, read, type Scene } from '../../test/support/postgres-source.ts';
import { mixedWorkload, runWorkload, WORKLOAD_DDL, WORKLOAD_TABLES } from '../../test/support/postgres-workload.ts';
import { testSeed } from '../../test/support/seed.ts';
import { streamEverything, streamedTransactions, withoutStreaming } from '../../test/support/streamed-scene.ts';
import { parseLsn } from './lsn.ts';
import { slotOf } from './names.ts';
import { lsnOf, readPosition } from './position.ts';

const scene = postgresScenes({ logical_decoding_work_mem: '64kB' });
const full = process.env.TAILRACE_FULL !== undefined;

/** More than `logical_decoding_work_mem`, also when it is compressed. */
const BIG = `(select string_agg(md5(i::text), '') from generate_series(1, 8000) i)`;

const finish = (client: pg.Client) => client.query(`insert into plain values (1000000, 0, 'the end', null)`);
const ended = ({ transactions }: Follower) => transactions.at(-1)?.rows.at(-1)?.after?.v === 'the end';
const spillDir = ({ options }: Scene) => join(options.context.scratch!, `source-${options.name}`);

test('invariant 4: what was streamed before its commit gives the same transactions, in the order of the commits', async () => {
  const random = new Random(testSeed);
  const made = await scene(WORKLOAD_TABLES, WORKLOAD_DDL);
  await streamEverything(made);
  const reference = new Follower(withoutStreaming({ ...made.options, name: 'reference' }));
  const tried = new Follower(made.options);
  for (const one of [reference, tried]) await one.run(() => one.transactions.length === WORKLOAD_TABLES.length);
  const steps = mixedWorkload(random.uint32(), full ? 3_000 : 120);
  await runWorkload([made.client, await made.connect()], steps);
  await finish(made.client);
  for (const one of [reference, tried]) await one.run(() => ended(one));
  expect(tried.transactions.map(transactionText)).toEqual(reference.transactions.map(transactionText));
  expect(tried.position!.lsn).toBe(reference.position!.lsn);
  expect(await streamedTransactions(made, slotOf(made.options))).toBeGreaterThan(made.server.major >= 16 ? 60 : -1);
});

test('what subtransactions undid is left out; of what was rolled back nothing comes, and no file stays', async () => {
  const made = await scene(['public.t'], 'create table t (id int primary key, v text)');
  const [long, other] = [await made.connect(), await made.connect()];
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === 1);
  await long.query(`begin; insert into t values (1, ${BIG}); savepoint a; insert into t values (2, ${BIG})`);
  await long.query(
    `savepoint b; insert into t values (3, ${BIG}); release b; savepoint c; insert into t values (4, ${BIG})`,
  );
  await other.query(`begin; insert into t values (11, ${BIG}), (12, ${BIG}); insert into t values (13, ${BIG})`);
  await long.query(
    `rollback to a; savepoint d; insert into t values (5, ${BIG}); release d; insert into t values (6, ${BIG})`,
  );
  await made.client.query(`insert into t values (100, 'between')`);
  await reading.until(() => reading.output.transactions.length === 2);
  while (!existsSync(spillDir(made)) || readdirSync(spillDir(made)).length === 0) await made.client.query('select 1');
  await other.query('rollback');
  await long.query('commit');
  await made.client.query(`insert into t values (101, 'after')`);
  await reading.until(() => reading.output.transactions.length === 4);
  const ids = reading.output.transactions.map(({ rows }) => rows.map(({ after }) => after!.id));
  expect(ids).toEqual([[], ['100'], ['1', '5', '6'], ['101']]);
  expect(readdirSync(spillDir(made))).toEqual([]);
  await reading.stop();
  expect(existsSync(spillDir(made))).toBe(false);
});

test('stopped in the middle of publishing: nothing of it is left, and it comes whole from the next reader', async () => {
  const made = await scene(['public.t'], 'create table t (id int primary key, v text)');
  const first = read(made.options);
  await first.until(() => first.output.transactions.length === 1);
  const publishing = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  let drains = 0;
  first.output.onDrain = () => {
    if (!first.output.isOpen || ++drains < 3) return undefined;
    publishing.resolve();
    return held.promise;
  };
  await made.client.query(`insert into t select i, ${BIG} from generate_series(1, 40) i`);
  await publishing.promise;
  const written = first.output.openRows;
  expect(written).toBeGreaterThan(0);
  expect(written).toBeLessThan(40);
  await first.stop();
  held.resolve();
  const second = read(made.options, first.output.lastPosition);
  await second.until(() => second.output.transactions.length === 1);
  expect(first.output.openRows).toBe(written);
  expect(second.output.rows().map(({ after }) => after!.id)).toEqual(Array.from({ length: 40 }, (_, i) => `${i + 1}`));
});

test('invariant 4: tables are read beside transactions that are streamed: each change is in one of both', async () => {
  const tables = ['a', 'b'];
  const made = await scene(
    tables.map((name) => `public.${name}`),
    tables
      .map(
        (t) =>
          `create table ${t} (id int primary key, v int); insert into ${t} select i, 0 from generate_series(1, 3000) i;`,
      )
      .join(''),
    { config: { snapshot_chunk_rows: 200 } },
  );
  await streamEverything(made);
  const reading = read(made.options);
  const stop = { now: false };
  const hasRead = (lsn: string) => {
    const { lastPosition } = reading.output;
    return lastPosition !== null && lsnOf(readPosition(lastPosition)) >= parseLsn(lsn);
  };
  const writers = [0, 1, 2, 3].map(async (i) => {
    const client = await made.connect();
    const random = new Random(testSeed, i);
    while (!stop.now) {
      for (let left = 3; left > 0; left--)
        await client.query(nested(random, tables)).catch(() => client.query('rollback'));
      const { rows } = await client.query('select pg_current_wal_insert_lsn()::text as lsn');
      await reading.until(() => hasRead(rows[0].lsn) || stop.now);
    }
  });
  const isOver = () => Object.values(readPosition(reading.output.lastPosition!).tables).every((t) => t.read === 'past');
  await reading.until(() => reading.output.transactions.length > (full ? 4_000 : 150) && isOver());
  stop.now = true;
  await Promise.all(writers);
  await made.client.query('insert into a values (1000000, 0)');
  await reading.until(() => reading.output.transactions.at(-1)!.rows.at(-1)?.after?.id === '1000000');
  const folded = foldChanges(reading.output.transactions);
  for (const table of tables) {
    const { rows } = await made.client.query(`select id::text, v::text from ${table} t order by t.id`);
    expect([...folded.get(`public.${table}`)!.values()].sort((x, y) => Number(x.id) - Number(y.id))).toEqual(rows);
  }
});

/** A transaction whose savepoints nest, some released, some rolled back. */
function nested(random: Random, tables: readonly string[]): string {
  const change = () => {
    const [table, id] = [random.pick(tables), random.between(1, 4000)];
    return random.pick([
      `insert into ${table} values (${id}, 0) on conflict (id) do update set v = ${table}.v + 1`,
      `update ${table} set v = v + 1 where id between ${id} and ${id + 5}`,
      `update ${table} set id = id + 10000 where id = ${id}`,
      `delete from ${table} where id = ${id}`,
    ]);
  };
  const block = (depth: number): string[] => {
    const inner = depth < 3 && random.chance(0.5) ? block(depth + 1) : [];
    return ['savepoint s', change(), ...inner, change(), random.pick(['rollback to s', 'release s'])];
  };
  return ['begin', change(), ...block(0), ...block(1), random.pick(['commit', 'commit', 'rollback'])].join('; ');
}
