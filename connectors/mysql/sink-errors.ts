/** Server and network errors of the target as typed errors: the server's error number decides. */
import { TailraceError } from '../../src/sdk/index.ts';
import { placeOf } from './source-errors.ts';

interface ServerError {
  readonly errno?: number;
  readonly code?: string;
  readonly sqlState?: string;
  readonly message: string;
}

/** Out of range, too long, wrong value, constraint, duplicate, NULL, foreign keys, invalid text … */
const RECORD = [
  1048, 1062, 1364, 1366, 1369, 1406, 1264, 1265, 1292, 1411, 1416, 1451, 1452, 1216, 1217, 1644, 3140, 3819, 3903,
  4025, 1367, 1690, 1153, 1210, 3854, 1300, 1118, 1138, 1169, 1586, 1526, 1748,
];
const AUTH = [1045, 1049, 1251, 1698, 1862, 3118, 4151];
const DENIED = [1044, 1142, 1143, 1227, 1370, 1410];
const PASSING = [
  1040, 1041, 1053, 1077, 1152, 1158, 1159, 1160, 1161, 1205, 1213, 1290, 1317, 1021, 1114, 1226, 1203, 1836, 1792,
  3024, 1180, 3100, 3101,
];

/** True when the server refused the data of a statement, so that it may accept other rows. */
export function refusesRecord(error: unknown): boolean {
  if (error instanceof TailraceError) return error.code === 'sink.rejected';
  return isServerError(error) && RECORD.includes(error.errno);
}

function isServerError(error: unknown): error is ServerError & { readonly errno: number } {
  return error instanceof Error && (error as ServerError).sqlState !== undefined;
}

/** The server's text may hold values: `detail` only (Invariant 12). */
export function rejection(error: unknown, table: string): TailraceError {
  if (error instanceof TailraceError) return error;
  const { errno, message } = error as ServerError;
  return new TailraceError('sink.rejected', `${table} refused a row (error ${errno})`, { detail: message });
}

export function asSinkError(error: unknown, url: string): TailraceError {
  if (error instanceof TailraceError) return error;
  const where = placeOf(url);
  const { code, message } = error instanceof Error ? (error as ServerError) : { code: undefined, message: '' };
  if (!isServerError(error)) {
    if (code === undefined) return new TailraceError('internal.bug', `unexpected error on ${where}`, { cause: error });
    return new TailraceError(
      'sink.unreachable',
      `the server at ${where} cannot be reached or closed the line (${code})`,
      {
        remedy: 'check that the server runs and that host and port in `url` of the sink are right',
        detail: message,
      },
    );
  }
  const state = `error ${error.errno}`;
  if (AUTH.includes(error.errno)) {
    return new TailraceError('sink.auth', `the server at ${where} refused the login (${state})`, {
      remedy: 'check user, password and database in `url` of the sink',
      detail: message,
    });
  }
  if (PASSING.includes(error.errno)) {
    return new TailraceError('sink.unreachable', `the server at ${where} cannot work now (${state})`, {
      detail: message,
    });
  }
  const remedy = DENIED.includes(error.errno)
    ? 'grant SELECT, INSERT, UPDATE, DELETE, CREATE and ALTER on the database to the user of the sink'
    : 'compare the target table with the source; a table made by another tool may not fit';
  return new TailraceError('sink.not_ready', `the server at ${where} refused a statement (${state})`, {
    remedy,
    detail: message,
  });
}
