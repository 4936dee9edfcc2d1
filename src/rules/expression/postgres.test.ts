/** Expressions mean what they mean in PostgreSQL: random ones are computed by both and compared. */

import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../demo/servers/postgres.ts';
import { Random } from '../../../demo/shop/random.ts';
import { change, column, table } from '../../../test/support/changes.ts';
import { EXPRESSION_COLUMNS, randomRow } from '../../../test/support/expression-rows.ts';
import { ExpressionMaker } from '../../../test/support/random-expressions.ts';
import { testSeed } from '../../../test/support/seed.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { Change, Value } from '../../contracts/row.ts';
import { RowImage } from '../row-image.ts';
import { Stage } from '../stage.ts';
import type { Present } from '../values/cell.ts';
import { decimalText } from '../values/decimal.ts';
import { decimalOfFloat, floatText } from '../values/float.ts';
import { compileExpression } from './compile.ts';
import { toText } from './text-form.ts';
import { TEXT } from './types.ts';

const EXPRESSIONS = Number(process.env.TAILRACE_EXPRESSIONS ?? (process.env.TAILRACE_FULL === '1' ? 20_000 : 1_500));
const ROWS = 10;
const TABLE = table('t', EXPRESSION_COLUMNS);

let server: PostgresServer;
let client: pg.Client;
beforeAll(async () => {
  server = await startPostgres();
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  // Upper and lower case by the full rules of Unicode, order by code point.
  await admin.query(
    "create database expressions template template0 locale_provider builtin builtin_locale 'PG_UNICODE_FAST'",
  );
  await admin.end();
  client = new pg.Client({ connectionString: server.url.replace(/postgres$/, 'expressions') });
  await client.connect();
  await client.query(`create type mood as enum ('sad', 'ok', 'happy')`);
  const columns = EXPRESSION_COLUMNS.map(({ name, native }) => `${name} ${native}`);
  await client.query(`create table t (id integer primary key, ${columns.join(', ')})`);
  await client.query(ANSWERS);
});
afterAll(async () => {
  await client?.end();
  await server?.stop();
});

/** Per row of t: the value as text after "=", "null", or "error" with the cause. */
const ANSWERS = `create function answers(expression text) returns text[] language plpgsql as $$
declare
  row_id integer;
  answer text;
  answers text[] := '{}';
begin
  for row_id in select id from t order by id loop
    begin
      execute format('select cast((%s) as text) from t where id = %s', expression, row_id) into answer;
      answers := answers || coalesce('=' || answer, 'null');
    exception when others then
      answers := answers || ('error ' || sqlerrm);
    end;
  end loop;
  return answers;
end $$`;

const literal = (value: Value): string | null | readonly Value[] =>
  Array.isArray(value)
    ? value
    : value instanceof Uint8Array
      ? `\\x${Buffer.from(value).toString('hex')}`
      : value === null
        ? null
        : Object.is(value, -0)
          ? '-0'
          : String(value);

async function fill(rows: readonly Value[][]): Promise<void> {
  const list = rows.map(
    (_, id) =>
      `(${[id, ...EXPRESSION_COLUMNS.map(({ native }, i) => `$${id * EXPRESSION_COLUMNS.length + i + 1}::${native}`)].join(', ')})`,
  );
  await client.query(`insert into t values ${list.join(', ')}`, rows.flat().map(literal));
}

/** As `answers` does, by the rules. */
function ours(expression: string, changes: readonly Change[]): string[] {
  const { bound, problems } = compileExpression(expression, Stage.of(TABLE));
  if (bound === null || problems.length > 0) return changes.map(() => `error ${problems[0]?.message}`);
  const write = toText(bound.type.kind === 'untyped' ? TEXT : bound.type);
  if (write === null) return changes.map(() => `error no text of ${bound.type.kind}`);
  return changes.map((one) => {
    try {
      const cell = bound.run(new RowImage(one.after!, null, one, [], false));
      return cell === null ? 'null' : `=${write(cell as Present)}`;
    } catch (error) {
      if (!(error instanceof TailraceError)) throw error;
      return `error ${error.message}`;
    }
  });
}

/** What PostgreSQL has and rules refuse while they are checked; listed in docs/reference/expressions.md. */
const REFUSED = new RegExp(
  [
    'needs (a number|numbers), this is (time|date|timestamp)',
    '"like" needs text, this is bytea',
    'bytea cannot be cast to',
    'cannot be cast to bytea',
    'is not a value of type (time without|date)',
    'values of type (jsonb|.*\\[\\]) cannot be compared',
    'jsonb cannot be cast to',
    'needs double precision, this is numeric',
    'this always fails',
    '(gcd|lcm) does not take numeric',
    '(isfinite|date_trunc|to_char) does not take .*time without',
    '(mixes|and) .*\\[\\]',
    'arrays cannot be joined',
    'joins text, this is .*\\[\\]',
    'cannot be cast to (text|integer)\\[\\]',
    'there are no arrays of',
  ].join('|'),
);

const isError = (answer: string) => answer.startsWith('error ');
/** PostgreSQL says so only when the text gets that far, and reads dates that are not ISO 8601. */
const isStrict = (answer: string) =>
  answer.endsWith('ends with its escape character') ||
  /a text is not a value of type (date|time|timestamp)/.test(answer);
/** PostgreSQL reads `escape` of a pattern also where the text is NULL. */
const isEager = (theirs: string, mine: string) => theirs === 'error invalid escape string' && mine === 'null';
const same = (a: string, b: string) => a === b || (isError(a) && isError(b)) || isStrict(b) || isEager(a, b);

function seeded(what: string): Random {
  const seed = testSeed;
  console.log(`${what} seed ${seed}`);
  return new Random(seed);
}

/** Where the two do not agree, as text; and how many values were compared. */
async function differences(
  expressions: readonly string[],
  changes: readonly Change[],
): Promise<{ list: string[]; values: number }> {
  const list: string[] = [];
  let values = 0;
  for (const expression of expressions) {
    const { rows: found } = await client.query('select answers($1) as list', [expression]);
    const theirs = found[0].list as string[];
    const mine = ours(expression, changes);
    if (REFUSED.test(mine[0]!)) continue;
    values += theirs.filter((answer) => !isError(answer)).length;
    const row = theirs.findIndex((answer, at) => !same(answer, mine[at]!));
    if (row >= 0) list.push(`${expression}\n  row ${row}: PostgreSQL ${theirs[row]} · ours ${mine[row]}`);
  }
  return { list, values };
}

async function changesOf(rows: readonly Value[][]): Promise<Change[]> {
  await client.query('truncate t');
  await fill(rows);
  return rows.map((after) => change(TABLE, { op: 'insert', version: 1, after }));
}

test(
  'values, NULLs and errors are those of PostgreSQL',
  async () => {
    const random = seeded('expressions');
    const changes = await changesOf(Array.from({ length: ROWS }, () => randomRow(random)));
    const maker = new ExpressionMaker(random);
    const { list, values } = await differences(
      Array.from({ length: EXPRESSIONS }, () => maker.make()),
      changes,
    );
    expect(list.slice(0, 40).join('\n')).toBe('');
    // Most of them have a value, else little was compared.
    expect(values).toBeGreaterThan((EXPRESSIONS * ROWS) / 2);
  },
  60_000 + 20 * EXPRESSIONS,
);

test('dates and times are read and written as PostgreSQL does', async () => {
  const random = seeded('dates');
  const changes = await changesOf([randomRow(random)]);
  const expressions = Array.from({ length: 600 }, () => {
    const type = random.pick(['date', 'timestamp', 'timestamptz', 'time']);
    const text = type === 'time' && random.chance(0.8) ? randomTime(random) : randomTimestamp(random);
    const target = random.pick(['date', 'timestamp', 'timestamptz', 'time']);
    return random.chance(0.5) ? `cast('${text}' as ${type})` : `cast(cast('${text}' as ${type}) as ${target})`;
  });
  const { list, values } = await differences(expressions, changes);
  expect(list.join('\n')).toBe('');
  expect(values).toBeGreaterThan(200);
});

const digits = (random: Random, from: number, to: number, width: number) =>
  String(random.between(from, to)).padStart(width, '0');

function randomTime(random: Random): string {
  const clock = [digits(random, 0, 24, 2), digits(random, 0, 60, 2)];
  if (random.chance(0.8)) clock.push(digits(random, 0, 60, 2));
  const fraction =
    clock.length === 3 && random.chance(0.6) ? `.${digits(random, 0, 99_999_999, random.between(1, 8))}` : '';
  return clock.join(':') + fraction;
}

function randomTimestamp(random: Random): string {
  const year = random.chance(0.8) ? digits(random, 1, 9999, 4) : digits(random, 4700, 300_000, 4);
  const date = `${year}-${digits(random, 1, random.chance(0.95) ? 12 : 13, 2)}-${digits(random, 1, 31, 2)}`;
  const zone = random.chance(0.5) ? random.pick(['Z', '+02', '-03:30', '+0530', '-15:59:59', ' +01', '+16']) : '';
  const time = random.chance(0.8) ? `${random.pick([' ', 'T'])}${randomTime(random)}${zone}` : '';
  return `${date}${time}${random.chance(0.1) ? ' BC' : ''}`;
}

test('whole numbers divide as numeric does, and decimals reckon with its scales', async () => {
  const random = seeded('numbers');
  const whole = () => random.pick([1, -1]) * random.between(1, 10 ** random.between(1, 9));
  const decimal = () =>
    `${whole()}${random.chance(0.8) ? `.${digits(random, 0, 10 ** random.between(0, 9), random.between(1, 12))}` : ''}`;
  const numbers = (make: () => number | string) => Array.from({ length: 1_000 }, make);
  const [i, j, x, y] = [numbers(whole), numbers(whole), numbers(decimal), numbers(decimal)];
  const sql = `select array[i::numeric / j::numeric, x / y, x * y, x % y, x - y, x::numeric(30, 3), i / x]::text[] as answers
    from unnest($1::int[], $2::int[], $3::numeric[], $4::numeric[]) as n (i, j, x, y)`;
  const { rows } = await client.query(sql, [i, j, x, y]);
  const NUMBERS = table('n', [
    column('i', 'int32', 'integer'),
    column('j', 'int32', 'integer'),
    column('x', 'decimal', 'numeric'),
    column('y', 'decimal', 'numeric'),
  ]);
  const runs = ['i / j', 'x / y', 'x * y', 'x % y', 'x - y', 'x::numeric(30, 3)', 'i / x'].map(
    (text) => compileExpression(text, Stage.of(NUMBERS)).bound!,
  );
  const mine = i.map((_, at) => {
    const one = change(NUMBERS, { op: 'insert', version: 1, after: [i[at]!, j[at]!, x[at]!, y[at]!] });
    const image = new RowImage(one.after!, null, one, [], false);
    return runs.map(({ run, type }) => toText(type)!(run(image) as Present));
  });
  expect(mine).toEqual(rows.map(({ answers }) => answers));
});

test('floats are written as PostgreSQL writes them, and become decimals as there', async () => {
  const random = seeded('floats');
  const bits = new DataView(new ArrayBuffer(8));
  const any = () => {
    bits.setUint32(0, random.uint32());
    bits.setUint32(4, random.chance(0.3) ? 0 : random.uint32());
    return bits.getFloat64(0);
  };
  const near = () => random.between(-(10 ** 6), 10 ** 6) / 10 ** random.between(0, 8);
  // Around these a text can lie exactly between two floats.
  const large = () => (2 ** random.between(52, 70) / 10 ** random.between(0, 3)) * random.between(1, 9);
  const doubles = Array.from({ length: 3_000 }, () => random.pick([any, near, large])()).filter(Number.isFinite);
  const { rows } = await client.query(
    `select d::text as double, d::numeric::text as numeric,
       case when abs(d) < 1e38 and (abs(d) > 1e-37 or d = 0) then d::real::text end as real
     from unnest($1::float8[]) as n (d)`,
    [doubles.map(String)],
  );
  const real = (d: number) =>
    Math.abs(d) < 1e38 && (Math.abs(d) > 1e-37 || d === 0) ? floatText(Math.fround(d), 'float32') : null;
  const mine = doubles.map((d) => ({
    double: floatText(d, 'float64'),
    numeric: decimalText(decimalOfFloat(d, 'float64')),
    real: real(d),
  }));
  expect(mine).toEqual(rows);
});
