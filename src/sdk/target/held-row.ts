/** What inspectors of targets say of rows. */
import { TailraceError } from '../../contracts/errors.ts';
import type { HeldRow } from '../../contracts/verification.ts';

/** Of a row that is there. @param differing names of the columns that differ */
export function heldRow(differing: readonly string[]): HeldRow {
  return differing.length === 0 ? { state: 'equal' } : { state: 'different', columns: differing };
}

/** Null for what the target cannot hold, such as a key: the row is in the dead letters. */
export function unlessRejected<T>(make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof TailraceError) || error.code !== 'sink.rejected') throw error;
    return null;
  }
}
