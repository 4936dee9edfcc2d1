/** Conditions of filters as SQL: the rows that the server finds are those that the rules keep, all of them and no others. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../demo/servers/postgres.ts';
import { Random } from '../../demo/shop/random.ts';
import type { Value } from '../../src/contracts/row.ts';
import { createRules } from '../../src/rules/index.ts';
import { filterSql } from '../../src/sdk/source/predicate-sql.ts';
import { change, table } from '../../test/support/changes.ts';
import { EXPRESSION_COLUMNS, randomRow } from '../../test/support/expression-rows.ts';
import { type ConditionColumn, ConditionMaker } from '../../test/support/random-conditions.ts';
import { testSeed } from '../../test/support/seed.ts';
import { filterDialect } from './filter-dialect.ts';

const CONDITIONS = process.env.TAILRACE_FULL === '1' ? 30_000 : 1_000;
const ROWS = 60;
const TABLE = table('t', EXPRESSION_COLUMNS);
const TEXTS = ['', 'a', 'A', 'a ', ' a', 'a\t', 'é', 'e\u0301', 'ß', 'ss', "it's", 'a\\b', '12', '𝄞x'];
const NUMBERS = ['0', '-1', '7', '1.5', '-2.25', '2147483648', '9223372036854775808', "'-7'", '0.0001'];
const literals = (texts: readonly string[]) => texts.map((text) => `'${text.replaceAll("'", "''")}'`);
const numeric = (name: string): ConditionColumn => ({
  name,
  others: ['s', 'i', 'i2', 'n', 'd', 'm'],
  values: [...NUMBERS, ...(name === 'm' ? ["'NaN'", "'Infinity'", '123456789012345678901234567890.123'] : [])],
});
const float = (name: string): ConditionColumn => ({
  name,
  others: [name === 'r' ? 'r' : 'f', 'd'],
  values: ['0', '-0.0', '0.1', "'0.1'", "'1e-45'", "'NaN'", "'-Infinity'", '1e300', '16777216'],
});
const times = ['2024-02-29', '1999-12-31 23:59:59.999999', 'infinity', '-infinity', '0044-03-15 01:02:03 BC'];
const COLUMNS: readonly ConditionColumn[] = [
  { name: 'b', others: ['b2'], values: ['true', 'false', "'f'"], isBool: true },
  { name: 'b2', others: ['b'], values: ['true', 'null'], isBool: true },
  ...['s', 'i', 'n', 'd', 'm'].map(numeric),
  ...['r', 'f'].map(float),
  ...['t', 't2', 'v'].map((name) => ({ name, others: ['t', 'v'], values: literals(TEXTS) })),
  { name: 'c', others: ['v'], values: literals(TEXTS) },
  ...['dt', 'ts', 'tz'].map((name) => ({ name, others: ['dt', 'ts', 'tz'], values: literals(times) })),
  { name: 'tm', others: ['tm'], values: literals(['00:00', '24:00', '12:34:56.789']) },
  { name: 'u', others: ['u'], values: literals(['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11']) },
  { name: 'y', others: ['y'], values: literals(['\\x61', '\\x00ff61', '\\x']) },
  { name: 'e', others: ['e'], values: literals(['sad', 'happy']) },
  ...['j', 'jb', 'a'].map((name) => ({ name, others: [name], values: ['null'] })),
];

let server: PostgresServer;
let client: pg.Client;
beforeAll(async () => {
  server = await startPostgres();
  client = new pg.Client(server.url);
  await client.connect();
  await client.query(`create type mood as enum ('sad', 'ok', 'happy')`);
  const columns = EXPRESSION_COLUMNS.map(({ name, native }) => `${name} ${native}`);
  await client.query(`create table t (id integer primary key, ${columns.join(', ')})`);
});
afterAll(async () => {
  await client?.end();
  await server?.stop();
});

const rows = async <T extends object>(sql: string, values: unknown[] = []) => (await client.query<T>(sql, values)).rows;

const parameter = (value: Value) =>
  value instanceof Uint8Array
    ? Buffer.from(value)
    : Object.is(value, -0)
      ? '-0'
      : value === null
        ? null
        : Array.isArray(value)
          ? value
          : String(value);

async function fill(random: Random): Promise<readonly Value[][]> {
  const places = ['t', 't2', 'v'].map((name) => EXPRESSION_COLUMNS.findIndex((one) => one.name === name));
  const made = Array.from({ length: ROWS }, () => {
    const values = randomRow(random);
    for (const place of places) if (random.chance(0.7)) values[place] = random.pick(TEXTS);
    return values;
  });
  for (const [id, values] of made.entries()) {
    const list = EXPRESSION_COLUMNS.map(({ native }, i) => `$${i + 1}::${native}`).join(', ');
    await client.query(`insert into t values (${id}, ${list})`, values.map(parameter));
  }
  return made;
}

test('the server finds the rows that the rules keep', { timeout: 120_000 }, async () => {
  const random = new Random(testSeed);
  const changes = (await fill(random)).map((values, i) =>
    change(TABLE, { op: 'insert', version: i + 1, after: values }),
  );
  const rules = createRules();
  const [found] = await rows<{ oid: number }>(`select 't'::regclass::oid::int as oid`);
  const dialect = await filterDialect(rows, found!.oid);
  const maker = new ConditionMaker(random, COLUMNS);
  const wrong: unknown[] = [];
  let asked = 0;
  for (let i = 0; i < CONDITIONS; i++) {
    const step = { verb: 'filter', config: maker.make(), path: ['source', 'transform', 0] };
    if (rules.lintTable([step], TABLE).length > 0) continue;
    const conditions = rules.sourceFilters([step], TABLE);
    const { sql, hindrances } = filterSql(conditions, dialect);
    if (sql.length === 0) continue;
    asked++;
    // Where a part of it stays here, the others are compared by themselves.
    const asWritten = conditions
      .filter((_, k) => hindrances[k] === null)
      .map(({ text }) => ({ ...step, config: text }));
    const transform = rules.compile(asWritten, TABLE, { maskKey: null });
    const kept = changes.flatMap((one, id) => (transform.apply(one)[0]!.op === 'insert' ? [id] : []));
    const ids = (await rows<{ id: number }>(`select id from t where ${sql.join(' and ')} order by id`)).map(
      ({ id }) => id,
    );
    if (String(ids) !== String(kept)) wrong.push({ condition: step.config, sql, ids, kept });
  }
  expect(wrong.slice(0, 3)).toEqual([]);
  expect(asked).toBeGreaterThan(CONDITIONS / 4);
});
