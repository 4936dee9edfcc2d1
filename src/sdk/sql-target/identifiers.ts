/** Identifiers of SQL targets. Names come from data: they are quoted, never concatenated raw (DESIGN § 10). */
import { TailraceError } from '../../contracts/errors.ts';

/** Standard SQL quoting. Throws `sink.not_ready` for the one byte that no SQL identifier can hold. */
export function quoteIdentifier(name: string): string {
  if (name === '' || name.includes('\0')) {
    throw new TailraceError('sink.not_ready', 'a name is empty or holds a NUL character', {
      remedy: 'rename the table or column with a `rename` step',
    });
  }
  return `"${name.replaceAll('"', '""')}"`;
}
