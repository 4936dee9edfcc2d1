/** Expressions mean what they mean in PostgreSQL: random ones are computed by both and compared. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../demo/servers/postgres.ts';
import { Random } from '../../../demo/shop/random.ts';
import { change, table } from '../../../test/support/changes.ts';
import { EXPRESSION_COLUMNS, ExpressionMaker, randomRow } from '../../../test/support/random-expressions.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { Change, Value } from '../../contracts/row.ts';
import { RowImage } from '../row-image.ts';
import { Stage } from '../stage.ts';
import type { Present } from '../values/cell.ts';
import { compileExpression } from './compile.ts';
import { toText } from './text-form.ts';
import { TEXT } from './types.ts';

const EXPRESSIONS = Number(process.env.TAILRACE_EXPRESSIONS ?? 1_500);
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

const literal = (value: Value) =>
  value instanceof Uint8Array
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
const REFUSED =
  /needs (a number|numbers), this is (time|date|timestamp)|"like" needs text, this is bytea|bytea cannot be cast to|cannot be cast to bytea/;

const isError = (answer: string) => answer.startsWith('error ');
const same = (a: string, b: string) => a === b || (isError(a) && isError(b));

test('values, NULLs and errors are those of PostgreSQL', async () => {
  const seed = Number(process.env.TAILRACE_TEST_SEED ?? Date.now() % 1_000_000);
  console.log(`expressions seed ${seed}`);
  const random = new Random(seed);
  const rows = Array.from({ length: ROWS }, () => randomRow(random));
  await fill(rows);
  const changes = rows.map((after) => change(TABLE, { op: 'insert', version: 1, after }));
  const maker = new ExpressionMaker(random);
  const differences: string[] = [];
  let values = 0;
  for (let i = 0; i < EXPRESSIONS; i++) {
    const expression = maker.make();
    const { rows: found } = await client.query('select answers($1) as list', [expression]);
    const theirs = found[0].list as string[];
    const mine = ours(expression, changes);
    values += theirs.filter((answer) => !isError(answer)).length;
    if (REFUSED.test(mine[0]!)) continue;
    const row = theirs.findIndex((answer, at) => !same(answer, mine[at]!));
    if (row >= 0) differences.push(`${expression}\n  row ${row}: PostgreSQL ${theirs[row]} · ours ${mine[row]}`);
  }
  console.log(`${EXPRESSIONS} expressions, ${values} values of ${EXPRESSIONS * ROWS}`);
  expect(differences.slice(0, 40).join('\n')).toBe('');
});
