import pg from 'pg';
import { expect, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import { postgresScenes, type Reading, read } from '../../test/support/postgres-source.ts';
import { typeCases as casesFor, RawJson, TYPES_DDL, type TypeCase } from '../../test/support/postgres-types.ts';
import type { Recorded } from '../../test/support/recording-output.ts';
import { testSeed } from '../../test/support/seed.ts';

const scene = postgresScenes();
/** Streamed rows are the ones that were there before, with this added to their keys. */
const STREAMED = 1_000;

/** Written as PostgreSQL writes them. */
const WITHOUT_KIND =
  'money xid8 pg_lsn xid cid tid inet cidr macaddr macaddr8 tsvector tsquery point line lseg box path polygon circle hstore ltree cube isbn13 seg query_int lquery ltxtquery jsonpath int2vector pg_snapshot regtype regproc regprocedure regoperator regclass regnamespace regrole regconfig regdictionary refcursor oidvector aclitem'.split(
    ' ',
  );

/** Of whoever else uses the database; the source pins its own. */
const HOSTILE_SETTINGS = {
  datestyle: 'SQL, DMY',
  intervalstyle: 'postgres_verbose',
  timezone: 'America/St_Johns',
  extra_float_digits: '-5',
  bytea_output: 'escape',
  search_path: '"Other, schema", public',
  quote_all_identifiers: 'on',
  default_transaction_isolation: 'serializable',
  client_encoding: 'LATIN1',
  client_min_messages: 'error',
};

/** Those that the server has. */
let typeCases: readonly TypeCase[] = [];
let rowCount = 0;

const column = (index: number) => `c${index}`;

function tableDdl(major: number): string {
  typeCases = casesFor(major);
  rowCount = Math.max(...typeCases.map(({ values }) => values.length)) + 1;
  const columns = typeCases.map(({ type }, index) => `${column(index)} ${type}`).join(', ');
  const rows = Array.from({ length: rowCount }, (_, row) => {
    const values = typeCases.map(({ values: all }) => (row === 0 ? 'null' : all[(row - 1) % all.length]!));
    return `insert into t values (${row}, ${values.join(', ')});`;
  });
  return `${TYPES_DDL} create table t (id int primary key, ${columns}); alter table t replica identity full; ${rows.join('\n')}`;
}

/** JSON with numbers kept as their digits. */
function json(value: unknown, element: (text: string) => unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => json(item, element)).join(',')}]`;
  if (value === null) return 'null';
  const leaf = element(String(value));
  return leaf instanceof RawJson ? leaf.text : JSON.stringify(leaf);
}

function expected({ element }: TypeCase, said: string | null): Recorded {
  if (said === null || element === undefined) return said;
  return `json:${json(JSON.parse(said), element)}`;
}

/** What PostgreSQL says of each column, by row id. */
async function canonicalRows(url: string): Promise<Map<number, Recorded[]>> {
  const client = new pg.Client({
    connectionString: url,
    options: '-c intervalstyle=iso_8601 -c timezone=UTC -c lc_monetary=C',
  });
  await client.connect();
  try {
    const columns = typeCases.map(({ canonical }, index) => canonical.replace(/\bv\b/g, column(index)));
    const { rows } = await client.query({ text: `select id, ${columns.join(', ')} from t`, rowMode: 'array' });
    return new Map(
      rows.map(([id, ...texts]) => [id, texts.map((text: string | null, i) => expected(typeCases[i]!, text))]),
    );
  } finally {
    await client.end();
  }
}

function valuesById({ output }: Reading, ops: string, side: 'before' | 'after'): Map<number, Recorded[]> {
  const rows = output.rows().filter(({ op }) => ops.includes(op));
  return new Map(rows.map((row) => [Number(row[side]!.id), typeCases.map((_, index) => row[side]![column(index)])]));
}

function differences(actual: Map<number, Recorded[]>, wanted: Map<number, Recorded[]>, shift = 0): string[] {
  const found: string[] = [];
  for (let id = 0; id < rowCount; id++) {
    const [one, other] = [actual.get(id + shift), wanted.get(id)];
    typeCases.forEach(({ type }, index) => {
      const [a, b] = [one?.[index], other?.[index]];
      if (a !== b) found.push(`${type} (row ${id}): ${show(a)} instead of ${show(b)}`);
    });
  }
  return found;
}

const show = (value: Recorded) => JSON.stringify(value)?.slice(0, 120);

test('invariant 9: every type, each value alike in snapshot, stream and the words of PostgreSQL itself', async () => {
  const { client, url, options } = await scene(['public.t'], tableDdl);
  const distinct = new Set(typeCases.map(({ type }) => type)).size;
  expect(distinct).toBeGreaterThanOrEqual(140);
  console.log(
    `types: ${distinct}, ${typeCases.reduce((sum, { values }) => sum + values.length, 0)} values, read four ways`,
  );
  const wanted = await canonicalRows(url);
  for (const [setting, value] of Object.entries(HOSTILE_SETTINGS)) {
    await client.query(
      `alter database ${options.name} set ${setting} = ${setting === 'search_path' ? value : `'${value}'`}`,
    );
  }
  const reading = read(options);
  await reading.until(() => reading.output.transactions.length === 1);
  const columns = typeCases.map((_, index) => column(index)).join(', ');
  await client.query(`insert into t select id + ${STREAMED}, ${columns} from t where id < ${STREAMED}`);
  await client.query(`update t set id = id + ${STREAMED} where id >= ${STREAMED}`);
  await reading.until(() => reading.output.transactions.length === 3);
  const snapshot = valuesById(reading, 'r', 'after');
  expect(differences(snapshot, wanted)).toEqual([]);
  expect(differences(valuesById(reading, 'c', 'after'), snapshot, STREAMED)).toEqual([]);
  expect(differences(valuesById(reading, 'c', 'after'), snapshot, 2 * STREAMED)).toEqual([]);
  expect(differences(valuesById(reading, 'd', 'before'), snapshot, STREAMED)).toEqual([]);
  const [schema, ...others] = reading.output.schemas;
  expect(others, 'snapshot and stream describe the table alike').toEqual([]);
  const kinds = new Map(schema?.columns.map(({ native, kind }) => [native, kind]));
  expect([...kinds].filter(([, kind]) => kind === 'other').map(([native]) => native)).toEqual(WITHOUT_KIND);
});

/** Nested arrays of equal shape, as PostgreSQL has them: dimensions, then that many texts. */
const randomArray = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }).chain((dimensions) => {
  const count = dimensions.reduce((product, size) => product * size, 1);
  const text = fc.string({ unit: fc.constantFrom(...'aé😀"\\{},;\t\n\r\x01 NUL='), maxLength: 6 });
  const leaves = fc.array(fc.option(fc.oneof(text, fc.constantFrom('NULL', 'null', '', '[1:2]={')), { freq: 5 }), {
    minLength: count,
    maxLength: count,
  });
  return leaves.map((list) => nest(list, dimensions));
});

type Nested = string | null | readonly Nested[];

function nest(leaves: readonly (string | null)[], [size = 1, ...rest]: readonly number[]): Nested {
  if (rest.length === 0) return leaves;
  const part = leaves.length / size;
  return Array.from({ length: size }, (_, i) => nest(leaves.slice(i * part, (i + 1) * part), rest));
}

test('invariant 9: arrays of any shape and text', async () => {
  const { client, options } = await scene(['public.t'], 'create table t (id int primary key, v text[], same jsonb)');
  const seed = testSeed;
  console.log(`arrays: seed ${seed} (TAILRACE_SEED)`);
  const values = fc.sample(randomArray, { seed, numRuns: process.env.TAILRACE_FULL === undefined ? 500 : 20_000 });
  const write = (from: number) =>
    client.query(
      // The shape comes back from PostgreSQL as JSON, so the expectation does not rest on the text of arrays.
      `insert into t select $2 + i, v, to_jsonb(v) from unnest($1::text[]) with ordinality a(text, i), cast(text as text[]) v`,
      [values.map(arrayLiteral), from],
    );
  await write(0);
  const { output, until } = read(options);
  await until(() => output.transactions.length === 1);
  await write(values.length);
  await until(() => output.transactions.length === 2);
  const rows = output.rows();
  expect(rows).toHaveLength(2 * values.length);
  for (const { after } of rows) {
    const value = values[(Number(after!.id) - 1) % values.length];
    expect(JSON.parse(String(after!.same))).toEqual(value);
    expect(JSON.parse(String(after!.v).replace('json:', ''))).toEqual(value);
  }
});

function arrayLiteral(value: Nested): string {
  if (Array.isArray(value)) return `{${value.map(arrayLiteral).join(',')}}`;
  return value === null ? 'NULL' : `"${String(value).replace(/["\\]/g, '\\$&')}"`;
}
