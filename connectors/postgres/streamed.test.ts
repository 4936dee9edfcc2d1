/** Transactions that are sent while they run: as if they were not. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { Follower, transactionText } from '../../test/support/postgres-follower.ts';
import { postgresScenes, read, type Scene } from '../../test/support/postgres-source.ts';
import { mixedWorkload, runWorkload, WORKLOAD_DDL, WORKLOAD_TABLES } from '../../test/support/postgres-workload.ts';
import { testSeed } from '../../test/support/seed.ts';
import { streamEverything, streamedTransactions, withoutStreaming } from '../../test/support/streamed-scene.ts';
import { slotOf } from './names.ts';

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
  const steps = mixedWorkload(random.uint32(), full ? 3_000 : 200);
  await runWorkload([made.client, await made.connect()], steps);
  await finish(made.client);
  for (const one of [reference, tried]) await one.run(() => ended(one));
  expect(tried.transactions.map(transactionText)).toEqual(reference.transactions.map(transactionText));
  expect(tried.position!.lsn).toBe(reference.position!.lsn);
  expect(await streamedTransactions(made, slotOf(made.options))).toBeGreaterThan(made.server.major >= 16 ? 100 : -1);
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
