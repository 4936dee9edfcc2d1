/** What a sink makes of changes in its tables. */
import { z } from 'zod';
import { TailraceError } from '../../contracts/errors.ts';
import type { SinkRecord } from '../../contracts/sink.ts';
import { asHistory } from './history.ts';
import { withDeletedAt } from './soft-delete.ts';

export const TABLE_MODES = ['mirror', 'soft_delete', 'history'] as const;
export type TableMode = (typeof TABLE_MODES)[number];

/** Field of a sink's configuration. */
export const tableMode = () =>
  z
    .enum(TABLE_MODES)
    .default('mirror')
    .describe(
      '`mirror`: the rows that the source has. `soft_delete`: a row that is deleted, truncated or swept stays, with the time in `_tr_deleted_at`, which is NULL again when it comes back. `history`: every change is a row, with `_tr_op` (`snapshot`, `insert`, `update`, `delete`, `truncate`, `sweep`), `_tr_time` (of the commit at the source), `_tr_version` and `_tr_position`; `_tr_unsent` names the columns that the source did not send, which are NULL; after a `truncate` or `sweep` all rows of the source with a lower version than `_tr_below` are gone. A table can go from `mirror` to `soft_delete`, in no other way.',
    );

/** Changes as the tables of a mode take them; places in the log stay as they are. */
export function inMode(mode: TableMode, records: readonly SinkRecord[]): readonly SinkRecord[] {
  if (mode === 'soft_delete') return records.map(withDeletedAt);
  if (mode === 'history') return records.flatMap((record) => asHistory(record) ?? []);
  return records;
}

/** What the sink keeps of a row, for its manifest. */
export const keptIn = (mode: TableMode): 'append' | 'last-value' => (mode === 'history' ? 'append' : 'last-value');

/** Throws `verify.unsupported` where the target does not hold rows as they are at the source. */
export function checkComparable(mode: TableMode): void {
  if (mode !== 'history') return;
  throw new TailraceError('verify.unsupported', 'a sink of `mode: history` keeps changes, not rows to compare', {
    remedy: 'verify a sink of `mode: mirror` or `soft_delete` of the same pipeline',
  });
}
