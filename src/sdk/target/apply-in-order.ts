/** Finds the changes that a target refuses, by halves of the batch that are applied one after the other. */
import type { TailraceError } from '../../contracts/errors.ts';
import type { SinkRecord } from '../../contracts/sink.ts';
import type { RefusedRows } from './steps.ts';

/** Applies all of the records, or none of them; resolves to why the target refused one of them. Throws for all other errors. */
export type TryRecords = (records: readonly SinkRecord[]) => Promise<TailraceError | null>;

/**
 * Everything that the target takes is applied, in source order over all tables: a refused half is halved again, down to single
 * changes. So what was possible at the source, under the same constraints, is possible here: a unique value that goes from one
 * row to another, a row after the one that it refers to. Changes of a row behind a refused one wait for a whole one
 * (Invariant 6).
 */
export async function applyInOrder(
  records: readonly SinkRecord[],
  refused: RefusedRows,
  attempt: TryRecords,
): Promise<void> {
  const first = records[0];
  if (first === undefined) return;
  const isSingle = records.length === 1;
  if (isSingle && refused.holds(first)) return;
  if (isSingle || !refused.any || !records.some((record) => refused.has(record))) {
    const error = await attempt(records);
    if (error === null) return;
    if (isSingle) {
      refused.reject(first, error);
      return;
    }
  }
  const middle = records.length >> 1;
  await applyInOrder(records.slice(0, middle), refused, attempt);
  await applyInOrder(records.slice(middle), refused, attempt);
}
