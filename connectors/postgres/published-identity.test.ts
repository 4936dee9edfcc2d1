/**
 * Publications of the user's by which the application's UPDATE and DELETE fail: the server itself says whether they do, and
 * what mends them is run as it stands.
 */
import type pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import { postgresScenes, read, rowTexts, type Scene } from '../../test/support/postgres-source.ts';
import { catalogTable } from './catalog.ts';
import { SqlSession } from './connections.ts';
import { findPublication, publishedTable } from './publication.ts';
import { publicationProblem } from './publication-problems.ts';
import { refusedTables } from './refused-tables.ts';
import { checkSource } from './source-check.ts';

const RUNS = Number(process.env.TAILRACE_TEST_RUNS ?? 40);
const scene = postgresScenes();
const MINE = { config: { publication: 'mine' } };
const TABLE = `create table t (id int primary key, v int not null, w text); insert into t values (1, 20, 'a')`;

const warnings = async ({ options }: Scene) => (await checkSource(options)).filter(({ level }) => level !== 'ok');

/** Whether the application can do it now; nothing is changed. */
async function accepts(client: pg.Client, statement: string): Promise<boolean> {
  await client.query('begin');
  try {
    await client.query(statement);
    return true;
  } catch (error) {
    expect((error as { code: string }).code).toMatch(/^(55000|42P10)$/);
    return false;
  } finally {
    await client.query('rollback');
  }
}

const REFUSED: readonly (readonly [identity: string, publishes: string, message: string, remedy: string])[] = [
  [
    'full',
    '(id, v)',
    'it has a column list, and the replica identity is FULL',
    'ALTER TABLE "public"."t" REPLICA IDENTITY DEFAULT;',
  ],
  ['full', '(id, v, w)', 'it has a column list, and the replica identity is FULL', again('')],
  ['using index i', '(id, w)', 'leaves out columns of the key of public.t: v', again(' ("v", "id", "w")')],
  [
    'default',
    `where (w is distinct from 'b' and v > 10)`,
    'its row filter uses columns outside of the replica identity: v, w',
    'ALTER TABLE "public"."t" REPLICA IDENTITY FULL;',
  ],
  ['default', '(id, v) where (v > 10)', 'outside of the replica identity: v', again(' ("id", "v")')],
];

function again(what: string): string {
  return `BEGIN; ALTER PUBLICATION "mine" DROP TABLE ONLY "public"."t"; ALTER PUBLICATION "mine" ADD TABLE ONLY "public"."t"${what}; COMMIT;`;
}

test('UPDATE and DELETE fail by a column list or a row filter: check says so, a start refuses, the remedy mends it', async () => {
  const made = await scene(['public.t'], '', MINE);
  if (made.server.major < 15) return;
  for (const [identity, publishes, message, remedy] of REFUSED) {
    await made.client.query(`${TABLE}; create unique index i on t (id, v); alter table t replica identity ${identity}`);
    await made.client.query(`create publication mine for table t ${publishes}`);
    expect(await accepts(made.client, `update t set w = 'b'`)).toBe(false);
    expect(await warnings(made)).toEqual([
      { level: 'problem', message: expect.stringContaining(message), remedy, path: ['publication'] },
    ]);
    expect(await read(made.options).failed).toMatchObject({ code: 'source.not_ready', remedy });
    await made.client.query(remedy);
    expect(await warnings(made)).toEqual([]);
    const reading = read(made.options);
    await reading.until(() => reading.output.transactions.length === 1);
    await made.client.query(`update t set w = 'c'; delete from t`);
    await reading.until(() => reading.output.rows().length === 3);
    expect(rowTexts(reading.output).map((text) => text[0])).toEqual(['r', 'u', 'd']);
    await reading.stop();
    await made.client.query('drop publication mine; drop table t');
  }
});

test('tables that are published and not captured: a warning, with what mends it', async () => {
  const made = await scene(
    ['public.t'],
    `${TABLE}; create table "No Key" (a int); create publication mine for all tables`,
    MINE,
  );
  expect(await accepts(made.client, 'delete from "No Key"')).toBe(false);
  expect(await warnings(made)).toEqual([
    {
      level: 'warning',
      message: 'the publication mine makes UPDATE and DELETE of tables fail that are not captured: public.No Key',
      remedy: 'ALTER TABLE "No Key" REPLICA IDENTITY FULL;',
      path: ['publication'],
    },
  ]);
  await made.client.query((await warnings(made))[0]!.remedy!);
  expect(await accepts(made.client, 'delete from "No Key"')).toBe(true);
  expect(await warnings(made)).toEqual([]);
});

const COLUMNS = ['id', 'a', 'b', 'c'];
const published = fc.record({
  partitioned: fc.boolean(),
  viaRoot: fc.boolean(),
  identity: fc.constantFrom('default', 'full', 'using index i'),
  list: fc.option(fc.uniqueArray(fc.constantFrom(...COLUMNS), { minLength: 1 })),
  filter: fc.option(fc.uniqueArray(fc.constantFrom(...COLUMNS), { minLength: 1 })),
});
type Published = typeof published extends fc.Arbitrary<infer T> ? T : never;

/** Table `p` under the publication `mine`; of one that is not published by its root, the partition is `p`. */
function make({ partitioned, viaRoot, identity, list, filter }: Published): string {
  const rooted = partitioned && viaRoot;
  const columns = '(id int not null primary key, a int not null, b int, c int)';
  const [root, leaf] = partitioned ? (viaRoot ? ['p', 'p1'] : ['p0', 'p']) : [null, 'p'];
  const table =
    root === null
      ? `create table p ${columns}`
      : `create table ${root} ${columns} partition by range (id); create table ${leaf} partition of ${root} default`;
  const index = (on: string, name: string) => `create unique index ${name} on ${on} (id, a)`;
  const indexes = rooted ? `${index('p', 'i')}; create index on p1 (a)` : index('p', 'i');
  const identities = rooted
    ? `alter table p replica identity ${identity}; alter table p1 replica identity ${identity.replace('index i', 'index p1_id_a_idx')}`
    : `alter table p replica identity ${identity}`;
  const where =
    filter === null ? '' : ` where (${filter.map((column) => `${column} is distinct from 7`).join(' and ')})`;
  const publication = `create publication mine for table p${list === null ? '' : ` (${list.join()})`}${where} with (publish_via_partition_root = ${viaRoot})`;
  return `${table}; ${indexes}; ${identities}; insert into p values (1, 1, 1, 1); ${publication}`;
}

test('whatever is published of a table: UPDATE and DELETE fail just where a problem is found, and not after its remedy', async () => {
  const { client, options, server } = await scene(['public.p'], '');
  if (server.major < 15) return;
  const sql = new SqlSession(options);
  onTestFinished(() => sql.close());
  const rows = <T extends object>(text: string, values?: unknown[]) => sql.rows<T>(text, values);
  const look = async () => {
    const table = {
      schema: 'public',
      table: 'p',
      label: 'public.p',
      catalog: (await catalogTable(rows, { schema: 'public', table: 'p', label: 'public.p' }))!,
    };
    const publication = (await findPublication(sql, 'mine'))!;
    return { table, publication, problem: publicationProblem('mine', publication, [table]) };
  };
  const works = async () => (await accepts(client, 'update p set b = 2')) && (await accepts(client, 'delete from p'));
  let refusals = 0;
  const property = fc.asyncProperty(published, async (how) => {
    await client.query(make(how));
    const { table, publication, problem } = await look();
    expect(problem === null).toBe(await works());
    expect((await refusedTables(rows, publication, [])) === null).toBe(problem === null);
    if (problem !== null) {
      refusals++;
      await client.query(problem.remedy);
      const after = await look();
      expect(after.problem).toBe(null);
      expect(await works()).toBe(true);
      const before = publishedTable(publication, table)!.columns!;
      const more = publishedTable(after.publication, after.table)!.columns!.filter(
        (column) => !before.includes(column),
      );
      // What the user keeps back is not published for that.
      expect(['id', 'a']).toEqual(expect.arrayContaining(more));
    }
  });
  await fc.assert(
    property.afterEach(async () => {
      await client.query('drop publication if exists mine; drop table if exists p, p0 cascade');
    }),
    { numRuns: RUNS },
  );
  expect(refusals).toBeGreaterThan(RUNS / 4);
});
