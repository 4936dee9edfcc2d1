/**
 * Conditions of the rules that mean the same in SQL here, whatever the session's settings: operators of built-in types, values
 * with their type. The rules follow PostgreSQL's semantics (NaN, the infinities, NULL); what a collation decides does not.
 */
import type { PredicateColumn, PredicateValue } from '../../src/sdk/index.ts';
import type { ComparableColumn, PredicateDialect, SqlOr } from '../../src/sdk/source/predicate-sql.ts';
import type { Rows } from './catalog.ts';
import { quoteLiteral, quoteName } from './names.ts';

interface ColumnFacts {
  readonly name: string;
  readonly native: string;
  /** `b`: a type of its own, `e`: an enum … (pg_type.typtype). */
  readonly typtype: string;
  readonly builtin: boolean;
  /** Texts are equal only where their bytes are. */
  readonly deterministic: boolean;
  readonly utf8: boolean;
}

const FACTS_SQL = `
  SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS native, t.typtype::text AS typtype,
    t.typnamespace = 'pg_catalog'::regnamespace AS builtin, coalesce(c.collisdeterministic, true) AS deterministic,
    getdatabaseencoding() = 'UTF8' AS utf8
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation c ON c.oid = a.attcollation
  WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped`;

/** How a built-in type is written; the order of a text is that of its collation. */
const TYPES: readonly { readonly native: RegExp; readonly group: string | null; readonly type: string }[] = [
  { native: /^(smallint|integer|bigint|numeric(\(.*\))?)$/, group: 'number', type: 'numeric' },
  { native: /^boolean$/, group: 'bool', type: 'boolean' },
  { native: /^real$/, group: 'real', type: 'real' },
  { native: /^double precision$/, group: 'double', type: 'double precision' },
  { native: /^(text|character varying(\(\d+\))?)$/, group: null, type: 'text' },
  { native: /^date$/, group: 'date', type: 'date' },
  { native: /^time(\(\d\))? without time zone$/, group: 'time', type: 'time' },
  { native: /^timestamp(\(\d\))? without time zone$/, group: 'timestamp', type: 'timestamp' },
  { native: /^timestamp(\(\d\))? with time zone$/, group: 'timestamptz', type: 'timestamptz' },
  { native: /^uuid$/, group: 'uuid', type: 'uuid' },
  { native: /^bytea$/, group: 'bytea', type: 'bytea' },
];

/** Of kinds that a text of JSON can be mistaken for NULL, or whose fields decide, `IS NULL` asks something else. */
const WITH_OTHER_NULL: readonly string[] = ['json', 'composite', 'other'];

/** Of the table as it is in the transaction of `rows`. */
export async function filterDialect(rows: Rows, oid: number): Promise<PredicateDialect> {
  const facts = new Map((await rows<ColumnFacts>(FACTS_SQL, [oid])).map((one) => [one.name, one]));
  const comparable = (column: PredicateColumn) => comparableColumn(column, facts.get(column.column));
  return {
    hasExactIn: true,
    comparable,
    isNull({ column, kind, native }) {
      const isSame = facts.get(column)?.native === native && !WITH_OTHER_NULL.includes(kind);
      return isSame ? `${quoteName(column)} IS NULL` : foreign(column, native);
    },
    truth(column) {
      const found = comparable(column);
      return 'hindrance' in found ? found : found.group === 'bool' ? found.sql : foreign(column.column, column.native);
    },
  };
}

const foreign = (column: string, native: string) => ({ hindrance: `${column} has the type ${native}` });

function comparableColumn(
  { column, kind, native }: PredicateColumn,
  facts: ColumnFacts | undefined,
): SqlOr<ComparableColumn> {
  // Altered since it was described.
  if (facts === undefined || facts.native !== native) return foreign(column, native);
  const { utf8, deterministic } = facts;
  const name = quoteName(column);
  const isEnum = facts.typtype === 'e' && kind === 'enum';
  const known = isEnum
    ? ENUM
    : facts.builtin && facts.typtype === 'b'
      ? TYPES.find((one) => one.native.test(native))
      : undefined;
  if (known === undefined) return foreign(column, native);
  const { type, group } = known;
  const isText = type === 'text';
  if (isText && !utf8) return { hindrance: 'texts of the database are not in UTF-8' };
  if (isText && !deterministic) return { hindrance: `the collation of ${column} has equal texts that differ` };
  const sql = isEnum ? `${name}::text` : name;
  return { sql, group, isUnordered: isText, literal: (value) => literalOf(value, type) };
}

/** As its label, whose order is another one. */
const ENUM = { group: null, type: 'text' };

function literalOf({ value }: PredicateValue, type: string): SqlOr<string> {
  const text = textOf(value, type);
  if (type === 'text' && (text.includes('\0') || !text.isWellFormed())) {
    return { hindrance: 'no text of the database is equal to its value' };
  }
  // A number of the shortest type that holds it, so that an index over the column can be used.
  return type === 'numeric' && /^-?\d{1,18}$/.test(text) ? `(${text})` : `${quoteLiteral(text)}::${type}`;
}

function textOf(value: PredicateValue['value'], type: string): string {
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  const text = String(value);
  return type.startsWith('timestamp') ? text.replace('T', ' ').replace('Z', '+00') : text;
}
