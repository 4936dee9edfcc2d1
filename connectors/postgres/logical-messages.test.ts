import { expect, test } from 'vitest';
import { postgresScenes, read, type Scene } from '../../test/support/postgres-source.ts';
import type { RecordedTransaction } from '../../test/support/recording-output.ts';
import { streamEverything } from '../../test/support/streamed-scene.ts';
import { checkSource, describeSource } from './source-check.ts';

const scene = postgresScenes({ logical_decoding_work_mem: '64kB' });

const TABLES = ['public.t', 'outbox.messages'];
const make = (messages: object, tables = TABLES) =>
  scene(tables, 'create table t (id int primary key, v text)', { config: { messages } });

/** Rows of each transaction: of the table its id, of the messages what they say. */
const texts = (transactions: readonly RecordedTransaction[]) =>
  transactions.map(({ rows }) =>
    rows.map(({ table, op, after }) =>
      table === 'public.t' ? `${op} ${after!.id}` : `${op} ${after!.prefix} ${after!.transactional} ${after!.content}`,
    ),
  );

async function emit({ client }: Scene): Promise<void> {
  await client.query(`insert into t values (1)`);
  await client.query(`begin; insert into t values (2); select pg_logical_emit_message(true, 'order', 'within');
    insert into t values (3); commit`);
  await client.query(`select pg_logical_emit_message(true, 'order', '{"alone": true}')`);
  await client.query(`begin; insert into t values (4); select pg_logical_emit_message(true, 'order', 'rolled back');
    select pg_logical_emit_message(false, 'order', 'at once'); rollback`);
  await client.query(`begin; insert into t values (5); savepoint s; select pg_logical_emit_message(true, 'order', 'undone');
    rollback to s; select pg_logical_emit_message(true, 'other', 'unwanted'), pg_logical_emit_message(false, 'other', ''); commit`);
  await client.query(`select pg_logical_emit_message(false, 'order', '\\xff00fe'::bytea)`);
  await client.query(`insert into t values (6)`);
}

const EXPECTED = [
  ['c 1'],
  ['c 2', 'c order true within', 'c 3'],
  ['c order true {"alone": true}'],
  ['c order false at once'],
  ['c 5'],
  ['c order false bytes:ff00fe'],
  ['c 6'],
];

test.each([
  ['as they commit', false],
  ['from a server that would send them while their transactions run', true],
])('logical messages are rows in the order of the stream, %s', async (_, streamed) => {
  const made = await make({ table: 'outbox.messages', prefixes: ['order'] });
  if (streamed) await streamEverything(made);
  const reading = read(made.options, null, { acknowledge: () => {} });
  await reading.until(() => reading.output.transactions.length === 1);
  await emit(made);
  await reading.until(() => texts(reading.output.transactions).at(-1)?.[0] === 'c 6');
  const transactions = reading.output.transactions.slice(1);
  expect(texts(transactions)).toEqual(EXPECTED);
  const keys = reading.output.rows().flatMap(({ table, after }) => (table === 'public.t' ? [] : [after!.lsn]));
  expect(new Set(keys).size).toBe(4);
  await reading.stop();
  // From the position of each message on, what follows it.
  for (const [i, { resume }] of transactions.entries()) {
    if (i === transactions.length - 1) break;
    const again = read(made.options, resume, { acknowledge: () => {} });
    await again.until(() => texts(again.output.transactions).at(-1)?.[0] === 'c 6');
    expect(texts(again.output.transactions), `after ${i}`).toEqual(EXPECTED.slice(i + 1));
    await again.stop();
  }
});

test('a source of logical messages alone; all prefixes', async () => {
  const made = await make({ table: 'outbox.messages' }, ['outbox.messages']);
  const reading = read(made.options);
  await reading.until(() => reading.output.heartbeats.length > 0);
  await made.client.query(`select pg_logical_emit_message(true, 'a', 'x'), pg_logical_emit_message(false, '', '')`);
  await reading.until(() => reading.output.rows().length === 2);
  expect(texts(reading.output.transactions)).toEqual([['c  false '], ['c a true x']]);
  expect((await describeSource(made.options)).map(({ table }) => table)).toEqual(['messages']);
});

test.each([
  ['public.t', TABLES, /is a table of the database/],
  ['outbox.others', TABLES, /outbox\.others, which is not captured/],
])('messages as rows of %s of %s are refused', async (table, tables, message) => {
  const made = await make({ table }, tables);
  const problems = (await checkSource(made.options)).filter(({ path }) => path?.[0] === 'messages');
  expect(problems).toMatchObject([{ level: 'problem', message: expect.stringMatching(message) }]);
  expect(await read(made.options).failed).toMatchObject({ code: 'source.not_ready' });
});
