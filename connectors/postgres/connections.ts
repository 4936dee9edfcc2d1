/** Connections to the source: one for SQL, kept and renewed; others whose socket is taken over after start-up. */
import { Socket } from 'node:net';
import pg from 'pg';
import { TailraceError } from '../../src/sdk/index.ts';
import { connectionTargets } from './connection-settings.ts';
import { atServer } from './connection-string.ts';
import type { SourceOptions } from './names.ts';
import { openAtServer, openClient, streamOf } from './open-client.ts';
import { createSocket } from './read-buffer.ts';
import { asSourceError } from './source-errors.ts';
import { ourSurroundings } from './surroundings.ts';

/** Pinned, so that texts are the canonical ones and can be copied (Invariant 9), whatever roles and databases have set. */
const SETTINGS = {
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'iso_8601',
  TimeZone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  xmloption: 'content',
  lc_monetary: 'C',
  quote_all_identifiers: 'off',
  // Of the names that `format_type` writes.
  search_path: 'public',
  // A warning of the stream may say that changes are left out (Invariant 5).
  client_min_messages: 'warning',
  // Rows that a policy hides are an error instead of a snapshot without them.
  row_security: 'off',
  // What we make (the publication) is made again or missed loudly: it need not wait for standbys.
  synchronous_commit: 'local',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0',
};

/**
 * Those that this version knows; also in a walsender. A database without an encoding hands out bytes that may be of any:
 * asked for UTF-8 it would refuse them.
 */
const PIN_SQL = `
  SELECT set_config(s.name, p.value, false) FROM pg_settings s JOIN (VALUES ${Object.entries(SETTINGS)
    .map(([name, value]) => `('${name}', '${value}')`)
    .join(', ')}) AS p(name, value) ON p.name = s.name
  UNION ALL
  SELECT set_config('client_encoding', CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END, false)`;

/** A client for statements; the caller ends it. Throws typed errors. */
export function connectSql(options: SourceOptions): Promise<pg.Client> {
  return connect(options, false);
}

/** A walsender connection: takes replication commands as simple queries. */
export function connectReplication(options: SourceOptions): Promise<pg.Client> {
  return connect(options, true);
}

/**
 * Invariant 11: of several servers the one that was found first is that of all connections made for the same options: the stream of one would say
 * nothing of the rows of another. A reader, or whatever else is opened anew, looks for one anew.
 */
const found = new WeakMap<SourceOptions, Promise<string>>();

function urlOf(options: SourceOptions): Promise<string> {
  const { url } = options.config;
  const known = found.get(options);
  if (known !== undefined) return known;
  const looking = find(url);
  found.set(options, looking);
  looking.catch(() => found.delete(options));
  return looking;
}

async function find(url: string): Promise<string> {
  const { servers, session } = await connectionTargets(url, 'source', ourSurroundings());
  if (servers.length === 1) return url;
  const { client, server } = await openAtServer({ url, side: 'source', applicationName: 'tailrace' });
  await client.end().catch(() => {});
  return atServer(url, 'source', server, session);
}

async function connect(options: SourceOptions, isReplication: boolean): Promise<pg.Client> {
  const { config, name } = options;
  let client: pg.Client | undefined;
  try {
    const applicationName = `tailrace ${name}`;
    const makeSocket = isReplication ? createSocket : () => new Socket();
    const url = await urlOf(options);
    client = await openClient({ url, side: 'source', applicationName, isReplication, makeSocket });
    await client.query(PIN_SQL);
    return client;
  } catch (error) {
    await client?.end().catch(() => {});
    throw asSourceError(error, config.url);
  }
}

/**
 * Takes over reading from the socket of `pg`, which has done start-up, TLS and login. Nothing may be in flight. The client
 * still notices when the socket closes, so that its `end` resolves.
 */
export function takeSocket(client: pg.Client): Socket {
  const stream = streamOf(client);
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

/** One SQL connection, opened when first needed and again after it broke. Statements wait for one another. */
export class SqlSession {
  readonly #options: SourceOptions;
  #client: Promise<pg.Client> | null = null;
  #former: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  rows<T extends object>(sql: string, values: unknown[] = []): Promise<T[]> {
    const run = this.#former.then(() => this.#run<T>(sql, values));
    this.#former = run.catch(() => {});
    return run;
  }

  async #run<T extends object>(sql: string, values: unknown[]): Promise<T[]> {
    if (this.#closed) throw new TailraceError('source.unreachable', 'the source is being closed');
    const connecting = (this.#client ??= connectSql(this.#options));
    try {
      return (await (await connecting).query<T>(sql, values)).rows;
    } catch (error) {
      if (this.#client === connecting && !isRefusal(error)) {
        this.#client = null;
        await end(connecting);
      }
      throw asSourceError(error, this.#options.config.url);
    }
  }

  /** Statements that run are broken off. */
  async close(): Promise<void> {
    this.#closed = true;
    const client = this.#client;
    this.#client = null;
    if (client !== null) await end(client);
  }
}

/** The statement failed, the connection did not. */
function isRefusal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.severity === 'ERROR';
}

async function end(client: Promise<pg.Client>): Promise<void> {
  await client.then((connected) => connected.end()).catch(() => {});
}
