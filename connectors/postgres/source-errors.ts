/** Server and network errors of the source as typed errors: the SQLSTATE decides (PostgreSQL manual, appendix A). */
import { TailraceError } from '../../src/sdk/index.ts';
import { placeOf } from './sink-errors.ts';

/** What an ErrorResponse says: of `pg`, or of our own reading of the socket. */
export interface ServerError {
  readonly code?: string | undefined;
  readonly message: string;
}

const RESNAPSHOT = 'set `on_gap: resnapshot` on the source to read its tables again, then start Tailrace';

/** A lost stretch of history (Invariant 5). */
export function gap(message: string, remedy: string = RESNAPSHOT): TailraceError {
  return new TailraceError('source.gap', message, { remedy });
}

/** Any error while talking to the source's server; typed ones pass. Server texts may hold values: `detail` only. */
export function asSourceError(error: unknown, url: string): TailraceError {
  if (error instanceof TailraceError) return error;
  const { code, message } = error instanceof Error ? (error as Error & ServerError) : { code: undefined, message: '' };
  const where = placeOf(url);
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && code !== 'EPIPE')
    return sqlStateError(code, message, where);
  if (/SASL|password/i.test(message)) {
    return new TailraceError('source.auth', `login to PostgreSQL at ${where} is not possible as configured`, {
      remedy: 'put user and password into `url` of the source',
      detail: message,
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

function sqlStateError(code: string, message: string, where: string): TailraceError {
  const state = `SQLSTATE ${code}`;
  const detail = message;
  const kind = code.slice(0, 2);
  if (kind === '28' || code === '3D000') {
    return new TailraceError('source.auth', `PostgreSQL at ${where} refused the login (${state})`, {
      remedy: 'check user, password and database in `url` of the source',
      detail,
    });
  }
  if (code === '42501') {
    return new TailraceError('source.not_ready', `PostgreSQL at ${where} denies a permission (${state})`, {
      remedy: 'run `tailrace check`: it names the missing grants',
      detail,
    });
  }
  if (code === '55006') {
    return new TailraceError('source.unreachable', `the replication slot at ${where} is in use by another connection`, {
      remedy: 'stop the other reader of the slot; a connection that died is noticed by the server within a minute',
      detail,
    });
  }
  if (code === '55000' || code === '58P01') return unavailableHistory(code, message, where);
  if (code === '42704')
    return gap(`the slot or the publication that was read at ${where} does not exist any more (${state})`);
  if (['08', '53', '57', '58', '40', 'XX'].includes(kind)) {
    return new TailraceError('source.unreachable', `PostgreSQL at ${where} cannot serve now (${state})`, { detail });
  }
  return new TailraceError('source.not_ready', `PostgreSQL at ${where} refused a statement (${state})`, {
    remedy: 'run `tailrace check`; if it finds nothing, look into the server log',
    detail,
  });
}

/** `object_not_in_prerequisite_state` and removed WAL: history is lost, or the server is not set up. */
function unavailableHistory(code: string, message: string, where: string): TailraceError {
  if (code === '55000' && /wal_level|recovery/i.test(message)) {
    return new TailraceError('source.not_ready', `PostgreSQL at ${where} does not decode its write-ahead log`, {
      remedy: 'ALTER SYSTEM SET wal_level = logical; then restart the server',
      detail: message,
    });
  }
  return gap(`the replication slot at ${where} was invalidated: the server removed write-ahead log that it needs`);
}
