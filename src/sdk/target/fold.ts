/**
 * Reduces the changes of a batch to one write per row.
 *
 * The result must be what applying the changes one by one would give, whatever the target holds: a stored row may be
 * newer than some of the changes (a repeat), and then those must leave no trace (Invariant 7). A full row or a delete
 * makes everything before it irrelevant. A row with columns not sent does not: its predecessors stay below it as layers,
 * and only when the target's version of the row is known (`resolveLayers`) are they merged.
 */
import type { Row } from '../../contracts/row.ts';
import type { SinkRecord } from '../../contracts/sink.ts';
import { mergeRows, missingColumns } from './row-image.ts';

export interface Layer {
  readonly record: SinkRecord;
  /** Null for a delete. */
  readonly row: Row | null;
  /** Columns of `row` that were not sent. */
  readonly missing: readonly number[];
}

export interface FoldedRow {
  readonly key: string;
  /** Oldest first, versions never falling. One, unless the last is partial and older columns may show through. */
  readonly layers: readonly Layer[];
  /** All changes of the row in this step, in order: what is tried one by one when the row is refused. */
  readonly records: readonly SinkRecord[];
}

/** `fresh`: the row does not exist before this write; columns not sent have no older value. */
export type RowWrite =
  | { readonly kind: 'delete'; readonly key: string; readonly version: bigint; readonly record: SinkRecord }
  | {
      readonly kind: 'upsert';
      readonly key: string;
      readonly version: bigint;
      readonly row: Row;
      readonly missing: readonly number[];
      readonly fresh: boolean;
      readonly record: SinkRecord;
    };

/** Changes of one table version, in order, by row; rows in order of first appearance. */
export function foldRows(records: readonly SinkRecord[]): readonly FoldedRow[] {
  const rows = new Map<string, { key: string; layers: Layer[]; records: SinkRecord[] }>();
  for (const record of records) {
    const { key, version } = record.change;
    let folded = rows.get(key);
    if (folded === undefined) rows.set(key, (folded = { key, layers: [], records: [] }));
    folded.records.push(record);
    const last = folded.layers.at(-1);
    // Invariant 7: strictly older changes are refused, equal ones applied again.
    if (last !== undefined && version < last.record.change.version) continue;
    addLayer(folded.layers, layerOf(record));
  }
  return [...rows.values()];
}

export function layerOf(record: SinkRecord): Layer {
  const row = record.change.op === 'delete' ? null : record.change.after;
  return { record, row, missing: row === null ? [] : missingColumns(row) };
}

function addLayer(layers: Layer[], layer: Layer): void {
  const last = layers.at(-1);
  if (layer.missing.length === 0) layers.length = 0;
  else if (last !== undefined && last.row !== null && layer.missing.every((i) => last.missing.includes(i)))
    layers.pop();
  layers.push(layer);
}

/**
 * The one write that layers amount to in a target that refuses versions below `bound` for this row (the version of the
 * stored row or of its remembered delete, whichever is higher). Null when all are refused.
 */
export function resolveLayers({ key, layers }: FoldedRow, bound: bigint): RowWrite | null {
  const accepted = layers.filter(({ record }) => record.change.version >= bound);
  const last = accepted.at(-1);
  if (last === undefined) return null;
  const { record } = last;
  const { version } = record.change;
  if (last.row === null) return { kind: 'delete', key, version, record };
  const fresh = accepted[0]!.row === null;
  const rows = accepted.flatMap(({ row }) => (row === null ? [] : [row]));
  if (rows.length === 1) return { kind: 'upsert', key, version, row: last.row, missing: last.missing, fresh, record };
  const row = mergeRows(rows);
  return { kind: 'upsert', key, version, row, missing: missingColumns(row), fresh, record };
}
