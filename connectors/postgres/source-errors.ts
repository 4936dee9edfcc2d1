/** Server and network errors of the source as typed errors: the SQLSTATE decides (PostgreSQL manual, appendix A). */
import { classOf } from '../../src/contracts/errors.ts';
import { TailraceError } from '../../src/sdk/index.ts';
import { placeOf } from './sink-errors.ts';

/** What an ErrorResponse says: of `pg`, or of our own reading of the socket. */
export interface ServerError {
  readonly code?: string | undefined;
  readonly message: string;
}

const STUCK_REMEDY =
  'look into the server log for the cause; if the change cannot be sent at all, set `on_gap: resnapshot` on the source';
const RESNAPSHOT = 'set `on_gap: resnapshot` on the source to read its tables again, then start Tailrace';

/** The server makes no text above 1 GB, and bytea doubles in it. */
const TOO_LARGE_REMEDY =
  'a value, or a row, is larger than 1 GB as text (bytea doubles): leave the column out by a publication of your own with a ' +
  'column list, or make the value smaller; then set `on_gap: resnapshot` on the source';

/** A lost stretch of history (Invariant 5). */
export function gap(message: string, remedy: string = RESNAPSHOT): TailraceError {
  return new TailraceError('source.gap', message, { remedy });
}

/** A gap that may be none, if what was published since is known: there may be a way out without a new snapshot. */
export class PublicationGap extends TailraceError {
  constructor(message: string) {
    super('source.gap', message, { remedy: RESNAPSHOT });
  }
}

/** A row that the server cannot write as a text. */
export class TooLargeRow extends TailraceError {
  constructor(message: string, how: { readonly detail: string; readonly cause: unknown }) {
    super('source.unsupported', message, { remedy: TOO_LARGE_REMEDY, ...how });
  }
}

/** A gap says where it begins. @param after the last position that was saved; null: there is none */
export function withRange(error: TailraceError, after: string | null): TailraceError {
  const { code, message, remedy, detail, cause } = error;
  if (classOf(error) !== 'gap' || after === null || / after [0-9A-F]+\/[0-9A-F]+/.test(message)) return error;
  const told = { ...(remedy === undefined ? {} : { remedy }), ...(detail === undefined ? {} : { detail }), cause };
  return new TailraceError(code, `${message}: changes after ${after} are not captured`, told);
}

/** Any error of a statement on the source's server; typed ones pass. Server texts may hold values: `detail` only. */
export function asSourceError(error: unknown, url: string): TailraceError {
  if (error instanceof TailraceError) return error;
  const { code, message } = serverError(error);
  const where = placeOf(url);
  if (isSqlState(code)) return sqlStateError(error, code, message, where);
  if (/SASL|password/i.test(message)) {
    return new TailraceError('source.auth', `login to PostgreSQL at ${where} is not possible as configured`, {
      remedy: 'put user and password into `url` of the source, or the password into .pgpass',
      detail: message,
    });
  }
  if (!isNetworkError(code, message)) {
    return new TailraceError('internal.bug', `reading from ${where} failed: unexpected ${(error as Error)?.name}`, {
      cause: error,
    });
  }
  const cause = code === undefined ? '' : ` (${code})`;
  return new TailraceError(
    'source.unreachable',
    `PostgreSQL at ${where} cannot be reached or closed the line${cause}`,
    {
      remedy: 'check that the server runs and that host and port in `url` of the source are right',
      detail: message,
    },
  );
}

/** Codes of the system and of TLS, and the words of `pg` for a line that broke. */
function isNetworkError(code: string | undefined, message: string): boolean {
  if (code !== undefined) return /^(E[A-Z]+|ERR_(TLS|SSL|SOCKET|STREAM)_.*)$/.test(code);
  return /connection (terminated|error|timeout)|timeout expired|not queryable|was closed|SSL/i.test(message);
}

/** Any error of the replication stream: what it says to be missing is history (Invariant 5). */
export function asStreamError(error: unknown, url: string): TailraceError {
  if (error instanceof TailraceError) return error;
  const { code, message } = serverError(error);
  if (isSqlState(code)) {
    const where = placeOf(url);
    const detail = message;
    if (code === '42704') {
      return new PublicationGap(
        `the publication that is read at ${where} did not exist at the next change: it was dropped, or dropped and made anew`,
      );
    }
    if (code === '58P01' || (code === '55000' && !/wal_level/.test(message))) {
      return gap(`the replication slot at ${where} was invalidated: the server removed write-ahead log that it needs`);
    }
    if (/^(0A|22)/.test(code)) {
      const what = `PostgreSQL at ${where} cannot send a change (SQLSTATE ${code})`;
      return new TailraceError('source.unsupported', what, { remedy: STUCK_REMEDY, detail });
    }
  }
  return asSourceError(error, url);
}

function serverError(error: unknown): ServerError {
  return error instanceof Error ? (error as Error & ServerError) : { code: undefined, message: '' };
}

function isSqlState(code: string | undefined): code is string {
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && code !== 'EPIPE';
}

/** PgBouncer and the poolers of managed services. */
export function takesNoReplication(where: string, cause: unknown): TailraceError {
  return new TailraceError('source.not_ready', `what listens at ${where} takes no replication: a connection pooler`, {
    remedy: 'name the server itself in `url` of the source, not the pooler before it',
    cause,
  });
}

/** Internal errors are not translated. */
function isTooLarge(code: string, message: string): boolean {
  return code === '54000' || (code === 'XX000' && /invalid memory alloc request size/.test(message));
}

/** SQLSTATE → what the server is or does, and the way out. */
const NOT_READY: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  '25006': [
    'is a standby, which cannot make the publication',
    'run `tailrace check`: it says what to run on the primary',
  ],
  '42501': ['denies a permission (SQLSTATE 42501)', 'run `tailrace check`: it names the missing grants'],
  '53400': [
    'has no replication slot left',
    'ALTER SYSTEM SET max_replication_slots to more, then restart the server; or drop a slot that nobody reads',
  ],
};

function sqlStateError(cause: unknown, code: string, message: string, where: string): TailraceError {
  const state = `SQLSTATE ${code}`;
  const detail = message;
  const kind = code.slice(0, 2);
  if (isTooLarge(code, message)) {
    return new TooLargeRow(`PostgreSQL at ${where} cannot send a row (${state})`, { detail, cause });
  }
  if (kind === '28' || code === '3D000') {
    return new TailraceError('source.auth', `PostgreSQL at ${where} refused the login (${state})`, {
      remedy: 'check user, password and database in `url` of the source',
      detail,
      cause,
    });
  }
  const unready = Object.hasOwn(NOT_READY, code) ? NOT_READY[code] : undefined;
  if (unready !== undefined) {
    const [what, remedy] = unready;
    return new TailraceError('source.not_ready', `PostgreSQL at ${where} ${what}`, { remedy, detail, cause });
  }
  if (code === '55006') {
    return new TailraceError('source.unreachable', `the replication slot at ${where} is in use by another connection`, {
      remedy: 'stop the other reader of the slot; a connection that died is noticed by the server within a minute',
      detail,
      cause,
    });
  }
  if (code === '55000' && /wal_level/.test(message)) {
    const remedy = 'ALTER SYSTEM SET wal_level = logical; then restart the server';
    const what = `PostgreSQL at ${where} does not decode its write-ahead log`;
    return new TailraceError('source.not_ready', what, { remedy, detail, cause });
  }
  if (code === '08P01' && /startup parameter/.test(message)) return takesNoReplication(where, cause);
  if (['08', '53', '57', '58', '40', 'XX'].includes(kind)) {
    return new TailraceError('source.unreachable', `PostgreSQL at ${where} cannot serve now (${state})`, {
      detail,
      cause,
    });
  }
  return new TailraceError('source.not_ready', `PostgreSQL at ${where} refused a statement (${state})`, {
    remedy: 'run `tailrace check`; if it finds nothing, look into the server log',
    detail,
    cause,
  });
}
