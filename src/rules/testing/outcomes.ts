/** What a test expects of a sink beside what it got. */
import { type Change, NOT_SENT, type Row, type Value } from '../../contracts/row.ts';
import type { ExpectedChange, TestFailure } from '../../contracts/rule-tests.ts';
import { type Column, keyColumns } from '../../contracts/schema.ts';
import type { Type } from '../expression/types.ts';
import { codecOf } from '../values/cell.ts';
import { compareDecimals, type Decimal } from '../values/decimal.ts';
import { normalJson } from '../values/json.ts';
import { json, TestProblem, yamlValue } from './test-tables.ts';

export type Outcome = { readonly change: Change } | { readonly refused: string };

type Path = readonly (string | number)[];

export function compareOutcomes(
  sink: string,
  expected: readonly ExpectedChange[],
  outcomes: readonly Outcome[],
  path: Path,
): readonly TestFailure[] {
  const failures: TestFailure[] = [];
  for (const [i, one] of expected.entries()) {
    const outcome = outcomes[i];
    const problem = outcome === undefined ? 'nothing more comes' : difference(one, outcome);
    if (problem !== null) failures.push({ message: `${sink}: ${problem}`, path: one.path });
  }
  for (const outcome of outcomes.slice(expected.length)) {
    failures.push({ message: `${sink}: not expected: ${shown(outcome)}`, path });
  }
  return failures;
}

/** Null: it is what was expected. */
function difference({ kind, value, table, path }: ExpectedChange, outcome: Outcome): string | null {
  if ('refused' in outcome) {
    if (kind !== 'refused') return `comes ${shown(outcome)}`;
    return outcome.refused.includes(String(value)) ? null : `it is refused for another reason: ${outcome.refused}`;
  }
  const isDelete = outcome.change.op === 'delete';
  if (kind === 'refused' || isDelete !== (kind === 'delete')) return `comes ${shown(outcome)}`;
  const { table: is } = outcome.change.table;
  if (table !== undefined && table !== is) return `comes in table ${is}, not ${table}`;
  if (isDelete) return keyDifference(outcome.change, value, path);
  return rowDifference(outcome.change.after!, value, kind === 'row', path);
}

function keyDifference({ table, before }: Change, value: unknown, path: Path): string | null {
  const keys = keyColumns(table);
  const isMap = typeof value === 'object' && value !== null;
  const wanted = isMap ? (value as Record<string, unknown>) : { [keys[0]!.name]: value };
  if (!isMap && keys.length !== 1) return `the key has the columns ${keys.map(({ name }) => name).join(', ')}`;
  return before === null ? 'the delete has no row' : rowDifference(before, wanted, false, path);
}

function rowDifference(row: Row, value: unknown, isWhole: boolean, path: Path): string | null {
  const wanted = value as Readonly<Record<string, unknown>>;
  for (const [name, one] of Object.entries(wanted)) {
    const at = row.columns.findIndex((column) => column.name === name);
    if (at < 0) return `there is no column ${name}; there are ${row.columns.map((column) => column.name).join(', ')}`;
    const column = row.columns[at]!;
    const got = row.get(at);
    if (got === NOT_SENT) return `${name} is not sent`;
    if (!isSame(column, got, one, path))
      return `${name} is ${json(column, got)}, not ${typeof one === 'bigint' ? one : JSON.stringify(one)}`;
  }
  if (!isWhole) return null;
  const more = row.columns.find(({ name }) => !Object.hasOwn(wanted, name));
  return more === undefined ? null : `there is the column ${more.name}, too`;
}

function isSame(column: Column, got: Value, wanted: unknown, path: Path): boolean {
  if (got === null || wanted === null) return got === wanted;
  const { name: _, nullable: __, keyOrdinal: ___, ...type } = column;
  const kind =
    type.kind === 'enum' || type.kind === 'bits' ? ({ kind: 'text', native: 'text' } as Type) : (type as Type);
  let value: Value;
  try {
    value = yamlValue(kind, wanted, path);
  } catch (error) {
    if (error instanceof TestProblem) return false;
    throw error;
  }
  if (kind.kind === 'decimal') {
    const { read } = codecOf('decimal');
    return compareDecimals(read(got as string) as Decimal, read(value as string) as Decimal) === 0;
  }
  if (kind.kind === 'json') return normalJson(got as string) === normalJson(value as string);
  return json(column, got) === json(column, value);
}

function shown(outcome: Outcome): string {
  if ('refused' in outcome) return `refused: ${outcome.refused}`;
  const { op, key, after } = outcome.change;
  if (op === 'delete') return `delete ${key}`;
  const fields = after!.columns.map((column, i) => {
    const value = after!.get(i);
    return value === NOT_SENT ? `${column.name} not sent` : `${column.name}: ${json(column, value)}`;
  });
  return `${op} { ${fields.join(', ')} }`;
}
