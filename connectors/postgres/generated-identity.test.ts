/** Generated columns in a replica identity: from version 18 on a publication without them stops the application. */
import { expect, test } from 'vitest';
import { postgresScenes, read, rowTexts, type Scene } from '../../test/support/postgres-source.ts';
import { publicationOf } from './names.ts';
import { checkSource } from './source-check.ts';

const scene = postgresScenes();
const FULL = `create table t (id int primary key, v int, g int generated always as (v * 2) stored);
  alter table t replica identity full; insert into t values (1, 1)`;
const KEY = `create table t (id int primary key, v int not null, g int generated always as (v * 2) stored not null);
  create unique index i on t (g); alter table t replica identity using index i; insert into t values (1, 1)`;
const VIRTUAL = `create table t (id int primary key, v int, g int generated always as (v * 2) virtual);
  alter table t replica identity full; insert into t values (1, 1)`;

const problems = async ({ options }: Scene) => (await checkSource(options)).filter(({ level }) => level === 'problem');
const publications = async ({ client }: Scene) => (await client.query('select from pg_publication')).rowCount;

/** It is checked and refused without anything made; once the remedies have been run it is captured and written to. */
async function expectMended(made: Scene, count: number, message: string): Promise<string[]> {
  const before = await publications(made);
  for (let i = 0; i < count; i++) {
    const found = await problems(made);
    expect(found).toMatchObject([{ message: expect.stringContaining(message) }]);
    expect(await read(made.options).failed).toMatchObject({ code: 'source.not_ready', message: found[0]!.message });
    expect(await publications(made)).toBe(before);
    await made.client.query(found[0]!.remedy!);
  }
  expect(await problems(made)).toEqual([]);
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === 1);
  await made.client.query('update t set v = 2; delete from t');
  await reading.until(() => reading.output.transactions.length === 2);
  await reading.stop();
  return rowTexts(reading.output);
}

const READ = 'r null {"id":"1","v":"1","g":"2"}';
const FULL_ROWS = [
  READ,
  'u {"id":"1","v":"1","g":"2"} {"id":"1","v":"2","g":"4"}',
  'd {"id":"1","v":"2","g":"4"} null',
];

test.each([
  ['all columns identify', FULL],
  ['an index with one identifies', KEY],
])('a stored generated column, where %s: no publication that makes UPDATE fail', async (_, ddl) => {
  const made = await scene(['public.t'], ddl);
  const isFull = ddl === FULL;
  if (made.server.major < 18) {
    // It is not in the stream; nothing is refused.
    if (isFull) expect(await problems(made)).toEqual([]);
    else expect((await expectMended(made, 1, 'cannot be published: g')).at(-1)).toBe('d {"id":"1"} null');
    return;
  }
  const rows = await expectMended(made, 1, 'would make UPDATE and DELETE of public.t fail');
  expect(rows).toEqual(isFull ? FULL_ROWS : [READ, expect.any(String), expect.any(String), expect.any(String)]);
});

test.each([
  ['leaves them out', '', 1],
  ['has a column list', '(id, v)', 2],
])('a publication of the user that %s (version 18)', async (_, list, steps) => {
  const made = await scene(['public.t'], `${FULL}; create publication mine for table t ${list}`, {
    config: { publication: 'mine' },
  });
  if (made.server.major < 18) return;
  await expect(made.client.query('update t set v = 1')).rejects.toThrow(/cannot update table/);
  expect(await expectMended(made, steps, 'UPDATE and DELETE of public.t fail')).toEqual(FULL_ROWS);
});

test('the table is added to a publication of our own that leaves them out: refused before it is (version 18)', async () => {
  const made = await scene(['public.t'], `${FULL}; create table u (id int primary key)`);
  if (made.server.major < 18) return;
  const { name } = publicationOf(made.options);
  await made.client.query(`create publication "${name}" for table u`);
  expect(await read(made.options).failed).toMatchObject({
    code: 'source.not_ready',
    remedy: `ALTER PUBLICATION "${name}" SET (publish_generated_columns = stored);`,
  });
  await made.client.query('update t set v = 1');
  expect(await expectMended(made, 1, 'would make UPDATE')).toEqual(FULL_ROWS);
});

test('a virtual generated column, which no publication can have (version 18)', async () => {
  const made = await scene(['public.t'], (major) => (major < 18 ? FULL : VIRTUAL));
  if (made.server.major < 18) return;
  const rows = await expectMended(made, 1, 'cannot be published: g');
  expect(rows).toEqual(['r null {"id":"1","v":"1"}', expect.stringContaining('u null'), 'd {"id":"1"} null']);
});
