/** SQLite's result codes as typed errors (sqlite.org/rescode.html; the low byte of an extended code is the primary one). */
import { TailraceError } from '../../src/sdk/index.ts';

const BUSY = [5 /* SQLITE_BUSY */, 6 /* SQLITE_LOCKED */];
/** NOMEM, IOERR, FULL, PROTOCOL: may pass, and nothing was committed. */
const PASSING = [7, 10, 13, 15];
/** PERM, READONLY, CORRUPT, CANTOPEN, AUTH, NOTADB. */
const UNUSABLE = [3, 8, 11, 14, 23, 26];
/** TOOBIG, CONSTRAINT, MISMATCH, RANGE. */
const RECORD = [18, 19, 20, 25];

interface SqliteError extends Error {
  readonly code: 'ERR_SQLITE_ERROR';
  readonly errcode: number;
  readonly errstr: string;
}

export function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && (error as Partial<SqliteError>).code === 'ERR_SQLITE_ERROR';
}

const primary = ({ errcode }: SqliteError) => errcode & 0xff;

export function isBusy(error: unknown): boolean {
  return isSqliteError(error) && BUSY.includes(primary(error));
}

/** True when this row was refused and the statement left no trace, so that the transaction can go on. */
export function refusesRecord(error: unknown): boolean {
  if (error instanceof TailraceError) return error.code === 'sink.rejected';
  return isSqliteError(error) && RECORD.includes(primary(error));
}

/** SQLite's message names tables and columns only, yet a trigger's may hold values: `detail` (Invariant 12). */
export function rejection(error: unknown, table: string): TailraceError {
  if (error instanceof TailraceError) return error;
  const { errcode, errstr, message } = error as SqliteError;
  return new TailraceError('sink.rejected', `${table} refused a row: ${errstr} (code ${errcode})`, { detail: message });
}

export function asSinkError(error: unknown, path: string): TailraceError {
  if (error instanceof TailraceError) return error;
  if (!isSqliteError(error)) return asFileError(error, path);
  const { errstr, errcode, message } = error;
  const options = { detail: message };
  if (BUSY.includes(primary(error))) {
    return new TailraceError('sink.unreachable', `another process is writing to ${path}`, options);
  }
  if (PASSING.includes(primary(error))) {
    return new TailraceError('sink.unreachable', `${path} cannot be written now: ${errstr} (code ${errcode})`, options);
  }
  if (UNUSABLE.includes(primary(error))) {
    return new TailraceError('sink.not_ready', `${path} cannot be used: ${errstr} (code ${errcode})`, {
      remedy: `make ${path} and its directory writable for this user, or choose another \`path\``,
      ...options,
    });
  }
  if (RECORD.includes(primary(error))) {
    // Rows are refused one by one: only the end of a transaction is left.
    return new TailraceError('sink.not_ready', `SQLite refused the end of a transaction on ${path} (code ${errcode})`, {
      remedy:
        'set `consistency: transactional` in the sink: a constraint that is checked at the end needs whole transactions of the source',
      ...options,
    });
  }
  return new TailraceError('sink.not_ready', `SQLite refused a statement on ${path}: ${errstr} (code ${errcode})`, {
    remedy: 'compare the target table with the source; a table made by another tool may not fit',
    ...options,
  });
}

function asFileError(error: unknown, path: string): TailraceError {
  const { code } = error as NodeJS.ErrnoException;
  const typed = code === 'ENOSPC' || code === 'EIO' || code === 'EMFILE' ? 'sink.unreachable' : 'sink.not_ready';
  if (code === undefined) return new TailraceError('internal.bug', `unexpected error on ${path}`, { cause: error });
  return new TailraceError(typed, `${path} cannot be used (${code})`, {
    remedy: `make ${path} and its directory writable for this user, or choose another \`path\``,
  });
}
