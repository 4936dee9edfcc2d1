/** Foreign keys by which a target deletes rows by itself. */
import { TailraceError } from '../../contracts/errors.ts';
import type { TableSchema } from '../../contracts/schema.ts';

/** True when a row that the target has deleted by itself cannot be written anew from each of its changes. */
export function needsItsRows(table: TableSchema): boolean {
  return table.columns.some(({ unsent }) => unsent !== undefined);
}

/**
 * Of a table that needs its rows. A row may be deleted with the one that it refers to before the change by which it refers to
 * another comes: what that change leaves out would be lost (Invariant 9). The source sends the deletes of its own cascades.
 * @param constraint its name, or the number of one without
 */
export function deletesByItself(target: string, constraint: string, remedy: string): TailraceError {
  const message = `the foreign key ${constraint} of ${target} deletes rows by itself, and changes come without all of their columns`;
  return new TailraceError('sink.not_ready', message, { remedy });
}
