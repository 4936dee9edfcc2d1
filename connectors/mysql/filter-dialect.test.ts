/** Conditions of filters as SQL: the rows that the server finds are those that the rules keep, all of them and no others. */
import { describe, expect, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import type { Value } from '../../src/contracts/row.ts';
import type { Kind } from '../../src/contracts/schema.ts';
import { createRules } from '../../src/rules/index.ts';
import { filterSql } from '../../src/sdk/source/predicate-sql.ts';
import { change } from '../../test/support/changes.ts';
import { mysqlScenes, readMysql } from '../../test/support/mysql-source.ts';
import { type ConditionColumn, ConditionMaker } from '../../test/support/random-conditions.ts';
import { testSeed } from '../../test/support/seed.ts';
import { catalogTable } from './catalog.ts';
import { filterDialect } from './filter-dialect.ts';
import { filterPlacesOf } from './filter-places.ts';
import { describeSource } from './source-check.ts';

const CONDITIONS = process.env.TAILRACE_FULL === '1' ? 20_000 : 500;
const ROWS = 60;
const TEXTS = ['', 'a', 'A', 'a ', ' a', 'á', 'ß', 'ss', "it's", 'a\\b', '12', '0', '１'];
const NUMBERS = ['0', '-1', '7', '69', '1.5', '-2.25', '9223372036854775807', '18446744073709551615', "'7'", '1e70'];
const TIMES = [
  '2024-02-29',
  '1999-12-31 23:59:59.999999',
  '1970-01-01',
  '2030-01-01',
  '2000-01-01',
  '2038-02-01',
  'infinity',
  '0044-03-15 BC',
  '20240-01-01',
];
const quoted = (texts: readonly string[]) => texts.map((text) => `'${text.replaceAll("'", "''")}'`);
const sqlTexts = TEXTS.map((text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`);
const dates = ["'2024-02-29'", "'0000-00-00'", "'2024-00-10'", "'9999-12-31'"];
const clocks = ["'2024-02-29 12:34:56.7'", "'0000-00-00 00:00:00'", "'1999-12-31 23:59:59.999999'"];

interface TestColumn extends Omit<ConditionColumn, 'name'> {
  readonly type: string;
  /** As SQL. */
  readonly stored: readonly string[];
}

const number = (type: string, stored: readonly string[]): TestColumn => ({
  type,
  stored,
  values: NUMBERS,
  others: ['ti', 'i', 'b', 'ub', 'd'],
});
const text = (type: string): TestColumn => ({ type, stored: sqlTexts, values: quoted(TEXTS), others: ['ci', 'bin'] });
const time = (type: string, stored: readonly string[]): TestColumn => ({
  type,
  stored,
  values: quoted(TIMES),
  others: ['dt', 'ts', 'dd'],
});

const COLUMNS: Readonly<Record<string, TestColumn>> = {
  ti: number('tinyint(1)', ['0', '1', '-128', '7']),
  i: number('int', ['0', '-1', '7', '2147483647']),
  b: number('bigint', ['0', '-1', '9223372036854775807', '-9223372036854775808']),
  ub: number('bigint unsigned', ['0', '7', '9223372036854775808', '18446744073709551615']),
  d: number('decimal(12,4)', ['0', '1.5', '-2.25', '7']),
  f: number('float', ['0', '1.5', '0.1']),
  y: number('year', ['0', '1969', '2069']),
  ci: text('varchar(20) COLLATE utf8mb4_general_ci'),
  bin: text('text COLLATE utf8mb4_bin'),
  latin: text('varchar(20) CHARACTER SET latin1'),
  c: text('char(6) COLLATE utf8mb4_bin'),
  vb: { type: 'varbinary(10)', stored: ["x'61'", "x''", "x'6120'"], values: ["'\\x61'", "'\\x6120'"], others: ['vb'] },
  fb: { type: 'binary(3)', stored: ["x'61'", "x''"], values: ["'\\x61'", "'\\x610000'"], others: ['vb'] },
  dt: time('datetime(6)', clocks),
  ts: time('timestamp(3) NULL', ["'2024-02-29 12:34:56.7'", "'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'"]),
  dd: time('date', dates),
  nn: time('date NOT NULL', dates),
  tm: { type: 'time', stored: ["'-01:00:00'", "'838:59:59'"], values: ["'01:00'"], others: ['tm'] },
  e: { type: "enum('sad','happy')", stored: ["'sad'", "'happy'"], values: ["'sad'"], others: ['e'] },
  j: { type: 'json', stored: [`'null'`, `'{"a":1}'`], values: ['null'], others: ['j'] },
};

/** Ranges of an index are compared by other code than rows are. */
const INDEXES = ['ti', 'i', 'b', 'ub', 'd', 'dt', 'ts', 'dd'].map((name) => `KEY (${name})`).join(', ');

/** As `Row.get` gives what the connector wrote. */
function read(kind: Kind, written: string | null | undefined): Value {
  if (written === null || written === undefined) return null;
  if (kind === 'int64' || kind === 'uint64') return BigInt(written);
  if (kind.startsWith('int') || kind.startsWith('float')) return Number(written);
  return kind === 'bytes' ? Buffer.from(written, 'base64') : written;
}

describe.each(['mysql', 'mariadb'] as const)('filters of %s', async (flavor) => {
  const { missing, scene } = await mysqlScenes(flavor);

  test.skipIf(missing)('the server finds the rows that the rules keep', { timeout: 180_000 }, async () => {
    const random = new Random(testSeed);
    const names = Object.keys(COLUMNS);
    const ddl = names.map((name) => `${name} ${COLUMNS[name]!.type}`).join(', ');
    const { client, options, database } = await scene(['t'], `CREATE TABLE t (id int PRIMARY KEY, ${ddl}, ${INDEXES})`);
    await client.query("SET SESSION time_zone = '+00:00', sql_mode = ''");
    const stored = (name: string) =>
      name !== 'nn' && random.chance(0.15) ? 'NULL' : random.pick(COLUMNS[name]!.stored);
    const list = Array.from({ length: ROWS }, (_, id) => `(${[id, ...names.map(stored)].join(', ')})`);
    await client.query(`INSERT INTO t VALUES ${list.join(', ')}`);
    const { output, until } = readMysql(options);
    await until(() => output.rows().length === ROWS);
    const schema = output.schemas[0]!;
    const changes = output.rows().map(({ after }, i) => {
      const values = schema.columns.map(({ name, kind }) => read(kind, after?.[name]));
      return [Number(after?.id), change(schema, { op: 'insert', version: i + 1, after: values })] as const;
    });
    const rows = async <T>(sql: string, values: readonly unknown[] = []) =>
      (await client.query(sql, [...values]))[0] as T[];
    const table = { schema: database, table: 't', label: `${database}.t` };
    const dialect = filterDialect((await catalogTable(rows, table, flavor))!);
    const rules = createRules();
    const maker = new ConditionMaker(
      random,
      names.map((name) => ({ name, ...COLUMNS[name]! })),
    );
    const wrong: unknown[] = [];
    let asked = 0;
    for (let i = 0; i < CONDITIONS; i++) {
      const step = { verb: 'filter', config: maker.make(), path: ['source', 'transform', 0] };
      if (rules.lintTable([step], schema).length > 0) continue;
      const conditions = rules.sourceFilters([step], schema);
      const { sql, hindrances } = filterSql(conditions, dialect);
      if (sql.length === 0) continue;
      asked++;
      const asWritten = conditions
        .filter((_, k) => hindrances[k] === null)
        .map((one) => ({ ...step, config: one.text }));
      const transform = rules.compile(asWritten, schema, { maskKey: null });
      const kept = changes.flatMap(([id, one]) => (transform.apply(one)[0]!.op === 'insert' ? [id] : []));
      const found = await rows<{ id: number }>(`SELECT id FROM t WHERE ${sql.join(' AND ')}`);
      const ids = found.map(({ id }) => id);
      const sorted = (all: readonly number[]) => String([...all].sort((a, b) => a - b));
      if (sorted(ids) !== sorted(kept))
        wrong.push({ condition: step.config, sql, ids: sorted(ids), kept: sorted(kept) });
    }
    expect(wrong.slice(0, 3)).toEqual([]);
    expect(asked).toBeGreaterThan(CONDITIONS / 10);
  });

  test.skipIf(missing)(
    'the first reading of a table asks for the rows that may be kept; a second one reads them all',
    async () => {
      const ddl = `CREATE TABLE t (id int PRIMARY KEY, status varchar(9) COLLATE utf8mb4_general_ci, n int);
      INSERT INTO t VALUES (1, 'open', 1), (2, 'OPEN', 1), (3, 'open ', 1), (4, NULL, 1), (5, 'open', 0), (6, 'open', NULL);`;
      const { options, database } = await scene(['t'], ddl);
      const [table] = await describeSource(options);
      const step = { verb: 'filter', config: "n > 0 and status = 'open' and n % 2 = 1", path: [] };
      const filters = new Map([[`${database}.t`, createRules().sourceFilters([step], table!)]]);
      const places = await filterPlacesOf({ ...options, filters });
      expect(places.map(({ snapshot }) => snapshot)).toEqual([null, null, 'it computes a value']);
      const { reader, output, until } = readMysql({ ...options, filters });
      const isOver = () => output.transactions.some(({ markers }) => markers.includes(`snapshot-end ${database}.t`));
      await until(isOver);
      expect(output.rows().map(({ after }) => after?.id)).toEqual(['1']);
      output.transactions.length = 0;
      await reader.snapshots({ do: 'start', tables: null });
      await until(isOver);
      expect(output.rows()).toHaveLength(6);
    },
  );
});
