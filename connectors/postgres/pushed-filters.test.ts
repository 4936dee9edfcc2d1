/** Filters that run in the database where a table is read: fewer rows come, and targets end the same. */
import type pg from 'pg';
import { expect, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import type { TableFilters } from '../../src/contracts/predicate.ts';
import { createRules } from '../../src/rules/index.ts';
import { Follower } from '../../test/support/postgres-follower.ts';
import { postgresScenes, read } from '../../test/support/postgres-source.ts';
import type { RecordedTransaction } from '../../test/support/recording-output.ts';
import { testSeed } from '../../test/support/seed.ts';
import { filterPlacesOf } from './filter-places.ts';
import type { SourceOptions } from './names.ts';
import { readPosition } from './position.ts';
import { describeSource } from './source-check.ts';

const scene = postgresScenes();
const full = process.env.TAILRACE_FULL !== undefined;

const FILTER = "status = 'open' and n % 3 <> 0 and n >= 10";
const DDL = `create table t (id int primary key, status text, n int);
  insert into t select i, case i % 4 when 0 then 'open' when 1 then 'OPEN' when 2 then null else 'shut' end, i % 50
  from generate_series(1, 400) i;`;

async function withFilters(options: SourceOptions, config = FILTER): Promise<SourceOptions> {
  const [table] = await describeSource(options);
  const conditions = createRules().sourceFilters(
    [{ verb: 'filter', config, path: ['source', 'transform', 0] }],
    table!,
  );
  const filters: TableFilters = new Map([['public.t', conditions]]);
  return { ...options, filters };
}

/** What a target holds behind the filter, by id. */
function held(transactions: readonly RecordedTransaction[]): Map<string, string> {
  const rows = new Map<string, { readonly text: string; readonly at: number }>();
  let begun = 0;
  for (const [at, { markers, rows: changes }] of transactions.entries()) {
    if (markers.includes('truncate public.t')) rows.clear();
    if (markers.includes('snapshot-begin public.t')) begun = at;
    for (const { before, after } of changes) {
      const { id, status, n } = after ?? before!;
      const isKept = after !== null && status === 'open' && Number(n) % 3 !== 0 && Number(n) >= 10;
      if (isKept) rows.set(String(id), { text: `${status} ${n}`, at });
      else rows.delete(String(id));
    }
    if (!markers.includes('snapshot-end public.t')) continue;
    for (const [id, row] of rows) if (row.at < begun) rows.delete(id);
  }
  return new Map([...rows].map(([id, { text }]) => [id, text]));
}

async function expected(client: pg.Client): Promise<Map<string, string>> {
  const { rows } = await client.query<{ id: number; text: string }>(
    `select id, status || ' ' || n as text from t where status = 'open' and n % 3 <> 0 and n >= 10`,
  );
  return new Map(rows.map(({ id, text }) => [String(id), text]));
}

test('the first reading of a table asks for the rows that may be kept; a second one reads them all', async () => {
  const made = await scene(['public.t'], DDL);
  const options = await withFilters(made.options);
  const { reader, output, until } = read(options);
  const isOver = () => output.transactions.some(({ markers }) => markers.includes('snapshot-end public.t'));
  await until(isOver);
  const read1 = output.rows().filter(({ op }) => op === 'r');
  const { rows } = await made.client.query("select count(*)::int as n from t where status = 'open' and n >= 10");
  expect(read1).toHaveLength(rows[0]!.n);
  expect(held(output.transactions)).toEqual(await expected(made.client));
  // Its rows were streamed since: a row that stops matching between two ranges is older than nothing.
  output.transactions.length = 0;
  await reader.snapshots({ do: 'start', tables: null });
  await until(isOver);
  expect(output.rows().filter(({ op }) => op === 'r')).toHaveLength(400);
});

test('a column that is of another type by now is not asked about', async () => {
  const made = await scene(['public.t'], DDL);
  const options = await withFilters(made.options);
  await made.client.query('alter table t alter n type numeric, alter status type char(5)');
  const { output, until } = read(options);
  await until(() => output.transactions.some(({ markers }) => markers.includes('snapshot-end public.t')));
  expect(output.rows()).toHaveLength(400);
});

test('where each condition runs, and why not in the database', async () => {
  const made = await scene(
    ['public.t'],
    `create extension citext; create collation loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
     create table t (id int primary key, a text, b text collate loose, c citext, d char(3), j jsonb);`,
  );
  const conditions = [
    "a = 'x'",
    "a < 'x'",
    "b = 'x'",
    "c = 'x'",
    "d = 'x'",
    'j is null',
    "lower(a) = 'x'",
    'id > 1.5',
    'id > null',
    "a like 'x%'",
  ];
  const places = await filterPlacesOf(await withFilters(made.options, conditions.join(' and ')));
  expect(places.map(({ condition, snapshot }) => [condition, snapshot])).toEqual([
    ["a = 'x'", null],
    ["a < 'x'", "the order of a is the database's own"],
    ["b = 'x'", 'the collation of b has equal texts that differ'],
    ["c = 'x'", 'c has the type citext'],
    ["d = 'x'", 'blanks pad d'],
    ['j is null', 'j has the type jsonb'],
    ["lower(a) = 'x'", 'it calls lower()'],
    ['id > 1.5', null],
    ['id > null', 'it compares with NULL'],
    ["a like 'x%'", 'it matches a pattern'],
  ]);
});

test('beside a workload, stopped after any step: the target ends as without it', { timeout: 120_000 }, async () => {
  const random = new Random(testSeed);
  const made = await scene(['public.t'], DDL, { config: { snapshot_chunk_rows: 20, snapshot_connections: 2 } });
  const follower = new Follower(await withFilters(made.options), () => random.chance(0.7));
  const isOver = () =>
    follower.position !== null && readPosition(follower.position).tables['public.t']?.read === 'past';
  const write = () => {
    const id = random.between(1, 450);
    const row = `${random.pick(["'open'", "'OPEN'", 'null', "'shut'"])}, ${random.between(0, 60)}`;
    return random.pick([
      `insert into t values (${id}, ${row}) on conflict (id) do update set (status, n) = (excluded.status, excluded.n)`,
      `update t set (status, n) = (${row}) where id between ${id} and ${id + 5}`,
      `update t set id = id + 1000 where id = ${id}`,
      `delete from t where id = ${id}`,
    ]);
  };
  const lives = full ? 100 : 10;
  for (let life = 0; life < lives; life++) {
    for (let i = 0; i < 10; i++) await made.client.query(write()).catch(() => {});
    const next = follower.transactions.length + random.between(1, 4);
    await follower.run(() => follower.transactions.length >= next || isOver());
  }
  await made.client.query("insert into t values (1000000, 'open', 10)");
  const isLast = () => follower.transactions.some(({ rows }) => rows.some(({ after }) => after?.id === '1000000'));
  await follower.run(() => isOver() && isLast());
  expect(held(follower.transactions)).toEqual(await expected(made.client));
});
