/** Tables and rows of tests: types as declared, or as the values show. */
import { NOT_SENT, type Row, type Value } from '../../contracts/row.ts';
import type { GivenChange, RuleTest, TestRow } from '../../contracts/rule-tests.ts';
import type { Column, TableSchema } from '../../contracts/schema.ts';
import { quoted } from '../../lib/printable.ts';
import { schemaId } from '../../lib/schema-id.ts';
import { fromText } from '../expression/text-form.ts';
import { isProblem, typeOfText } from '../expression/type-names.ts';
import { arrayOf, columnTypeOf, DECIMAL, JSONB, TEXT, type Type, typeOf } from '../expression/types.ts';
import { codecOf, type Present } from '../values/cell.ts';

/** What is wrong with a test itself, or what it found. */
export class TestProblem extends Error {
  readonly path: readonly (string | number)[];

  constructor(message: string, path: readonly (string | number)[]) {
    super(message);
    this.path = path;
  }
}

/** The table as the test describes it. Throws `TestProblem`. */
export function tableOf(test: RuleTest, source: string, name: string): TableSchema {
  const changes = test.given.filter(({ table }) => sameTable(table, name));
  const declared = Object.entries(test.columns).find(([table]) => sameTable(table, name))?.[1] ?? {};
  const names = new Set([...changes.flatMap(rowsOf).flatMap(Object.keys), ...Object.keys(declared)]);
  const columns = [...names].map((column): Column => {
    const type = declaredType(test, name, column, declared) ?? shownType(changes, column);
    const place = test.key.indexOf(column);
    return { name: column, ...columnTypeOf(type), nullable: place < 0, ...(place >= 0 && { keyOrdinal: place + 1 }) };
  });
  for (const key of test.key) {
    if (names.has(key)) continue;
    const message = `the rows of ${name} have no column ${quoted(key)}: name the columns of the key with key: [...]`;
    throw new TestProblem(message, test.path);
  }
  const at = name.indexOf('.');
  const description = { source, schema: name.slice(0, at), table: name.slice(at + 1), columns };
  return { id: schemaId(description), ...description };
}

export function sameTable(a: string, b: string): boolean {
  const bare = (name: string) => name.slice(name.indexOf('.') + 1);
  return a.includes('.') && b.includes('.') ? a === b : bare(a) === bare(b);
}

const rowsOf = ({ before, after }: GivenChange) => [before, after].filter((row) => row !== null);

function declaredType(
  test: RuleTest,
  table: string,
  column: string,
  types: Readonly<Record<string, string>>,
): Type | null {
  const name = Object.hasOwn(types, column) ? types[column]! : undefined;
  if (name === undefined) return null;
  const type = typeOfText(name);
  if (!isProblem(type)) return type;
  const place = Object.keys(test.columns).find((key) => sameTable(key, table))!;
  throw new TestProblem(type.message, [...test.path, 'columns', place, column]);
}

/** The first value that is not null says it. */
function shownType(changes: readonly GivenChange[], column: string): Type {
  const values = changes.flatMap(rowsOf).map((row) => (Object.hasOwn(row, column) ? row[column] : null));
  const value = values.find((one) => one !== null && one !== undefined);
  if (typeof value === 'boolean') return typeOf('bool');
  if (typeof value === 'number') {
    const isWhole = values.every((one) => typeof one !== 'number' || Number.isInteger(one));
    return isWhole ? typeOf('int64') : DECIMAL;
  }
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return arrayOf(TEXT);
  return typeof value === 'object' && value !== null ? JSONB : TEXT;
}

/** A value of YAML as a value of a column. Throws `TestProblem`. */
export function yamlValue(type: Type, given: unknown, path: readonly (string | number)[]): Value {
  if (given === null) return null;
  const text = textOf(type, given);
  try {
    const cell = fromText(type)?.(text) ?? null;
    if (cell !== null) return codecOf(type.kind as 'text', type.element).value(cell);
  } catch {
    // Out of range: no value either.
  }
  throw new TestProblem(`${quoted(text)} is not a value of type ${type.native}`, path);
}

function textOf(type: Type, given: unknown): string {
  if (type.kind === 'array' && Array.isArray(given)) return arrayLiteral(given as readonly unknown[]);
  return typeof given === 'object' || (type.kind === 'json' && typeof given !== 'string')
    ? JSON.stringify(given)
    : type.kind === 'json' && !/^\s*[[{"]/.test(given as string)
      ? JSON.stringify(given)
      : String(given);
}

const arrayLiteral = (items: readonly unknown[]) =>
  `{${items.map((item) => (item === null ? 'NULL' : `"${String(item).replaceAll(/["\\]/g, '\\$&')}"`)).join(',')}}`;

/** A row over values, with their JSON text. */
export function rowOf(table: TableSchema, given: TestRow, path: readonly (string | number)[]): Row {
  const { columns } = table;
  const values = columns.map((column) =>
    Object.hasOwn(given, column.name)
      ? yamlValue(typeOfColumn(column), given[column.name], [...path, column.name])
      : NOT_SENT,
  );
  const bytes = values.map((value, i) => (value === NOT_SENT ? undefined : Buffer.from(json(columns[i]!, value))));
  return {
    columns,
    get: (i) => values[i]!,
    bytes: (i) => bytes[i],
    toObject: () =>
      Object.fromEntries(
        columns.flatMap(({ name }, i) => (values[i] === NOT_SENT ? [] : [[name, values[i] as Value]])),
      ),
  };
}

const typeOfColumn = ({ name: _, nullable: __, keyOrdinal: ___, ...type }: Column): Type => type;

export function json(column: Column, value: Value): string {
  if (value === null) return 'null';
  const { read, json: write } = codecOf(column.kind, column.element);
  return write(read(value) as Present);
}
