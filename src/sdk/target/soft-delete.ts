/**
 * Targets that mark deleted rows: each row has `_tr_deleted_at`, NULL while the row is there, else when it was deleted at the
 * source. Rows written are given that column here; that a delete, a truncate or a sweep marks is up to the statements.
 */
import type { Column, TableSchema } from '../../contracts/schema.ts';
import type { SinkRecord } from '../../contracts/sink.ts';
import { WiderRow } from './wider-row.ts';

export const DELETED_AT_COLUMN = '_tr_deleted_at';

const DELETED_AT: Column = {
  name: DELETED_AT_COLUMN,
  kind: 'timestamptz',
  native: 'timestamp with time zone',
  precision: 6,
  nullable: true,
};

const widened = new WeakMap<TableSchema, TableSchema>();

/** The change with the column in its table and, not deleted, in its row: a row that is inserted again is there again. */
export function withDeletedAt(record: SinkRecord): SinkRecord {
  const { change } = record;
  const table = withColumn(change.table);
  if (change.after === null) return { ...record, change: { ...change, table } };
  const after = new WiderRow({ columns: table.columns, row: change.after, added: [null], fills: false });
  return { ...record, change: { ...change, table, after } };
}

function withColumn(table: TableSchema): TableSchema {
  let wider = widened.get(table);
  if (wider === undefined) widened.set(table, (wider = { ...table, columns: [...table.columns, DELETED_AT] }));
  return wider;
}

/** Canonical text of a `timestamptz`. @param timeUs µs since 1970 */
export function timeText(timeUs: number): string {
  const seconds = Math.floor(timeUs / 1_000_000);
  const date = new Date(seconds * 1_000).toISOString().slice(0, 19);
  return `${date}.${String(timeUs - seconds * 1_000_000).padStart(6, '0')}Z`;
}
