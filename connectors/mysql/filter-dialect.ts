/**
 * Conditions of the rules that mean the same in SQL here, under the pinned session (UTC, no modes): numbers, dates and bytes by
 * value, texts by their bytes, whatever their collation takes for equal.
 */
import type { PredicateColumn, PredicateValue } from '../../src/sdk/index.ts';
import type { ComparableColumn, PredicateDialect, SqlOr } from '../../src/sdk/source/predicate-sql.ts';
import type { CatalogColumn, CatalogTable } from './catalog.ts';
import { kindOf, nativeOf } from './columns.ts';
import { quoteName } from './names.ts';

/** A DECIMAL has no more digits, all in all and behind the point. */
const MAX_DIGITS = 65;
const MAX_SCALE = 30;
/** Not YEAR, which takes numbers of two digits for others. */
const NUMBERS = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal'];
/** Not CHAR, whose blanks at the end are not read. */
const TEXTS = ['varchar', 'tinytext', 'text', 'mediumtext', 'longtext'];
const UTF8 = ['utf8mb4', 'utf8mb3', 'utf8'];
/** Not BINARY, whose zeros at the end may be missing. */
const BYTES = ['varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'];
const TIMES: Readonly<Record<string, string>> = { date: 'DATE', datetime: 'TIMESTAMP', timestamp: 'TIMESTAMP' };
/** Near the ends of TIMESTAMP, values become the zero date. */
const TIMESTAMPS = ['1970-01-02', '2038-01-18'] as const;
/** Four digits of a year: others have no literal. */
const USUAL_TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d\.\d{6}Z?)?$/;

/** Of the table as it is. */
export function filterDialect({ columns }: CatalogTable): PredicateDialect {
  const named = ({ column, native }: PredicateColumn) =>
    // Altered since it was described.
    columns.find((one) => one.name === column && nativeOf(one) === native);
  return {
    // It brings its values to one type, which may round them.
    hasExactIn: false,
    comparable(column) {
      const found = named(column);
      return (found === undefined ? undefined : comparableColumn(found)) ?? foreign(column);
    },
    isNull(column) {
      const found = named(column);
      // IS NULL is also true for a zero date, and for the last number that was given.
      return found === undefined || kindOf(found) === 'json' ? foreign(column) : `${quoteName(found.name)} <=> NULL`;
    },
    truth: foreign,
  };
}

const foreign = ({ column, native }: PredicateColumn) => ({ hindrance: `${column} has the type ${native}` });

function comparableColumn(column: CatalogColumn): ComparableColumn | undefined {
  const { name, base, charset } = column;
  const sql = quoteName(name);
  if (NUMBERS.includes(base)) return { sql, group: 'number', isUnordered: false, literal: numberOf };
  if (Object.hasOwn(TIMES, base)) {
    return { sql, group: base, isUnordered: false, literal: (value) => timeOf(value, base) };
  }
  if (BYTES.includes(base)) return { sql, group: 'bytes', isUnordered: false, literal: bytesOf };
  if (!TEXTS.includes(base) || !UTF8.includes(charset)) return undefined;
  return { sql: `CAST(${sql} AS BINARY)`, group: 'text', isUnordered: true, literal: bytesOf };
}

function numberOf({ value }: PredicateValue): SqlOr<string> {
  const text = String(value);
  const [, whole = '', fraction = ''] = /^-?(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  const fits = whole !== '' && whole.length + fraction.length <= MAX_DIGITS && fraction.length <= MAX_SCALE;
  return fits ? `(${text})` : { hindrance: 'no number of the database is equal to its value' };
}

function timeOf({ value }: PredicateValue, base: string): SqlOr<string> {
  const text = String(value);
  const isOutside = base === 'timestamp' && (text < TIMESTAMPS[0] || text > TIMESTAMPS[1]);
  if (!USUAL_TIME.test(text) || isOutside) return { hindrance: 'the database has no such time' };
  return `${TIMES[base]} '${text.replace('T', ' ').replace('Z', '')}'`;
}

function bytesOf({ value }: PredicateValue): SqlOr<string> {
  const bytes = value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value));
  if (typeof value === 'string' && !value.isWellFormed()) {
    return { hindrance: 'no text of the database is equal to its value' };
  }
  return `x'${bytes.toString('hex')}'`;
}
