/** Connections to the source: one for SQL, kept and renewed; others whose socket is taken over after start-up. */
import type { Socket } from 'node:net';
import pg from 'pg';
import type { SourceOptions } from './names.ts';
import { asSourceError } from './source-errors.ts';

const CONNECT_MS = 10_000;
const KEEP_ALIVE_MS = 10_000;

/** Pinned, so that texts are the canonical ones and can be copied (Invariant 9). */
const SETTINGS = {
  datestyle: 'ISO, YMD',
  intervalstyle: 'iso_8601',
  timezone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  xmloption: 'content',
  lc_monetary: 'C',
  quote_all_identifiers: 'off',
  // A warning of the stream may say that changes are left out (Invariant 5).
  client_min_messages: 'warning',
  // Rows that a policy hides are an error instead of a snapshot without them.
  row_security: 'off',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
};

function clientConfig({ config, name }: SourceOptions): pg.ClientConfig {
  const options = Object.entries(SETTINGS).map(
    ([setting, value]) => `-c ${setting}=${value.replace(/[ \\]/g, '\\$&')}`,
  );
  return {
    connectionString: config.url,
    application_name: `tailrace ${name}`,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    options: options.join(' '),
  };
}

/** A client for statements; the caller ends it. Throws typed errors. */
export async function connectSql(options: SourceOptions): Promise<pg.Client> {
  try {
    const client = new pg.Client(clientConfig(options));
    // A line that breaks while idle is reported by the next query.
    client.on('error', () => {});
    await client.connect();
    return client;
  } catch (error) {
    throw asSourceError(error, options.config.url);
  }
}

/** A walsender connection: takes replication commands as simple queries. */
export async function connectReplication(options: SourceOptions): Promise<pg.Client> {
  try {
    // `replication` is a parameter of the start-up packet that pg passes on and its types do not know.
    const settings = { ...clientConfig(options), replication: 'database' } as pg.ClientConfig;
    const client = new pg.Client(settings);
    client.on('error', () => {});
    await client.connect();
    return client;
  } catch (error) {
    throw asSourceError(error, options.config.url);
  }
}

/**
 * Takes over reading from the socket of `pg`, which has done start-up, TLS and login. Nothing may be in flight. The client
 * still notices when the socket closes, so that its `end` resolves.
 */
export function takeSocket(client: pg.Client): Socket {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  stream.pause();
  stream.removeAllListeners('data');
  return stream;
}

/** Terminate (X). */
const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4]);
const CLOSE_MS = 500;

/** Ends a socket that was taken, after what was written to it; data that nobody read is dropped. */
export function closeSocket(socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), CLOSE_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.end(TERMINATE, () => socket.destroy());
  });
}

/** One SQL connection, opened when first needed and again after it broke. Not concurrent. */
export class SqlSession {
  readonly #options: SourceOptions;
  #client: pg.Client | null = null;

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  rows<T extends object>(sql: string, values: unknown[] = []): Promise<T[]> {
    return this.#query<T>({ text: sql, values });
  }

  /** Values as the server writes them, not parsed. */
  texts(sql: string, values: unknown[]): Promise<Record<string, string | null>[]> {
    return this.#query({ text: sql, values, types: { getTypeParser: () => (text: unknown) => text } });
  }

  async #query<T extends object>(query: pg.QueryConfig): Promise<T[]> {
    const client = (this.#client ??= await connectSql(this.#options));
    try {
      return (await client.query<T>(query)).rows;
    } catch (error) {
      this.#client = null;
      await client.end().catch(() => {});
      throw asSourceError(error, this.#options.config.url);
    }
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }
}
