/**
 * Where in a transaction the server puts a logical message of a subtransaction: by the end of its record in the write-ahead
 * log, while rows have the begin of theirs. The record behind it has the same place, and its rows may come first.
 */
import { expect, test } from 'vitest';
import { postgresScenes, read, type Scene } from '../../test/support/postgres-source.ts';
import { readLogicalMessage } from './logical-messages.ts';
import { parseLsn } from './lsn.ts';
import { publicationOf } from './names.ts';
import { INSERT, MESSAGE, Tuple } from './pgoutput.ts';
import { XID_BYTES } from './pgoutput-streaming.ts';

const scene = postgresScenes();

/** As it is written; what is rolled back again stands in brackets. */
const WRITTEN = [
  ...['row 1', 'of s', 'row 2', 'row 3', 'of the top', 'row 4', '(row 0)', '(undone)', 'row 5', 'row 6', 'of s again'],
  ...['row 7', 'before a copy', 'row 8', 'row 9', 'row 10'],
];
const WORK = `begin; insert into t values (1);
  savepoint s; select pg_logical_emit_message(true, 'm', 'of s'); release s;
  insert into t values (2); insert into t values (3);
  select pg_logical_emit_message(true, 'm', 'of the top'); insert into t values (4);
  savepoint s; insert into t values (0); select pg_logical_emit_message(true, 'm', 'undone'); rollback to s;
  insert into t values (5); insert into t values (6); select pg_logical_emit_message(true, 'm', 'of s again'); release s;
  insert into t values (7);
  savepoint s; select pg_logical_emit_message(true, 'm', 'before a copy'); release s;
  copy t from program 'echo 8; echo 9'; insert into t values (10); commit`;

interface Placed {
  readonly what: string;
  readonly lsn: bigint;
}

/** What the server's plugin itself says, outside of our reader: rows and messages with the places it gives them. */
async function decoded({ client, options }: Scene, how: Readonly<Record<string, string>>): Promise<Placed[]> {
  const settings = Object.entries({ publication_names: publicationOf(options).name, messages: 'true', ...how }).flat();
  const { rows } = await client.query<{ lsn: string; data: Buffer }>(
    `select lsn::text, data from pg_logical_slot_peek_binary_changes('peeked', null, null, variadic $1)`,
    [settings],
  );
  // In a block of a streamed transaction each change has its transaction's id in front.
  const skipped = 1 + (how.streaming === 'on' ? XID_BYTES : 0);
  return rows.flatMap(({ lsn, data }) => {
    if (data[0] === MESSAGE) {
      const { from, to } = readLogicalMessage(data, skipped, data.length);
      return [{ what: data.toString('utf8', from, to), lsn: parseLsn(lsn) }];
    }
    if (data[0] !== INSERT) return [];
    const tuple = new Tuple();
    tuple.read(data, skipped + 5, data.length);
    return [{ what: `row ${data.toString('utf8', tuple.from[0], tuple.to[0])}`, lsn: parseLsn(lsn) }];
  });
}

/** In the order in which it was written, but that a message may come behind the rows of the record that begins where it ends. */
function expectPlaced(placed: readonly Placed[], written: readonly string[]): void {
  expect(placed.map(({ what }) => what).toSorted()).toEqual(written.toSorted());
  const late = placed.flatMap((later, i) =>
    placed.slice(0, i).filter(({ what, lsn }) => {
      const isInverted = written.indexOf(what) > written.indexOf(later.what);
      return isInverted && (lsn !== later.lsn || !what.startsWith('row') || later.what.startsWith('row'));
    }),
  );
  expect(late).toEqual([]);
}

test('logical messages of subtransactions: the order is that of the server, behind one record at most', async () => {
  const made = await scene(
    ['public.t', 'outbox.messages'],
    'create table t (id int primary key); insert into t values (100)',
    {
      config: { messages: { table: 'outbox.messages' } },
    },
  );
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === 1);
  await made.client.query(`select pg_create_logical_replication_slot('peeked', 'pgoutput')`);
  await made.client.query(WORK);
  await reading.until(() => reading.output.transactions.length === 2);
  const ours = reading.output.transactions[1]!.rows.map(({ table, after }) =>
    table === 'public.t' ? `row ${after!.id}` : after!.content,
  );
  const first = await decoded(made, { proto_version: '1' });
  const committed = WRITTEN.filter((what) => !what.startsWith('('));
  expectPlaced(first, committed);
  expect(ours).toEqual(first.map(({ what }) => what));
  if (made.server.major >= 16) {
    await made.client.query(`set debug_logical_replication_streaming = 'immediate'`);
    const streamed = await decoded(made, { proto_version: '4', streaming: 'on' });
    expectPlaced(
      streamed,
      WRITTEN.map((what) => what.replaceAll(/[()]/g, '')),
    );
  }
  await made.client.query(`select pg_drop_replication_slot('peeked')`);
});
