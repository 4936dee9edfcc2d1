/** Applies changes of one table in one of the forms that keep the last value of each row. */
import type { SinkRecord, TailraceError } from '../../src/sdk/index.ts';
import { applyRows } from '../../src/sdk/target/apply-rows.ts';
import { type FoldedRow, foldRows } from '../../src/sdk/target/fold.ts';
import type { RefusedRows } from '../../src/sdk/target/steps.ts';
import type { Form } from './config.ts';
import { applyHashes, applyWholeHashes } from './hash-rows.ts';
import { applyDocuments } from './json-rows.ts';
import type { RowReplies, Session } from './row-calls.ts';
import { applyMembers, applyStrings } from './single-rows.ts';
import type { TargetTable } from './tables.ts';

export interface Counts {
  stale: number;
  incomplete: number;
}

export async function applyStep(
  session: Session,
  table: TargetTable,
  as: Form,
  records: readonly SinkRecord[],
  refused: RefusedRows,
): Promise<Counts> {
  // Invariant 7: what lies below the floor was removed by a truncate or sweep and must not show through newer changes.
  const bounds = await Promise.all(session.groups.map((group) => group.bounds(table, session.signal)));
  let floor = 0n;
  for (const one of bounds) if (one.floor > floor) floor = one.floor;
  let live = floor === 0n ? records : records.filter(({ change }) => change.version >= floor);
  const counts = { stale: records.length - live.length, incomplete: 0 };
  if (as === 'hash') live = live.slice(await applyWhole(session, table, live, refused, counts));
  await applyRows(foldRows(live), refused, async (rows) => {
    const replies = await applyForm(session, table, as, rows);
    counts.stale += replies.stale;
    counts.incomplete += replies.incomplete;
    return replies.refused;
  });
  return counts;
}

/** Hashes, as far as every change says all of its row. Returns how many of the records that were. */
async function applyWhole(
  session: Session,
  table: TargetTable,
  records: readonly SinkRecord[],
  refused: RefusedRows,
  counts: Counts,
): Promise<number> {
  const { taken, stale, refused: errors } = await applyWholeHashes(session, table, records);
  counts.stale += stale;
  settle(records.slice(0, errors.size > 0 || refused.any ? taken : 0), errors, refused);
  return taken;
}

/** In their order: a refused change holds its row, a later one that was written and says all of the row frees it. */
function settle(
  records: readonly SinkRecord[],
  errors: ReadonlyMap<SinkRecord, TailraceError>,
  refused: RefusedRows,
): void {
  for (const record of records) {
    const error = errors.get(record);
    if (error !== undefined) refused.reject(record, error);
    else refused.holds(record);
  }
}

function applyForm(
  session: Session,
  table: TargetTable,
  as: Form,
  rows: readonly FoldedRow[],
): Promise<RowReplies<FoldedRow>> {
  if (as === 'json') return applyDocuments(session, table, rows);
  if (as === 'string') return applyStrings(session, table, rows);
  if (as === 'set' || as === 'sorted-set') return applyMembers(session, table, rows, as === 'set' ? 'set' : 'zset');
  return applyHashes(session, table, rows);
}
