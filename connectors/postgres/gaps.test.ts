/** History that is lost: the source stops and says so, whatever the server does about it (Invariants 5 and 11). */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { startPostgres } from '../../demo/servers/postgres.ts';
import { type ErrorCode, TailraceError } from '../../src/contracts/errors.ts';
import type { Position } from '../../src/contracts/source.ts';
import { systemClock } from '../../src/lib/clock.ts';
import {
  lastPosition,
  postgresScenes,
  read,
  rowTexts,
  type Scene,
  sourceOptions,
} from '../../test/support/postgres-source.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import { publicationOf, slotOf } from './names.ts';

const scene = postgresScenes({ max_replication_slots: '50' });

/** Waits that the source makes between two looks at the publication are cut short. */
const hastyClock = { ...systemClock, sleep: (_: number, signal?: AbortSignal) => systemClock.sleep(20, signal) };
const context = { log: () => {}, clock: hastyClock, failpoint: () => {}, random: Math.random };

const DDL = 'create table t (id int primary key); create table other (id int primary key); insert into t values (1)';

interface Stopped extends Scene {
  readonly slot: string;
  readonly publication: string;
  readonly position: Position;
}

/** A source that has read its tables and one transaction of the stream, and was stopped. */
async function stopped(tables = ['public.t', 'public.other']): Promise<Stopped> {
  const made = await scene(tables, DDL, { context });
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === tables.length);
  await made.client.query('insert into t values (2)');
  await reading.until(() => reading.output.transactions.length === tables.length + 1);
  await reading.stop();
  const position = lastPosition(reading.output);
  const slot = slotOf(made.options);
  await untilFree(made, slot);
  return { ...made, slot, publication: publicationOf(made.options).name, position };
}

/** The server notices the end of a connection a little later. */
async function untilFree({ client }: Scene, slot: string): Promise<void> {
  for (let active = true; active; ) {
    const { rows } = await client.query('select active from pg_replication_slots where slot_name = $1', [slot]);
    active = rows[0].active;
  }
}

async function slotExists({ client, slot }: Stopped): Promise<boolean> {
  const { rowCount } = await client.query('select from pg_replication_slots where slot_name = $1', [slot]);
  return rowCount === 1;
}

/** The reader must end with that error, having given out nothing more. */
async function expectEnd({ options, position }: Pick<Stopped, 'options' | 'position'>, code: ErrorCode, words: string) {
  const reading = read(options, position);
  const error = await reading.failed;
  expect(error).toBeInstanceOf(TailraceError);
  expect(error).toMatchObject({ code, message: expect.stringContaining(words), remedy: expect.any(String) });
  expect(reading.output.transactions).toEqual([]);
}

test('invariant 5: a slot that was dropped is a gap, and none is made in its place', async () => {
  const made = await stopped();
  await made.client.query('select pg_drop_replication_slot($1)', [made.slot]);
  await made.client.query('insert into t values (3)');
  await expectEnd(made, 'source.gap', `does not exist any more: changes after ${made.position.lsn} are lost`);
  expect(await slotExists(made)).toBe(false);
});

test('invariant 11: a slot that was dropped and made anew is another one', async () => {
  const made = await stopped();
  await made.client.query('select pg_drop_replication_slot($1)', [made.slot]);
  await made.client.query('insert into t values (3)');
  await made.client.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [made.slot]);
  await expectEnd(made, 'source.gap', 'by somebody else or made anew');
});

test('invariant 11: a position older than what the slot has given up (a restored data directory)', async () => {
  const made = await stopped();
  await made.client.query('insert into t values (3)');
  const reading = read(made.options, made.position);
  await reading.until(() => reading.output.transactions.length === 1);
  await reading.stop();
  await expectEnd(made, 'source.gap', 'was moved to');
});

test('a slot of another plugin, and one of another name', async () => {
  const made = await stopped();
  await made.client.query('select pg_drop_replication_slot($1)', [made.slot]);
  await made.client.query(`select pg_create_logical_replication_slot($1, 'test_decoding')`, [made.slot]);
  await expectEnd(made, 'source.gap', 'was replaced by another');
  await expectEnd(
    { ...made, position: { ...made.position, slot: 'former' } },
    'source.gap',
    'belongs to the slot former',
  );
});

test('a slot that the server has invalidated', async () => {
  const made = await stopped();
  const { client } = made;
  await client.query(`alter system set max_slot_wal_keep_size = '1MB'`);
  await client.query('select pg_reload_conf()');
  try {
    for (let lost = false; !lost; ) {
      await client.query(`select pg_switch_wal() from pg_logical_emit_message(true, 'filler', repeat('x', 100000))`);
      await client.query('checkpoint');
      const { rows } = await client.query('select wal_status from pg_replication_slots where slot_name = $1', [
        made.slot,
      ]);
      lost = rows[0].wal_status === 'lost';
    }
  } finally {
    await client.query('alter system reset max_slot_wal_keep_size');
    await client.query('select pg_reload_conf()');
  }
  await expectEnd(made, 'source.gap', 'was invalidated by the server');
});

test('invariant 11: another server, another history of it, a server that was put back', async () => {
  const made = await stopped();
  const at = (changes: Partial<Position>) => ({ ...made, position: { ...made.position, ...changes } as Position });
  await expectEnd(at({ system: '1' }), 'source.gap', 'the server is another one');
  await expectEnd(at({ timeline: 0 }), 'source.gap', 'does not go through the position');
  await expectEnd(at({ timeline: 7 }), 'source.gap', 'does not go through the position');
  const beyond = formatLsn(parseLsn(String(made.position.lsn)) + (1n << 40n));
  await expectEnd(at({ lsn: beyond }), 'source.gap', 'it was put back to an earlier state');
});

test('invariant 11: a promoted server is gone on with where its history goes through the position', async () => {
  const server = await startPostgres();
  onTestFinished(() => server.stop());
  const query = async (sql: string) => {
    const client = new pg.Client(server.url);
    await client.connect();
    const { rows } = await client.query(sql);
    await client.end();
    return rows;
  };
  await query('create table t (id int primary key)');
  const options = sourceOptions(server.url, 's', ['public.t']);
  const first = read(options);
  await first.until(() => first.output.transactions.length === 1);
  await first.stop();
  await query('insert into t values (1)');
  await writeFile(join(server.dataDir, 'standby.signal'), '');
  await server.restart();
  await query('select pg_promote()');
  await query('insert into t values (2)');
  const second = read(options, lastPosition(first.output));
  await second.until(() => second.output.transactions.length === 2);
  expect(rowTexts(second.output)).toEqual(['c null {"id":"1"}', 'c null {"id":"2"}']);
  const position = lastPosition(second.output);
  expect(position.timeline).toBe(2);
  await second.stop();
  // Of the former server, past the point where the promoted one left its history.
  await expectEnd(
    { options, position: { ...position, timeline: 1 } },
    'source.gap',
    'does not go through the position',
  );
});

test('a position that this version did not write', async () => {
  const made = await stopped();
  await expectEnd({ ...made, position: { v: 2, lsn: '0/0' } }, 'source.gap', 'cannot be read by this version');
});

test('invariant 5: a publication that was dropped, also when it was made anew', async () => {
  const made = await stopped();
  const { rows } = await made.client.query('select pg_get_publication_tables($1)', [made.publication]);
  expect(rows).toHaveLength(2);
  await made.client.query(`drop publication ${made.publication}`);
  await expectEnd(made, 'source.gap', 'was dropped: changes after');
  await made.client.query('insert into t values (3)');
  await made.client.query(`create publication ${made.publication} for table only t, only other`);
  await expectEnd(made, 'source.gap', 'was dropped and made anew');
});

test('invariant 5: a table that left the publication, also when it came back', async () => {
  const made = await stopped();
  await made.client.query(`alter publication ${made.publication} drop table t`);
  await expectEnd(made, 'source.gap', 'does not publish public.t any more');
  await made.client.query('insert into t values (3)');
  await made.client.query(`alter publication ${made.publication} add table t`);
  await expectEnd(made, 'source.gap', 'was taken out of');
});

test('invariant 5: a publication that was altered to leave out deletes', async () => {
  const made = await stopped();
  await made.client.query(`alter publication ${made.publication} set (publish = 'insert, update')`);
  await expectEnd(made, 'source.gap', 'leaves out some kinds of changes');
  // What was left out meanwhile does not come back with them.
  await made.client.query(`alter publication ${made.publication} set (publish = 'insert, update, delete, truncate')`);
  await expectEnd(made, 'source.gap', 'was altered');
});

test('invariant 5: a publication that was made anew is gone on with where somebody vouches for it, unless something was written meanwhile', async () => {
  const made = await stopped(['public.t']);
  const { client, publication, options } = made;
  const makeAnew = async (between: string, position: Position) => {
    await client.query(`drop publication ${publication}`);
    await client.query(between);
    await client.query(`create publication ${publication} for table only t`);
    const { remedy } = (await read(options, position).failed) as TailraceError;
    await client.query(/COMMENT ON PUBLICATION .*';/.exec(remedy!)![0]);
  };
  await makeAnew('select', made.position);
  await client.query('insert into t values (3)');
  const reading = read(options, made.position);
  await reading.until(() => reading.output.rows().length === 1);
  await reading.stop();
  const position = lastPosition(reading.output);
  await makeAnew('insert into t values (4)', position);
  const again = read(options, position);
  expect(await again.failed).toMatchObject({
    code: 'source.gap',
    message: expect.stringContaining('at the next change'),
  });
  expect([...rowTexts(reading.output), ...rowTexts(again.output)]).toEqual(['c null {"id":"3"}']);
});

test('a captured table that was dropped and made anew', async () => {
  const made = await stopped();
  await made.client.query('drop table t; create table t (id int primary key)');
  await expectEnd(made, 'source.gap', 'is another table than the one that was captured');
});

test('a captured table that was dropped or renamed: told, and gone on with once it is configured away', async () => {
  const made = await stopped();
  await made.client.query('insert into other values (1); alter table t rename to u; insert into u values (3)');
  await expectEnd(made, 'source.not_ready', 'the table public.t does not exist');
  const renamed = { ...made.options, tables: ['public.u', 'public.other'] };
  const reading = read(renamed, made.position);
  // What was written under the former name has no place in a topic of the new one.
  await made.client.query('alter table u rename to t; insert into t values (4); alter table t rename to u');
  expect(await reading.failed).toMatchObject({
    code: 'source.gap',
    message: expect.stringContaining('was renamed to public.t'),
  });
  await reading.stop();
  const without = read({ ...made.options, tables: ['public.other'] }, lastPosition(reading.output));
  await made.client.query('insert into other values (2)');
  await without.until(() => without.output.rows().length === 1);
  const streamed = rowTexts(reading.output).filter((row) => row.startsWith('c'));
  expect([...streamed, ...rowTexts(without.output)]).toEqual(['c null {"id":"1"}', 'c null {"id":"2"}']);
});

/** While the stream is being read. */
const UNDER_WAY: readonly (readonly [what: string, sql: (made: Stopped) => string, words: string])[] = [
  ['publication dropped', ({ publication }) => `drop publication ${publication}`, 'publication'],
  [
    'publication dropped and made anew',
    ({ publication }) =>
      `drop publication ${publication}; create publication ${publication} for table only t, only other`,
    'publication',
  ],
  [
    'table taken out',
    ({ publication }) => `alter publication ${publication} drop table t`,
    'does not publish public.t',
  ],
  [
    'table taken out and put in again',
    ({ publication }) => `alter publication ${publication} drop table t; alter publication ${publication} add table t`,
    // Seen between the two, or after them.
    'public.t',
  ],
  ['table renamed', () => 'alter table t rename to u; insert into u values (9)', 'public.t'],
  [
    'another table under the name',
    () => 'alter table t rename to u; create table t (id int primary key)',
    'does not publish public.t',
  ],
  ['table dropped', () => 'drop table t', 'does not publish public.t'],
];

test.each(UNDER_WAY)('invariant 5: under way, %s', async (_, sql, words) => {
  const made = await stopped();
  const reading = read(made.options, made.position);
  await made.client.query('insert into other values (1)');
  await reading.until(() => reading.output.transactions.length === 1);
  for (const statement of sql(made).split(';')) await made.client.query(statement);
  await made.client.query('insert into other values (2)');
  expect(await reading.failed).toMatchObject({ code: 'source.gap', message: expect.stringContaining(words) });
});

test('invariant 5: a publication that the server itself misses', async () => {
  const made = await stopped();
  const never = { ...systemClock, sleep: () => new Promise<void>(() => {}) };
  const reading = read({ ...made.options, context: { ...context, clock: never } }, made.position);
  await made.client.query('insert into other values (1)');
  await reading.until(() => reading.output.transactions.length === 1);
  await made.client.query(`drop publication ${made.publication}`);
  await made.client.query('insert into other values (2)');
  expect(await reading.failed).toMatchObject({ code: 'source.gap', message: expect.stringContaining('publication') });
  expect(rowTexts(reading.output)).toEqual(['c null {"id":"1"}']);
});

test('a first start drops what an earlier one left, and goes on without gap', async () => {
  const made = await stopped();
  await made.client.query('insert into t values (3)');
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === 2);
  expect(rowTexts(reading.output)).toEqual([1, 2, 3].map((id) => `r null {"id":"${id}"}`));
  await made.client.query('insert into t values (4)');
  await reading.until(() => reading.output.transactions.length === 3);
});

test('a slot that the user named is not taken over at a first start, unless it is lost to all', async () => {
  const made = await stopped();
  const { options } = made;
  const config = { ...options.config, slot: made.slot };
  const reading = read({ ...options, config });
  expect(await reading.failed).toMatchObject({ code: 'source.not_ready', remedy: expect.stringContaining(made.slot) });
  expect(await slotExists(made)).toBe(true);
});

test('a slot that another reader uses: told with its process, and tried again', async () => {
  const made = await stopped();
  const first = read(made.options, made.position);
  await made.client.query('insert into t values (3)');
  await first.until(() => first.output.transactions.length === 1);
  const hurried = { ...hastyClock, monotonic: () => 30 * systemClock.monotonic() };
  const second = read({ ...made.options, context: { ...context, clock: hurried } }, made.position);
  expect(await second.failed).toMatchObject({
    code: 'source.unreachable',
    message: expect.stringMatching(/in use by the server process \d+/),
  });
  await made.client.query('insert into t values (4)');
  await first.until(() => first.output.transactions.length === 2);
});
