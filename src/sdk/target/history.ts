/**
 * Targets that keep every change: a table of the source becomes one whose rows are its changes, keyed by the change. To the rest
 * of a sink each of them is a new row, so that positions, repeats, refusals and transactions are as for any other table.
 *
 * A change is known by its version and key, which a replay and another log of the same source leave as they are (DESIGN § 6):
 * a repeat replaces its row by an equal one, and a replay under changed rules by what they make of it now.
 */
import { createHash } from 'node:crypto';
import type { Change, Row } from '../../contracts/row.ts';
import type { Column, TableSchema } from '../../contracts/schema.ts';
import type { SinkRecord } from '../../contracts/sink.ts';
import { hasColumn, identityRow } from './row-image.ts';
import { timeText } from './soft-delete.ts';
import { WiderRow } from './wider-row.ts';

const HASH_CHARS = 16;
const VERSION_DIGITS = 19;

const text = (name: string): Column => ({ name, kind: 'text', native: 'text', nullable: true });

/** In the order of `addedOf`. */
const ADDED: readonly Column[] = [
  { ...text('_tr_change'), nullable: false, keyOrdinal: 1 },
  text('_tr_op'),
  { ...text('_tr_time'), kind: 'timestamptz', native: 'timestamp with time zone', precision: 6 },
  text('_tr_position'),
  { ...text('_tr_below'), kind: 'int64', native: 'bigint' },
  text('_tr_unsent'),
];

/** Null: nothing of it is kept. */
export function asHistory(record: SinkRecord): SinkRecord | null {
  const { change } = record;
  const { op, before, after, version, sweepBelow } = change;
  // The beginning of a snapshot says nothing yet, nor does the end of one that sweeps nothing.
  if (change.dropped || op === 'snapshot-begin' || (op === 'snapshot-end' && sweepBelow === undefined)) return null;
  const isMarker = op === 'truncate' || op === 'snapshot-end';
  const image = isMarker ? null : (after ?? before ?? identityRow(change));
  const table = historyTable(change.table);
  const id = idOf(record);
  const row = new WiderRow({ columns: table.columns, row: image, added: addedOf(change, id, image), fills: true });
  const { timeUs, position, transaction } = change;
  const key = JSON.stringify({ _tr_change: id });
  const made: Change = { op: 'insert', table, version, timeUs, key, position, transaction, before: null, after: row };
  return { ...record, change: made };
}

function addedOf(change: Change, id: string, image: Row | null): (string | bigint | null)[] {
  const { op, timeUs, position, version, sweepBelow } = change;
  const below = op === 'truncate' ? version : (sweepBelow ?? null);
  const unsent = image === null ? [] : change.table.columns.filter((_, i) => !hasColumn(image, i));
  const names = unsent.length === 0 ? null : JSON.stringify(unsent.map(({ name }) => name));
  return [id, op === 'snapshot-end' ? 'sweep' : op, timeText(timeUs), position, below, names];
}

/** Rises with the version as text. Rows without key are told apart by their place as well. */
function idOf({ topic, partition, offset, change: { version, key, table } }: SinkRecord): string {
  const hasKey = table.columns.some(({ keyOrdinal }) => keyOrdinal !== undefined);
  const what = [table.source, table.schema, table.table, key, ...(hasKey ? [] : [topic, partition, String(offset)])];
  const hash = createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, HASH_CHARS);
  return `${String(version).padStart(VERSION_DIGITS, '0')}-${hash}`;
}

const tables = new WeakMap<TableSchema, TableSchema>();

/** No column of the source is a key here, and each may be NULL. */
function historyTable(table: TableSchema): TableSchema {
  let made = tables.get(table);
  if (made === undefined) {
    const columns = table.columns.map(({ keyOrdinal: _, unsent: __, ...column }) => ({ ...column, nullable: true }));
    tables.set(table, (made = { ...table, columns: [...columns, ...ADDED] }));
  }
  return made;
}
