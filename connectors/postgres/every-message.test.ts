/** The connection ends after each message of a mixed stream: the output is the same. */

import type pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { MessageProxy } from '../../test/support/message-proxy.ts';
import { Follower, transactionText } from '../../test/support/postgres-follower.ts';
import { postgresScenes, type Scene, sourceOptions } from '../../test/support/postgres-source.ts';
import { mixedWorkload, runWorkload, WORKLOAD_DDL, WORKLOAD_TABLES } from '../../test/support/postgres-workload.ts';
import type { RecordedTransaction } from '../../test/support/recording-output.ts';
import { testSeed } from '../../test/support/seed.ts';
import { streamEverything, withoutStreaming } from '../../test/support/streamed-scene.ts';

const scene = postgresScenes({ max_prepared_transactions: '20', logical_decoding_work_mem: '64kB' });
const full = process.env.TAILRACE_FULL !== undefined;
/** Of both kinds of transactions, one after the other: about ten messages each. */
const ROUNDS = full ? 300 : 5;

const TABLES = [...WORKLOAD_TABLES, 'public.copied'];
const DDL = `${WORKLOAD_DDL} create table copied (id int primary key)`;
const MESSAGES_TABLE = 'outbox.messages';

/** What `mixedWorkload` does not do, beside it. */
function others(random: Random): ((client: pg.Client, serial: number) => Promise<unknown>)[] {
  const first = (serial: number) => 1_000_000 + 100 * serial;
  return [
    (client, n) => client.query(`copy copied from program 'seq ${first(n)} ${first(n) + random.between(0, 8)}'`),
    (client, n) =>
      client.query(`insert into copied values (${first(n)}); select pg_logical_emit_message(true, 'p', 'x${n}')`),
    (client, n) => client.query(`select pg_logical_emit_message(false, 'p', 'at once ${n}')`),
    async (client, n) => {
      await client.query(`begin; insert into copied values (${first(n)}), (${first(n) + 1}); savepoint s`);
      await client.query(`delete from copied where id = ${first(n)}; ${random.pick(['rollback to s', 'release s'])}`);
      await client.query(`prepare transaction 'p${n}'`);
      await client.query(`insert into copied values (${first(n) + 2})`);
      await client.query(random.chance(0.7) ? `commit prepared 'p${n}'` : `rollback prepared 'p${n}'`);
    },
    async (client, n) => {
      await client.query(`begin; insert into copied select i from generate_series(${first(n)}, ${first(n) + 9}) i`);
      await client.query(`savepoint a; update copied set id = id + 20 where id = ${first(n)}; savepoint b`);
      await client.query(
        `delete from copied where id = ${first(n) + 1}; rollback to a; insert into copied values (${first(n) + 50})`,
      );
      await client.query(random.chance(0.8) ? 'commit' : 'rollback');
    },
  ];
}

async function work(made: Scene, random: Random): Promise<void> {
  const connections = [await made.connect(), await made.connect()];
  const third = await made.connect();
  const kinds = others(random);
  const steps = mixedWorkload(random.uint32(), ROUNDS);
  for (const [i, step] of steps.entries()) {
    await runWorkload(connections, [step]);
    const serial = Math.floor(i / 3);
    if (i % 3 === 0 && serial < ROUNDS) await kinds[serial % kinds.length]!(third, serial);
  }
  await made.client.query(`insert into copied values (1)`);
}

const ended = ({ transactions }: Follower) => transactions.at(-1)?.rows.at(-1)?.after?.id === '1';

/** A message that is no part of a transaction has no time of its own. */
const text = (transaction: RecordedTransaction) =>
  transactionText(transaction.id.includes('/') ? { ...transaction, timeUs: 0 } : transaction);

test.each([
  ['transactions that are streamed while they run', false],
  ['logical messages', true],
])('invariant 4: stopped after every message, with %s: the same transactions, each once', async (_, messages) => {
  const random = new Random(testSeed);
  const config = messages ? { messages: { table: MESSAGES_TABLE } } : {};
  const made = await scene(messages ? [...TABLES, MESSAGES_TABLE] : TABLES, DDL, { config });
  await streamEverything(made);
  const proxy = await MessageProxy.start(made.server.port);
  onTestFinished(() => proxy.close());
  const { name, tables } = made.options;
  const through = sourceOptions(made.url.replace(`:${made.server.port}/`, `:${proxy.port}/`), name, tables, {}, config);
  const tried = new Follower(through);
  const reference = new Follower(withoutStreaming({ ...made.options, name: `${name}_reference` }));
  for (const one of [reference, tried]) await one.run(() => one.transactions.length === TABLES.length);
  await work(made, random);
  await reference.run(() => ended(reference));
  // Each connection brings a message more than the one before (some, in a sample), until a transaction is through.
  for (let limit = 1, before = -1; !ended(tried); limit += full ? 1 : random.between(2, 9)) {
    if (tried.transactions.length > before) limit = full ? 1 : random.between(2, 9);
    before = tried.transactions.length;
    proxy.limit = limit;
    const { breaks } = tried;
    await tried.run(() => tried.breaks > breaks || ended(tried));
  }
  expect(tried.transactions.map(text)).toEqual(reference.transactions.map(text));
  console.log(`every message: ${proxy.ends} stops, ${tried.transactions.length} transactions (seed ${testSeed})`);
  expect(proxy.ends).toBeGreaterThan(full ? 2_500 : 8);
});
