/** Server and network errors of the target as typed errors: the SQLSTATE decides (PostgreSQL manual, appendix A). */
import { DatabaseError } from 'pg';
import { type SinkRecord, TailraceError } from '../../src/sdk/index.ts';

/** What an SQLSTATE means for delivery. */
export type SqlStateClass = 'record' | 'retry' | 'auth' | 'privilege' | 'setup';

/** Single codes first, then classes. `record`: this row, or (21000) two rows that the target holds for one. */
const CODES: Readonly<Record<string, SqlStateClass>> = {
  '21000': 'record',
  '25006': 'retry',
  '25P03': 'retry',
  '3D000': 'auth',
  '42501': 'privilege',
  '54000': 'record',
  '55P03': 'retry',
};
const CLASSES: Readonly<Record<string, SqlStateClass>> = {
  '08': 'retry',
  '22': 'record',
  '23': 'record',
  '28': 'auth',
  '40': 'retry',
  '44': 'record',
  '53': 'retry',
  '57': 'retry',
  '58': 'retry',
  P0: 'record',
};

export function classOfSqlState(code: string | undefined): SqlStateClass {
  if (code === undefined) return 'setup';
  if (Object.hasOwn(CODES, code)) return CODES[code]!;
  const group = code.slice(0, 2);
  return Object.hasOwn(CLASSES, group) ? CLASSES[group]! : 'setup';
}

/** True when the server refused the data of a statement, so that it may accept other rows. */
export function refusesRecord(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && classOfSqlState(error.code) === 'record';
}

/** True when the target takes statements and no COPY: row security, a view. */
export function refusesCopy(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === '0A000';
}

/** `host:port/database`, or the name of the service, without user and password (Invariant 12). */
export function placeOf(url: string): string {
  try {
    const { host, pathname, searchParams } = new URL(url);
    const service = searchParams.get('service');
    // A slip has put part of the login there.
    if (pathname.includes('@')) return 'the configured url';
    if (host === '' && service !== null) return `service ${service}`;
    return `${host || searchParams.get('host') || 'the default host'}${pathname}`;
  } catch {
    return 'the configured url';
  }
}

/** What the statement was for, for messages and remedies. */
export interface ErrorPlace {
  readonly url: string;
  readonly user?: string;
  /** Quoted name of the target table. */
  readonly table?: string;
}

const WHOLE =
  'set `consistency: transactional` in the sink: a constraint that is checked at the end needs whole transactions of the source';

/** Any error of the driver as a typed one; typed ones pass. Server texts may hold row values: `detail` only. */
export function asSinkError(error: unknown, place: ErrorPlace): TailraceError {
  if (error instanceof TailraceError) return error;
  const where = placeOf(place.url);
  if (!(error instanceof DatabaseError)) return clientError(error, where);
  const on = place.table === undefined ? '' : ` for ${place.table}`;
  const state = `SQLSTATE ${error.code ?? '?'}`;
  const detail = serverText(error);
  switch (classOfSqlState(error.code)) {
    case 'retry':
      return new TailraceError('sink.unreachable', `PostgreSQL at ${where} cannot work now (${state})`, { detail });
    case 'auth':
      return new TailraceError('sink.auth', `PostgreSQL at ${where} refused the login (${state})`, {
        remedy: 'check user, password and database in `url` of the sink',
        detail,
      });
    case 'privilege':
      return new TailraceError('sink.not_ready', `PostgreSQL at ${where} denies permission${on} (${state})`, {
        remedy: grant(place),
        detail,
      });
    case 'record':
      // Rows are refused one by one: only the end of a transaction is left.
      return new TailraceError('sink.not_ready', `PostgreSQL at ${where} refused the end of a transaction (${state})`, {
        remedy: WHOLE,
        detail,
      });
    default:
      return new TailraceError('sink.not_ready', `PostgreSQL at ${where} refused a statement${on} (${state})`, {
        remedy: 'compare the target table with the source; if the server log shows no cause, report this as a bug',
        detail,
      });
  }
}

function grant({ table, user }: ErrorPlace): string {
  const role = user ?? '<user of the sink>';
  return table === undefined
    ? `GRANT USAGE, CREATE ON SCHEMA public TO ${role};`
    : `GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO ${role}; -- to add columns: make the role its owner`;
}

function clientError(error: unknown, where: string): TailraceError {
  const { code, message } = error instanceof Error ? (error as Error & { code?: string }) : { code: '', message: '' };
  if (/SASL|password/i.test(message)) {
    return new TailraceError('sink.auth', `login to PostgreSQL at ${where} is not possible as configured`, {
      remedy: 'put user and password into `url` of the sink, or the password into .pgpass',
      detail: message,
    });
  }
  const cause = code === undefined || code === '' ? '' : ` (${code})`;
  return new TailraceError('sink.unreachable', `PostgreSQL at ${where} cannot be reached or closed the line${cause}`, {
    remedy: 'check that the server runs and that host and port in `url` of the sink are right',
    detail: message,
  });
}

/** The record's dead letter: names of column and constraint are safe, the server's text is not. */
export function rejection(error: DatabaseError, record: SinkRecord, table: string): TailraceError {
  const names = [error.column && `column ${error.column}`, error.constraint && `constraint ${error.constraint}`];
  const which = names.filter(Boolean).join(', ');
  const op = record.change.op;
  return new TailraceError(
    'sink.rejected',
    `${table} refused ${op === 'insert' ? 'an' : 'a'} ${op}: SQLSTATE ${error.code}${which === '' ? '' : ` (${which})`}`,
    { detail: serverText(error) },
  );
}

function serverText(error: DatabaseError): string {
  const { message, detail, hint, where } = error;
  return [message, detail && `DETAIL: ${detail}`, hint && `HINT: ${hint}`, where && `CONTEXT: ${where}`]
    .filter(Boolean)
    .join('\n');
}

/** True when the server parsed or checked a statement and refused it; the connection is fine. */
export function refusesStatement(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && ['record', 'setup'].includes(classOfSqlState(error.code));
}
