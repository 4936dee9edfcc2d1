/**
 * Two commit records that stand next to each other in the write-ahead log, acknowledged between them. The position behind the first
 * is the place of the second: who acknowledges one byte more loses it.
 */
import { LogicalReplicationService, type Pgoutput, PgoutputPlugin } from 'pg-logical-replication';
import { PgoutputParser } from 'pg-logical-replication/dist/output-plugins/pgoutput/pgoutput-parser.js';
import { expect, test } from 'vitest';
import { Follower } from '../../test/support/postgres-follower.ts';
import { postgresScenes, type Scene } from '../../test/support/postgres-source.ts';

const scene = postgresScenes();
const SLOT = 'of_the_service';

/** What the slot has to send: commit record, end of it, id of the row, for each transaction of one row. */
async function pending({ client }: Scene): Promise<{ at: string; end: string; id: string }[]> {
  const { rows } = await client.query<{ data: Buffer }>(
    `select data from pg_logical_slot_peek_binary_changes('${SLOT}', null, null, 'proto_version', '1', 'publication_names', 'p')`,
  );
  const parser = new PgoutputParser();
  const found: { at: string; end: string; id: string }[] = [];
  let [at, id] = ['', ''];
  for (const { data } of rows) {
    const message = parser.parse(data);
    if (message.tag === 'begin') at = message.commitLsn!;
    else if (message.tag === 'insert') id = String(message.new.id);
    else if (message.tag === 'commit') found.push({ at, end: message.commitEndLsn!, id });
  }
  return found;
}

/** Commits pairs until the last two stand next to each other; their ids. */
async function adjacentPair(made: Scene): Promise<readonly [string, string]> {
  const [one, other] = [await made.connect(), await made.connect()];
  for (let id = 1; ; id += 2) {
    await one.query(`begin; insert into t values (${id})`);
    await other.query(`begin; insert into t values (${id + 1})`);
    await Promise.all([one.query('commit'), other.query('commit')]);
    const [first, second] = (await pending(made)).slice(-2);
    if (first!.end === second!.at) return [first!.id, second!.id];
  }
}

/** Reads with the service, acknowledging after the row with this id, until the condition; resolves to the ids. */
async function readByService(made: Scene, acknowledged: string, isOver: (ids: readonly string[]) => Promise<boolean>) {
  const config = { acknowledge: { auto: false, timeoutSeconds: 0 as const } };
  const service = new LogicalReplicationService({ connectionString: made.url }, config);
  const ids: string[] = [];
  service.on('error', () => {});
  service.on('data', async (lsn: string, message: Pgoutput.Message) => {
    if (message.tag === 'insert') ids.push(String(message.new.id));
    if (message.tag === 'commit' && ids.at(-1) === acknowledged) await service.acknowledge(lsn);
  });
  const reading = service.subscribe(new PgoutputPlugin({ protoVersion: 1, publicationNames: ['p'] }), SLOT);
  while (!(await isOver(ids))) await made.client.query('select 1');
  await service.stop();
  await reading.catch(() => {});
  while (
    (await made.client.query(`select active from pg_replication_slots where slot_name = '${SLOT}'`)).rows[0].active
  );
  return ids;
}

test('commits next to each other: acknowledged between them and killed, the second comes; with pg-logical-replication it is lost', async () => {
  const made = await scene(['public.t'], 'create table t (id int primary key); create publication p for table t');
  const ours = new Follower(made.options);
  await ours.run(() => ours.transactions.length === 1);
  await made.client.query(`select pg_create_logical_replication_slot('${SLOT}', 'pgoutput')`);
  const [first, second] = await adjacentPair(made);
  const before = (await pending(made)).findIndex(({ id }) => id === second);
  const confirmed = async () =>
    (
      await made.client.query(
        `select confirmed_flush_lsn::text as at from pg_replication_slots where slot_name = '${SLOT}'`,
      )
    ).rows[0].at;
  const from = await confirmed();
  await readByService(made, first, async () => (await confirmed()) !== from);
  await made.client.query('insert into t values (1000000)');
  const again = await readByService(made, '', async (ids) => ids.includes('1000000'));
  expect(again, `${second} was lost`).toEqual(['1000000']);

  const idsOf = () => ours.transactions.slice(1).flatMap(({ rows }) => rows.map(({ after }) => String(after!.id)));
  await ours.run(() => idsOf().at(-1) === first);
  expect(idsOf()).toHaveLength(before);
  await ours.run(() => idsOf().at(-1) === '1000000');
  expect(idsOf().slice(before)).toEqual([second, '1000000']);
});
