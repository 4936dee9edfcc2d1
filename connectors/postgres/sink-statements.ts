/**
 * SQL of bulk writes to one table. Rows come as one `text[]` parameter per column and are cast to the column's type.
 *
 * Invariant 7 is in each of them: a row is written unless the target's row, or its remembered delete, is newer. Equal
 * versions are written again, so that a changed rule can be replayed.
 */
import { quoteIdentifier as quote } from '../../src/sdk/sql-target/identifiers.ts';
import { VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import { DELETED_AT_COLUMN, timeText } from '../../src/sdk/target/soft-delete.ts';
import type { TargetColumn, TargetTable } from './sink-tables.ts';

const VERSION = quote(VERSION_COLUMN);
const DELETED_AT = quote(DELETED_AT_COLUMN);

export interface ServiceTables {
  /** Quoted names. */
  readonly offsets: string;
  readonly deleted: string;
  readonly floor: string;
}

export function serviceTables(schema: string): ServiceTables {
  const name = (table: string) => `${quote(schema)}.${quote(table)}`;
  return { offsets: name('_tr_offsets'), deleted: name('_tr_deleted'), floor: name('_tr_floor') };
}

/** The rows as a relation `s`: `c0 … cn` typed, then `extra` columns as text. Parameters $1 … in that order. */
function rows(columns: readonly TargetColumn[], extra: readonly string[]): { from: string; next: number } {
  const names = [...columns.map((_, i) => `c${i}`), ...extra];
  const parameters = names.map((_, i) => `$${i + 1}::text[]`);
  return { from: `unnest(${parameters.join(', ')}) AS s(${names.join(', ')})`, next: names.length + 1 };
}

const typed = (columns: readonly TargetColumn[]) => columns.map(({ cast }, i) => `s.c${i}::${cast}`);

function sameKey({ keys }: TargetTable, columns: readonly TargetColumn[], source: string, cast: boolean): string {
  return keys
    .map((key) => {
      const at = columns.findIndex(({ index }) => index === key.index);
      return `t.${key.name} = ${source}.c${at}${cast ? `::${key.cast}` : ''}`;
    })
    .join(' AND ');
}

/**
 * Parameters: columns…, versions, and with `guard` memory keys, then the table's label. Without it the caller knows that no
 * remembered delete is newer than any of the rows.
 */
export function upsertSql(table: TargetTable, columns: readonly TargetColumn[], guard: ServiceTables | null): string {
  const { from, next } = rows(columns, guard === null ? ['v'] : ['v', 'k']);
  const keys = new Set(table.keys.map(({ index }) => index));
  const assigned = columns.filter(({ index }) => !keys.has(index)).map(({ name }) => `${name} = excluded.${name}`);
  return `
    INSERT INTO ${table.name} AS t (${[...columns.map(({ name }) => name), VERSION].join(', ')}) OVERRIDING SYSTEM VALUE
    SELECT ${[...typed(columns), 's.v::bigint'].join(', ')} FROM ${from}
    ${guard === null ? '' : `WHERE s.v::bigint >= ${rememberedDelete(guard, next)}`}
    ON CONFLICT (${table.keys.map(({ name }) => name).join(', ')}) DO UPDATE
    SET ${[...assigned, `${VERSION} = excluded.${VERSION}`].join(', ')}
    WHERE t.${VERSION} <= excluded.${VERSION}`;
}

/**
 * For rows of which only `columns` were sent: others are left alone. A row that is not there is inserted with what there
 * is; the number of those is the row count. Not ON CONFLICT, which would first demand the columns that may not be null.
 * Parameters as for `upsertSql` with `guard`.
 */
export function partialSql(table: TargetTable, columns: readonly TargetColumn[], services: ServiceTables): string {
  const { from, next } = rows(columns, ['v', 'k']);
  const keys = new Set(table.keys.map(({ index }) => index));
  const assigned = columns.flatMap(({ index, name }, i) => (keys.has(index) ? [] : [`${name} = s.c${i}`]));
  const names = columns.map(({ name }) => name);
  return `
    WITH s AS MATERIALIZED (
      SELECT ${[...typed(columns).map((text, i) => `${text} AS c${i}`), 's.v::bigint AS v', 's.k'].join(', ')} FROM ${from}
    ), changed AS (
      UPDATE ${table.name} t SET ${[...assigned, `${VERSION} = s.v`].join(', ')}
      FROM s WHERE ${sameKey(table, columns, 's', false)} AND t.${VERSION} <= s.v
    )
    INSERT INTO ${table.name} (${[...names, VERSION].join(', ')}) OVERRIDING SYSTEM VALUE
    SELECT ${[...columns.map((_, i) => `s.c${i}`), 's.v'].join(', ')} FROM s
    WHERE NOT EXISTS (SELECT FROM ${table.name} t WHERE ${sameKey(table, columns, 's', false)})
      AND s.v >= ${rememberedDelete(services, next)}`;
}

/** Version of the row's remembered delete, or 0. A subquery, which is a look-up by index whatever the planner believes. */
function rememberedDelete({ deleted }: ServiceTables, label: number): string {
  return `coalesce((SELECT d.version FROM ${deleted} d WHERE d.table_name = $${label} AND d.key = s.k), 0)`;
}

/**
 * Parameters: key columns…, versions, memory keys, times of the deletes where they are marked, then the label and the time (ms)
 * of remembering. A row that was marked before keeps its time.
 */
export function deleteSql(table: TargetTable, { deleted }: ServiceTables): string {
  const { from, next } = rows(table.keys, table.marksDeletes ? ['v', 'k', 't'] : ['v', 'k']);
  const columns = [...typed(table.keys).map((text, i) => `${text} AS c${i}`), 's.v::bigint AS v', 's.k'];
  if (table.marksDeletes) columns.push('s.t::timestamptz AS t');
  const where = `WHERE ${sameKey(table, table.keys, 's', false)} AND t.${VERSION} <= s.v`;
  const mark = `${DELETED_AT} = coalesce(t.${DELETED_AT}, s.t), ${VERSION} = s.v`;
  return `
    WITH s AS MATERIALIZED (
      SELECT ${columns.join(', ')} FROM ${from}
    ), remembered AS (
      INSERT INTO ${deleted} AS d (table_name, key, version, deleted_at)
      SELECT $${next}, s.k, s.v, to_timestamp($${next + 1}::float8 / 1000) FROM s
      ON CONFLICT (table_name, key) DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at
      WHERE d.version <= excluded.version
    )
    ${table.marksDeletes ? `UPDATE ${table.name} t SET ${mark} FROM s` : `DELETE FROM ${table.name} t USING s`} ${where}`;
}

/** Versions that the target holds of rows: `(ordinal from 1, row's or remembered delete's, 0 for none)`. Parameters: key columns…, memory keys, label. */
export function boundsSql(table: TargetTable, services: ServiceTables): string {
  const names = [...table.keys.map((_, i) => `c${i}`), 'k'];
  const parameters = names.map((_, i) => `$${i + 1}::text[]`);
  const held = `(SELECT t.${VERSION} FROM ${table.name} t WHERE ${sameKey(table, table.keys, 's', true)})`;
  return `
    SELECT s.i::int AS place, greatest(${held}, ${rememberedDelete(services, names.length + 1)})::text AS version
    FROM unnest(${parameters.join(', ')}) WITH ORDINALITY AS s(${names.join(', ')}, i)`;
}

/** Rows in the order of `columns`, then their versions. Refuses a row whose key is there. */
export function copySql(table: TargetTable): string {
  return `COPY ${table.name} (${[...table.columns.map(({ name }) => name), VERSION].join(', ')}) FROM STDIN`;
}

/** For a table without key. Parameters: columns…, versions. */
export function appendSql(table: TargetTable, columns: readonly TargetColumn[]): string {
  const { from } = rows(columns, ['v']);
  return `
    INSERT INTO ${table.name} (${[...columns.map(({ name }) => name), VERSION].join(', ')}) OVERRIDING SYSTEM VALUE
    SELECT ${[...typed(columns), 's.v::bigint'].join(', ')} FROM ${from}`;
}

/** What a sweep leaves alone gets its version. Parameters: key columns…, the version. */
export function keepSql(table: TargetTable): string {
  const { from, next } = rows(table.keys, []);
  return `
    UPDATE ${table.name} t SET ${VERSION} = $${next}::bigint FROM ${from}
    WHERE ${sameKey(table, table.keys, 's', true)} AND t.${VERSION} < $${next}::bigint`;
}

/** Parameter: the version. @param timeUs of the marker */
export function sweepSql({ name, marksDeletes }: TargetTable, timeUs: number): string {
  const where = `WHERE ${VERSION} < $1::bigint`;
  if (!marksDeletes) return `DELETE FROM ${name} ${where}`;
  return `UPDATE ${name} SET ${DELETED_AT} = '${timeText(timeUs)}' ${where} AND ${DELETED_AT} IS NULL`;
}
