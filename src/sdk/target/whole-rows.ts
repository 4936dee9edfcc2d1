/** Batches in which every change says all of its row: the common case, which needs no layers. */
import type { SinkRecord } from '../../contracts/sink.ts';
import { lacksColumns } from './row-image.ts';

/**
 * The oldest version among the changes when each of them is a row that was not there before, sent whole; else null. A row that
 * comes twice is not noticed.
 */
export function oldestOfNewRows(records: readonly SinkRecord[]): bigint | null {
  let oldest: bigint | null = null;
  for (const { change } of records) {
    const { op, after, version } = change;
    if ((op !== 'insert' && op !== 'snapshot') || after === null || lacksColumns(after)) return null;
    if (oldest === null || version < oldest) oldest = version;
  }
  return oldest;
}

export interface WholeRows {
  readonly upserts: readonly SinkRecord[];
  readonly deletes: readonly SinkRecord[];
  /** Of `upserts`; null when there are none. */
  readonly oldestUpsert: bigint | null;
}

/** The last change of each row, as `foldRows` would leave it; null when one of the changes does not say all of its row. */
export function lastOfEachRow(records: readonly SinkRecord[]): WholeRows | null {
  const last = new Map<string, SinkRecord>();
  for (const record of records) {
    const { op, after, key, version } = record.change;
    if (op !== 'delete' && (after === null || lacksColumns(after))) return null;
    const known = last.get(key);
    // Invariant 7: strictly older changes are refused, equal ones applied again.
    if (known === undefined || version >= known.change.version) last.set(key, record);
  }
  const upserts: SinkRecord[] = [];
  const deletes: SinkRecord[] = [];
  let oldestUpsert: bigint | null = null;
  for (const record of last.values()) {
    const { op, version } = record.change;
    if (op === 'delete') deletes.push(record);
    else {
      upserts.push(record);
      if (oldestUpsert === null || version < oldestUpsert) oldestUpsert = version;
    }
  }
  return { upserts, deletes, oldestUpsert };
}
