/** Prepared transactions: at their COMMIT PREPARED, whatever happens in between. */
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { Follower } from '../../test/support/postgres-follower.ts';
import { postgresScenes, type Scene } from '../../test/support/postgres-source.ts';
import { streamEverything } from '../../test/support/streamed-scene.ts';
import { SqlSession } from './connections.ts';
import { publicationOf, slotOf } from './names.ts';
import { waitUntilFree } from './slot.ts';

const scene = postgresScenes({ max_prepared_transactions: '10', logical_decoding_work_mem: '64kB' });
const TABLE = 'create table t (id int primary key, v text)';
const BIG = `(select string_agg(md5(i::text), '') from generate_series(1, 8000) i)`;

async function prepare({ client }: Scene, gid: string, ...ids: number[]): Promise<void> {
  const rows = ids.map((id) => `(${id}, ${BIG})`).join(', ');
  await client.query(`begin; insert into t values ${rows}; savepoint s; delete from t; rollback to s`);
  await client.query(`update t set v = 'small' where id = ${ids[0]}; prepare transaction '${gid}'`);
}

const idsOf = ({ transactions }: Follower) =>
  transactions.slice(1).map(({ rows }) => rows.map(({ after }) => after!.id));

test.each([
  ['sent when they are committed', false],
  ['sent while they run', true],
])(
  'prepared transactions %s: once, in the order of the commits, over restarts; of those rolled back nothing',
  async (_, streamed) => {
    const made = await scene(['public.t'], TABLE);
    if (streamed) await streamEverything(made);
    const { client } = made;
    const follower = new Follower(made.options);
    const after = async (id: number) => {
      await client.query(`insert into t values (${id})`);
      await follower.run(() => idsOf(follower).at(-1)?.[0] === String(id));
    };
    await follower.run(() => follower.transactions.length === 1);
    await prepare(made, 'first', 1, 2);
    await prepare(made, 'second', 3);
    await prepare(made, 'third', 4);
    await after(101);
    // A reader that has never seen the PREPARE, and a server that has crashed since.
    await client.query(`commit prepared 'second'`);
    await after(102);
    await client.end();
    await made.server.kill();
    await made.server.restart();
    const again = await made.connect();
    await again.query(`rollback prepared 'third'`);
    await again.query(`commit prepared 'first'`);
    await again.query('insert into t values (103)');
    await follower.run(() => idsOf(follower).at(-1)?.[0] === '103');
    expect(idsOf(follower)).toEqual([['101'], ['3', '3'], ['102'], ['1', '2', '1'], ['103']]);
  },
);

test('a slot that was given two_phase is refused', async () => {
  const made = await scene(['public.t'], TABLE);
  const follower = new Follower(made.options);
  await follower.run(() => follower.transactions.length === 1);
  // Version 14 has it in slots, but not in pgoutput.
  if (made.server.major < 15) return;
  const sql = new SqlSession(made.options);
  onTestFinished(() => sql.close());
  await waitUntilFree(sql, slotOf(made.options), systemClock);
  await made.client.query(
    `select pg_logical_slot_peek_binary_changes($1, null, null, 'proto_version', '3', 'two_phase', 'on', 'publication_names', $2)`,
    [slotOf(made.options), publicationOf(made.options).name],
  );
  const error = await follower.run(() => false).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'source.not_ready', message: expect.stringMatching(/two_phase/) });
});
