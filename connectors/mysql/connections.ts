/** Connections to the server: one for SQL, kept and renewed; others whose socket is taken over after the login. */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import mysql from 'mysql2';
import { TailraceError } from '../../src/sdk/index.ts';
import { asSourceError } from './source-errors.ts';

const CONNECT_MS = 10_000;
const KEEP_ALIVE_MS = 10_000;

/**
 * Pinned, so that texts are the canonical ones (Invariant 9), whatever the server has set; and so that a slow disk of ours,
 * for which the server has to wait, does not end the connection.
 */
const PIN_SQL = `SET SESSION time_zone = '+00:00', sql_mode = '', net_write_timeout = 86400, net_read_timeout = 86400,
  wait_timeout = 86400, transaction_isolation = 'REPEATABLE-READ'`;
const PIN_OLD_SQL = PIN_SQL.replace('transaction_isolation', 'tx_isolation');
const UNKNOWN_VARIABLE = 1193;

export type Connection = mysql.Connection;
export type Cell = string | null;

/** Reads the parts of a URL itself: the driver would take any of its parameters for one of its options. */
export function connectionOptions(url: string): mysql.ConnectionOptions {
  const { hostname, port, username, password, searchParams } = new URL(url);
  return {
    host: hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: port === '' ? 3306 : Number(port),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    charset: 'utf8mb4',
    connectTimeout: CONNECT_MS,
    enableKeepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
    // Without this it makes code from strings.
    disableEval: true,
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    // Statements that we send over the socket ourselves have no attributes; no file of ours is for the server.
    flags: ['-CLIENT_QUERY_ATTRIBUTES', '-LOCAL_FILES'],
    ...tlsOptions(searchParams),
  };
}

function tlsOptions(parameters: URLSearchParams): mysql.ConnectionOptions {
  const mode = (parameters.get('ssl-mode') ?? 'DISABLED').toUpperCase();
  if (mode === 'DISABLED' || mode === 'PREFERRED') return {};
  const ca = parameters.get('ssl-ca');
  const verified = mode.startsWith('VERIFY');
  return {
    ssl: {
      rejectUnauthorized: verified,
      verifyIdentity: mode === 'VERIFY_IDENTITY',
      ...(ca === null ? {} : { ca: readFileSync(ca, 'utf8') }),
    },
  };
}

/** A connection with pinned settings; the caller ends it. Throws as the driver does. */
export async function connect(url: string): Promise<Connection> {
  const connection = mysql.createConnection(connectionOptions(url));
  // A line that breaks while idle is reported by the next statement.
  connection.on('error', () => {});
  try {
    await new Promise<void>((resolve, reject) => {
      connection.connect((error) => (error ? reject(error) : resolve()));
    });
    await query(connection, PIN_SQL).catch((error: { errno?: number }) => {
      if (error.errno !== UNKNOWN_VARIABLE) throw error;
      return query(connection, PIN_OLD_SQL);
    });
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

/** Rows as objects of texts; an empty list for statements without rows. */
export function query<T extends object = Record<string, Cell>>(
  connection: Connection,
  sql: string,
  values: readonly unknown[] = [],
): Promise<T[]> {
  return new Promise((resolve, reject) => {
    connection.query({ sql, values: [...values], typeCast: asText }, (error, rows) => {
      if (error) reject(error);
      else resolve(Array.isArray(rows) ? (rows as unknown as T[]) : []);
    });
  });
}

const asText = (field: { string(encoding?: string): string | null }): string | null => field.string('utf8');

/**
 * Takes over reading from the socket of `mysql2`, which has done TLS and login. Nothing may be in flight. The driver
 * still notices when the socket closes.
 */
export function takeSocket(connection: Connection): Socket {
  const { stream } = connection as unknown as { stream: Socket };
  stream.pause();
  stream.removeAllListeners('data');
  return stream;
}

/** One SQL connection, opened when first needed and again after it broke. Statements wait for one another. */
export class SqlSession {
  readonly #url: string;
  #connection: Promise<Connection> | null = null;
  #closed = false;

  constructor(url: string) {
    this.#url = url;
  }

  async rows<T extends object = Record<string, Cell>>(sql: string, values: readonly unknown[] = []): Promise<T[]> {
    if (this.#closed) throw new TailraceError('source.unreachable', 'the source is being closed');
    const connecting = (this.#connection ??= connect(this.#url));
    try {
      return await query<T>(await connecting, sql, values);
    } catch (error) {
      if (this.#connection === connecting && !isRefusal(error)) {
        this.#connection = null;
        await end(connecting);
      }
      throw asSourceError(error, this.#url);
    }
  }

  /** Statements that run are broken off. */
  async close(): Promise<void> {
    this.#closed = true;
    const connection = this.#connection;
    this.#connection = null;
    if (connection !== null) await end(connection);
  }
}

/** The statement failed, the connection did not. */
function isRefusal(error: unknown): boolean {
  const { sqlState, fatal } = error as { sqlState?: string; fatal?: boolean };
  return sqlState !== undefined && fatal !== true;
}

async function end(connection: Promise<Connection>): Promise<void> {
  await connection.then((connected) => connected.destroy()).catch(() => {});
}
