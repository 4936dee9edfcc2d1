/** Applies folded rows to a target that answers for each of them, and finds which changes it refuses. */
import type { TailraceError } from '../../contracts/errors.ts';
import type { SinkRecord } from '../../contracts/sink.ts';
import { type FoldedRow, layerOf } from './fold.ts';
import type { RefusedRows } from './steps.ts';

/** Writes rows of different keys; resolves to the refused ones, of which nothing was written. Throws for all other errors. */
export type ApplyRows = (rows: readonly FoldedRow[]) => Promise<ReadonlyMap<FoldedRow, TailraceError>>;

/**
 * All rows at once. The changes of a refused row, or of one refused earlier in this write, are then applied one by one in
 * their order, so that those before and after a refused one arrive (Invariant 6).
 */
export async function applyRows(rows: readonly FoldedRow[], refused: RefusedRows, apply: ApplyRows): Promise<void> {
  const behind = ({ records }: FoldedRow) => refused.any && refused.has(records[0]!);
  const waiting = rows.filter(behind);
  const free = waiting.length === 0 ? rows : rows.filter((row) => !behind(row));
  if (free.length > 0) {
    for (const [row, error] of await apply(free)) {
      if (row.records.length === 1) refused.reject(row.records[0]!, error);
      else waiting.push(row);
    }
  }
  for (let round = 0; ; round++) {
    const records = waiting.flatMap((row) => row.records[round] ?? []);
    if (records.length === 0) return;
    const singles = records.filter((record) => !refused.holds(record)).map(unfolded);
    if (singles.length === 0) continue;
    for (const [row, error] of await apply(singles)) refused.reject(row.records[0]!, error);
  }
}

function unfolded(record: SinkRecord): FoldedRow {
  return { key: record.change.key, layers: [layerOf(record)], records: [record] };
}
