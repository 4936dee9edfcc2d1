/** Server and network errors of the source as typed errors: the server's error number decides. */
import { TailraceError } from '../../src/sdk/index.ts';

/** Of `mysql2`, or of our own reading of the socket. */
interface ServerError {
  /** Number of the server's error; absent for those of the network. */
  readonly errno?: number;
  readonly code?: string;
  readonly sqlState?: string;
  readonly message: string;
}

const RESNAPSHOT = 'set `on_gap: resnapshot` on the source to read its tables again, then start Tailrace';
const AUTH = [1044, 1045, 1049, 1251, 1698, 1862, 3118, 3159, 4151];
const DENIED = [1142, 1143, 1227, 1370, 1410];
/**
 * Too many connections, shutdown, lock wait, deadlock, killed, table changed under the snapshot, statement timeout; no disk, no
 * memory, no thread.
 */
const PASSING = [
  1040, 1041, 1053, 1077, 1152, 1158, 1159, 1160, 1161, 1205, 1213, 1317, 1412, 1226, 1203, 1615, 1684, 1927, 1969,
  3024, 1021, 1026, 1030, 1037, 1038, 1135,
];
/** Below it stand those of the server's own files, temporary ones among them. */
const FIRST_OF_STATEMENTS = 1000;
/** Of all that keeps a server from sending its binary log. */
export const MASTER_FATAL = 1236;
/** ER_SLAVE_SAME_ID of MariaDB; MySQL says so within `MASTER_FATAL`. */
const SAME_ID = 4052;
/** ER_SOURCE_HAS_PURGED_REQUIRED_GTIDS and its kin of MariaDB. */
const LOST = [1789, 1945, 1950, 1951, 1953, 1955];

/** A lost stretch of history (Invariant 5). */
export function gap(message: string, remedy: string = RESNAPSHOT): TailraceError {
  return new TailraceError('source.gap', message, { remedy });
}

/** Something that the stream has and that cannot be turned into rows (Invariant 5). */
export function unsupported(message: string, remedy: string = RESNAPSHOT): TailraceError {
  return new TailraceError('source.unsupported', message, { remedy });
}

/** Invariant 5: what does not have the form of its type stops the source. */
export function need(condition: boolean): asserts condition {
  if (!condition) throw unsupported('an event of the binary log does not have the form of its type');
}

export function placeOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return 'the configured url';
  }
}

/** Any error of a statement on the source's server; typed ones pass. Server texts may hold values: `detail` only. */
export function asSourceError(error: unknown, url: string): TailraceError {
  if (error instanceof TailraceError) return error;
  const where = placeOf(url);
  const { errno, code, message } = error instanceof Error ? (error as ServerError) : { message: '' };
  if (isServerErrno(errno, error)) return statementError(error, errno, message, where);
  const tls = tlsRemedy(code, message);
  if (tls !== null) {
    return new TailraceError('source.not_ready', `a TLS connection to ${where} cannot be made (${code ?? 'refused'})`, {
      remedy: tls,
      detail: message,
    });
  }
  if (
    code === undefined ||
    !/^((?!ERR_)E[A-Z_]+|PROTOCOL_.*|HANDSHAKE_.*|ERR_(SSL|TLS|STREAM|SOCKET)_.*)$/.test(code)
  ) {
    return new TailraceError('internal.bug', `reading from ${where} failed: unexpected ${(error as Error)?.name}`, {
      cause: error,
    });
  }
  return new TailraceError(
    'source.unreachable',
    `the server at ${where} cannot be reached or closed the line (${code})`,
    {
      remedy: 'check that the server runs and that host and port in `url` of the source are right',
      detail: message,
    },
  );
}

/** Errors of the system have negative numbers, and a `syscall`. */
function isServerErrno(errno: number | undefined, error: unknown): errno is number {
  return errno !== undefined && errno > 0 && (error as { syscall?: string }).syscall === undefined;
}

/** Any error of the binary log's stream: what it says to be missing is history (Invariant 5). */
export function asStreamError(error: unknown, url: string): TailraceError {
  if (error instanceof TailraceError) return error;
  const { errno = 0, message = '' } = error as ServerError;
  const where = placeOf(url);
  if (errno === SAME_ID || (errno === MASTER_FATAL && /same server_(uuid|id)|server_id.*conflict/i.test(message))) {
    return new TailraceError('source.not_ready', `another reader of the binary log at ${where} uses our server id`, {
      remedy: 'stop the other Tailrace, or set another `server_id` on the source',
      detail: message,
    });
  }
  if (errno === MASTER_FATAL && /checksum|net_(read|write)|memory|timeout|event read from binlog/i.test(message)) {
    return new TailraceError('source.unreachable', `the server at ${where} cannot send its binary log now`, {
      remedy: 'look into the server log for the cause',
      detail: message,
    });
  }
  if (errno === MASTER_FATAL || LOST.includes(errno)) {
    return new TailraceError(
      'source.gap',
      `the server at ${where} has not got the binary log that follows the position (error ${errno})`,
      {
        remedy: RESNAPSHOT,
        detail: message,
      },
    );
  }
  return asSourceError(error, url);
}

function tlsRemedy(code: string | undefined, message: string): string | null {
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT')
    return 'take `ssl-mode` out of `url` of the source, or set up TLS on the server';
  if (!/certificate|_CERT|UNABLE_TO_(VERIFY|GET)|ALTNAME|HANDSHAKE_SSL_ERROR/i.test(`${code} ${message}`)) return null;
  return 'name the authority that signed the server’s certificate in `url` of the source: `ssl-ca=<file>`; host must be the name in it';
}

function statementError(cause: unknown, errno: number, detail: string, where: string): TailraceError {
  const state = `error ${errno}`;
  if (AUTH.includes(errno)) {
    return new TailraceError('source.auth', `the server at ${where} refused the login (${state})`, {
      remedy: 'check user, password and database in `url` of the source',
      detail,
      cause,
    });
  }
  if (DENIED.includes(errno)) {
    return new TailraceError('source.not_ready', `the server at ${where} denies a privilege (${state})`, {
      remedy: 'run `tailrace check`: it names the missing grants',
      detail,
      cause,
    });
  }
  if (errno < FIRST_OF_STATEMENTS || PASSING.includes(errno)) {
    return new TailraceError('source.unreachable', `the server at ${where} cannot serve now (${state})`, {
      detail,
      cause,
    });
  }
  return new TailraceError('source.not_ready', `the server at ${where} refused a statement (${state})`, {
    remedy: 'run `tailrace check`; if it finds nothing, look into the server log',
    detail,
    cause,
  });
}
