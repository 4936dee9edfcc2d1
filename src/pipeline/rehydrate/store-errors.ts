import { TailraceError } from '../../contracts/errors.ts';
import { isDamage } from '../derived-database.ts';

const FULL = 13;

/** Invariant 12: SQLite's own message is left out. */
export function storeError(cause: unknown, path: string): TailraceError {
  if (cause instanceof TailraceError) return cause;
  const { errcode, code } = cause as { errcode?: number; code?: string };
  const isFull = errcode !== undefined && (errcode & 0xff) === FULL;
  const what = isDamage(cause) ? 'is damaged' : isFull ? 'finds the disk full' : 'cannot be used';
  const which = errcode === undefined ? (code ?? (cause as Error).name) : `SQLite ${errcode}`;
  return new TailraceError('source.rehydrate', `the store of columns ${path} ${what} (${which})`, {
    remedy: isDamage(cause)
      ? 'look into the disk; the store is made anew from the log'
      : 'make room on the disk, and let the user that runs Tailrace write there; reading goes on by itself',
    cause,
  });
}
