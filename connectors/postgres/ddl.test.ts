/** Tables that change, and tables that are not plain: the stream says what PostgreSQL did, under the schema of that moment. */
import { expect, test } from 'vitest';
import {
  lastPosition,
  postgresScenes,
  type Reading,
  read,
  rowTexts,
  type Scene,
} from '../../test/support/postgres-source.ts';
import { publicationOf } from './names.ts';

const scene = postgresScenes();
const BIG = 5_000;

interface Started extends Scene {
  readonly reading: Reading;
  /** Runs the statements as one transaction each (`;` inside one is kept together) and resolves to the rows they gave. */
  change(...transactions: string[]): Promise<string[]>;
}

/** After the snapshot of all tables. */
async function started(tables: readonly string[], ddl: string, extra?: Parameters<typeof scene>[2]): Promise<Started> {
  const made = await scene(tables, ddl, extra);
  const reading = read(made.options);
  const { output } = reading;
  await reading.until(() => output.transactions.length === tables.length);
  const change = async (...transactions: string[]) => {
    const [count, rows] = [output.transactions.length, output.rows().length];
    for (const transaction of transactions) await made.client.query(transaction);
    await reading.until(() => output.transactions.length === count + transactions.length);
    return rowTexts(output).slice(rows);
  };
  return { ...made, reading, change };
}

/** Without repeats: what the catalog of now knows of their storage may differ. */
const columns = ({ reading }: Started) =>
  reading.output.schemas
    .map((schema) => schema.columns.map(({ name, native }) => `${name} ${native}`).join(', '))
    .filter((text, i, all) => text !== all[i - 1]);

test('columns added, dropped, renamed and retyped in the middle of a transaction', async () => {
  const made = await started(
    ['public.t'],
    `create table t (id int primary key, a text, b int); insert into t values (0, 'x', 1)`,
  );
  const rows = await made.change(
    `insert into t values (1, 'one', 1);
     alter table t add c numeric default 7; insert into t values (2, 'two', 2);
     alter table t drop a; insert into t values (3, 3);
     alter table t rename b to d; insert into t values (4, 4);
     alter table t alter d type text using 'd' || d; insert into t values (5, 'five');
     update t set c = 8 where id = 1; alter table t rename id to key; update t set d = 'end' where key = 1`,
  );
  expect(rows).toEqual([
    'c null {"id":"1","a":"one","b":"1"}',
    'c null {"id":"2","a":"two","b":"2","c":"7"}',
    'c null {"id":"3","b":"3","c":"7"}',
    'c null {"id":"4","d":"4","c":"7"}',
    'c null {"id":"5","d":"five","c":"7"}',
    'u null {"id":"1","d":"d1","c":"8"}',
    'u null {"key":"1","d":"end","c":"8"}',
  ]);
  expect(columns(made)).toEqual([
    'id integer, a text, b integer',
    'id integer, a text, b integer, c numeric',
    'id integer, b integer, c numeric',
    'id integer, d integer, c numeric',
    'id integer, d text, c numeric',
    'key integer, d text, c numeric',
  ]);
  expect(made.reading.output.schemas.every(({ columns }) => columns[0]!.keyOrdinal === 1)).toBe(true);
});

test('DDL that was not read yet when the source started again: each row under the columns that it had', async () => {
  const made = await started(['public.t'], 'create table t (id int primary key, a text, b int)');
  await made.reading.stop();
  await made.client.query(
    `insert into t values (1, 'one', 1); alter table t drop a; insert into t values (2, 2);
     alter table t rename b to c; alter table t rename id to key; insert into t values (3, 3)`,
  );
  const again = read(made.options, lastPosition(made.reading.output));
  await again.until(() => again.output.transactions.length === 1);
  expect(rowTexts(again.output)).toEqual([
    'c null {"id":"1","a":"one","b":"1"}',
    'c null {"id":"2","b":"2"}',
    'c null {"key":"3","c":"3"}',
  ]);
});

test('the key moves to other columns; replica identities follow one another', async () => {
  const made = await started(['public.t'], 'create table t (id int primary key, code text not null unique, v int)');
  const rows = await made.change(
    `insert into t values (1, 'a', 1), (2, 'b', 2)`,
    `alter table t replica identity full; update t set v = 10 where id = 1; delete from t where id = 1`,
    `alter table t replica identity using index t_code_key; update t set v = 20 where id = 2; update t set code = 'c' where id = 2`,
    `alter table t replica identity default; alter table t drop constraint t_pkey; alter table t add primary key (code); delete from t where id = 2`,
  );
  expect(rows).toEqual([
    'c null {"id":"1","code":"a","v":"1"}',
    'c null {"id":"2","code":"b","v":"2"}',
    'u {"id":"1","code":"a","v":"1"} {"id":"1","code":"a","v":"10"}',
    'd {"id":"1","code":"a","v":"10"} null',
    'u null {"id":"2","code":"b","v":"20"}',
    'd {"code":"b"} null',
    'c null {"id":"2","code":"c","v":"20"}',
    'd {"code":"c"} null',
  ]);
});

test('a key that is gone stops the source before a row is placed without one', async () => {
  const made = await started(['public.t'], 'create table t (id int primary key, v int)');
  await made.client.query('alter table t drop constraint t_pkey; insert into t values (1, 1)');
  expect(await made.reading.failed).toMatchObject({
    code: 'source.unsupported',
    message: expect.stringContaining('public.t has no key'),
  });
  expect(made.reading.output.rows()).toEqual([]);
});

test('invariant 9: large columns that did not change are not sent, and never NULL', async () => {
  const ddl = `create table t (id int primary key, v int, big text, data bytea, list text[]);
    alter table t alter big set storage external; alter table t alter data set storage external; alter table t alter list set storage external;
    insert into t values (1, 1, repeat('x', ${BIG}), decode(repeat('ab', ${BIG}), 'hex'), array_fill('y'::text, array[${BIG}])), (2, 2, null, null, null)`;
  const made = await started(['public.t'], ddl);
  const sent = (row: string) => Object.keys(JSON.parse(row.slice(row.indexOf('null {') + 5)));
  const [one, two] = await made.change('update t set v = v + 1');
  expect(sent(one!)).toEqual(['id', 'v']);
  expect(two).toBe('u null {"id":"2","v":"3","big":null,"data":null,"list":null}');
  const [full] = await made.change('alter table t replica identity full; update t set v = 10 where id = 1');
  const { before, after } = made.reading.output.rows().at(-1)!;
  expect(full).toMatch(/^u/);
  expect([before, after].map((side) => Object.values(side!).map((value) => value?.length))).toEqual([
    [1, 1, BIG, 4 * Math.ceil(BIG / 3), 5 + BIG * 4 + 1],
    [1, 2, BIG, 4 * Math.ceil(BIG / 3), 5 + BIG * 4 + 1],
  ]);
});

test('a changed key: the insert of the new one has the large column that the update left out', async () => {
  const ddl = `create table t (id int primary key, v int, big text); alter table t alter big set storage external;
    insert into t select i, i, repeat('x', ${BIG}) from generate_series(1, 3) i`;
  const made = await started(['public.t'], ddl);
  await made.change('update t set id = 10 where id = 1');
  const created = made.reading.output.rows().at(-1)!;
  expect(created).toMatchObject({ op: 'c', after: { id: '10', v: '1', big: 'x'.repeat(BIG) } });
  // Gone, or without the column, before the event is read: not sent, and what removed it follows.
  await made.reading.stop();
  await made.client.query('update t set id = 20 where id = 2');
  await made.client.query('delete from t where id = 20');
  await made.client.query('update t set id = 30 where id = 3');
  await made.client.query('alter table t drop big');
  await made.client.query('update t set v = 4 where id = 30');
  const again = read(made.options, lastPosition(made.reading.output));
  await again.until(() => again.output.transactions.length === 4);
  expect(rowTexts(again.output)).toEqual([
    'd {"id":"2"} null',
    'c null {"id":"20","v":"2"}',
    'd {"id":"20"} null',
    'd {"id":"3"} null',
    'c null {"id":"30","v":"3"}',
    'u null {"id":"30","v":"4"}',
  ]);
});

test('truncate of several tables, by cascade, between rows', async () => {
  const made = await started(
    ['public.a', 'public.b'],
    'create table a (id int primary key); create table b (id int primary key references a); create table c (id int primary key references b)',
  );
  await made.change('insert into a values (1); insert into b values (1); truncate a cascade; insert into a values (2)');
  const { markers, rows } = made.reading.output.transactions.at(-1)!;
  expect(markers).toEqual(['truncate public.a', 'truncate public.b']);
  expect(rows.map(({ table, after }) => `${table} ${after?.id}`)).toEqual(['public.a 1', 'public.b 1', 'public.a 2']);
});

test('partitions are their root; rows move between them; a new one joins; TRUNCATE of the root', async () => {
  const ddl = `create table p (id int, at int, v text, primary key (id, at)) partition by range (at);
    create table p1 partition of p for values from (0) to (10);
    create table p2 (v text, at int not null, gone int, id int not null); alter table p2 drop gone; alter table p2 add primary key (id, at);
    alter table p attach partition p2 for values from (10) to (20);
    insert into p values (1, 1, 'one'), (2, 11, 'two')`;
  const made = await started(['public.p'], ddl);
  expect(rowTexts(made.reading.output).sort()).toEqual([
    'r null {"id":"1","at":"1","v":"one"}',
    'r null {"id":"2","at":"11","v":"two"}',
  ]);
  const rows = await made.change(
    `update p set v = 'changed'`,
    'update p set at = 12 where id = 1',
    `create table p3 partition of p for values from (20) to (30); insert into p values (3, 21, 'three')`,
    'delete from p2 where id = 2',
    'truncate p',
  );
  expect(rows).toEqual([
    'u null {"id":"1","at":"1","v":"changed"}',
    'u null {"id":"2","at":"11","v":"changed"}',
    'd {"id":"1","at":"1"} null',
    'c null {"id":"1","at":"12","v":"changed"}',
    'c null {"id":"3","at":"21","v":"three"}',
    'd {"id":"2","at":"11"} null',
  ]);
  expect(made.reading.output.transactions.at(-1)!.markers).toEqual(['truncate public.p']);
  expect(new Set(made.reading.output.schemas.map(({ table }) => table))).toEqual(new Set(['p']));
});

test('tables that inherit are other tables', async () => {
  const made = await started(
    ['public.parent'],
    'create table parent (id int primary key); create table child (v int, primary key (id)) inherits (parent); insert into child values (1, 1)',
  );
  await made.client.query('insert into child values (2, 2)');
  expect(await made.change('insert into parent values (3)')).toEqual(['c null {"id":"3"}']);
  expect(made.reading.output.rows()).toHaveLength(1);
});

test('generated columns, enum values added, a dropped type in the past', async () => {
  const made = await started(
    ['public.t'],
    `create type mood as enum ('sad'); create type other as enum ('x');
     create table t (id int primary key, m mood, o other, g int generated always as (id * 2) stored)`,
  );
  const rows = await made.change(
    `insert into t values (1, 'sad', 'x')`,
    `alter type mood add value 'ok'`.replace(/$/, `; insert into t values (2, null, null)`),
    `insert into t values (3, 'ok', 'x')`,
    'alter table t drop o; drop type other; insert into t values (4)',
  );
  expect(rows).toEqual([
    'c null {"id":"1","m":"sad","o":"x"}',
    'c null {"id":"2","m":null,"o":null}',
    'c null {"id":"3","m":"ok","o":"x"}',
    'c null {"id":"4","m":null}',
  ]);
});

test('hostile names', async () => {
  const names = [
    'constructor',
    '__proto__',
    'a "quoted" name',
    "it's; --",
    'Ünïcode 漢字',
    'new\nline',
    'back\\slash',
    'x'.repeat(63),
  ];
  const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;
  const ddl = names.map(
    (name) => `create table ${quote(name)} (${quote(name)} int primary key, ${quote(`${name.slice(0, 50)}$`)} text);
      insert into ${quote(name)} values (1, 'there')`,
  );
  const made = await started(
    names.map((name) => `public.${name}`),
    ddl.join(';'),
  );
  for (const name of names) await made.change(`insert into ${quote(name)} values (2, 'added')`);
  const { output } = made.reading;
  expect(output.schemas.map(({ table, columns: all }) => [table, all[0]!.name])).toEqual(
    names.map((name) => [name, name]),
  );
  expect(output.rows().map(({ op, after }) => [op, ...Object.values(after!)])).toEqual([
    ...names.map(() => ['r', '1', 'there']),
    ...names.map(() => ['c', '2', 'added']),
  ]);
});

test('a publication of the user: its column list and row filter hold for the snapshot too', async () => {
  const made = await started(
    ['public.t'],
    `create table t (id int, v int, secret text, primary key (id, v));
     create publication mine for table t (id, v) where (v > 10 and id <> 3);
     insert into t values (1, 1, 's'), (2, 20, 's'), (3, 30, 's')`,
    { config: { publication: 'mine' } },
  );
  expect(rowTexts(made.reading.output)).toEqual(['r null {"id":"2","v":"20"}']);
  expect(made.reading.output.schemas).toHaveLength(1);
  expect(await made.change(`insert into t values (4, 40, 's'), (5, 5, 's')`)).toEqual(['c null {"id":"4","v":"40"}']);
  expect(made.reading.output.schemas).toHaveLength(1);
});

test('generated columns that the publication publishes (version 18)', async ({ skip }) => {
  const made = await scene(
    ['public.t'],
    'create table t (id int primary key, g int generated always as (id * 2) stored); insert into t values (1)',
    { config: { publication: 'mine' } },
  );
  if (made.server.major < 18) skip();
  await made.client.query(`create publication mine for table t with (publish_generated_columns = stored)`);
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === 1);
  await made.client.query('insert into t values (2)');
  await reading.until(() => reading.output.transactions.length === 2);
  expect(rowTexts(reading.output)).toEqual(['r null {"id":"1","g":"2"}', 'c null {"id":"2","g":"4"}']);
  expect(reading.output.schemas).toHaveLength(1);
});

test('a table added to the pipeline: only it is read, after the transactions that wrote to it unpublished', async () => {
  const made = await started(
    ['public.t'],
    'create table t (id int primary key); create table added (id int primary key)',
  );
  await made.reading.stop();
  const writer = await made.connect();
  await writer.query('begin; insert into added values (1)');
  const options = { ...made.options, tables: ['public.t', 'public.added'] };
  const published = async () => {
    const { rows } = await made.client.query('select tablename from pg_publication_tables where pubname = $1', [
      publicationOf(options).name,
    ]);
    return rows.length;
  };
  // Killed between the change of the publication and the snapshot, and started again.
  for (let i = 0; i < 2; i++) {
    const again = read(options, lastPosition(made.reading.output));
    while ((await published()) < 2) await again.until(() => true);
    await writer.query('insert into added values ($1)', [2 + i]);
    await again.stop();
    expect(again.output.rows()).toEqual([]);
  }
  const again = read(options, lastPosition(made.reading.output));
  await made.client.query('insert into t values (1)');
  await writer.query('commit');
  await again.until(() => again.output.rows().length === 4);
  // What else is streamed does not wait for it.
  const rows = ['c null {"id":"1"}', ...[1, 2, 3].map((id) => `r null {"id":"${id}"}`)];
  expect(rowTexts(again.output).sort()).toEqual(rows);
  await made.client.query('insert into added values (4)');
  await again.until(() => again.output.rows().length === 5);
});

test('snapshot: never', async () => {
  const made = await scene(['public.t'], 'create table t (id int primary key); insert into t values (1)', {
    snapshot: 'never',
  });
  const first = read(made.options);
  await first.until(() => first.output.heartbeats.length > 0);
  await made.client.query('insert into t values (2)');
  await first.until(() => first.output.transactions.length === 1);
  await first.stop();
  await made.client.query('insert into t values (3)');
  const second = read(made.options, lastPosition(first.output));
  await second.until(() => second.output.transactions.length === 1);
  expect([...rowTexts(first.output), ...rowTexts(second.output)]).toEqual(['c null {"id":"2"}', 'c null {"id":"3"}']);
});
