/** A real PostgreSQL server with TLS whose certificate and rules of admission can be changed while it runs. */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { type PostgresServer, startPostgres } from '../../demo/servers/postgres.ts';
import { AUTHORITY, OTHER_AUTHORITY, SERVER_CERTIFICATE, SERVER_KEY } from './authority.ts';

export class TlsPostgres {
  readonly server: PostgresServer;
  readonly #rules: string;

  private constructor(server: PostgresServer, rules: string) {
    this.server = server;
    this.#rules = rules;
  }

  /** With a certificate for localhost. */
  static async start(): Promise<TlsPostgres> {
    const server = await startPostgres();
    const made = new TlsPostgres(server, await readFile(join(server.dataDir, 'pg_hba.conf'), 'utf8'));
    await writeFile(join(server.dataDir, 'server.key'), SERVER_KEY, { mode: 0o600 });
    await writeFile(join(server.dataDir, 'authority.crt'), AUTHORITY);
    await writeFile(join(server.dataDir, 'other.crt'), OTHER_AUTHORITY);
    await writeFile(join(server.dataDir, 'server.crt'), SERVER_CERTIFICATE);
    await server.restart({ ssl: 'on', ssl_ca_file: 'authority.crt' });
    return made;
  }

  /** Path of a file with this text, in the data directory. */
  async file(name: string, text: string, mode = 0o600): Promise<string> {
    const path = join(this.server.dataDir, name);
    await writeFile(path, text, { mode });
    return path;
  }

  /** `host` is localhost. @param parameters of the connection string */
  url(parameters = '', host = 'localhost'): string {
    const { port } = this.server;
    return `postgres://postgres:password@${host}:${port}/postgres${parameters === '' ? '' : `?${parameters}`}`;
  }

  /** Until the test ends; new connections see it. @param rules come before those of pg_hba.conf */
  async set({ certificate = SERVER_CERTIFICATE, rules = '' }): Promise<void> {
    await this.#apply(certificate, rules);
    onTestFinished(() => this.#apply(SERVER_CERTIFICATE, ''));
  }

  async #apply(certificate: string, rules: string): Promise<void> {
    const { dataDir, url } = this.server;
    await writeFile(join(dataDir, 'server.crt'), certificate);
    await writeFile(join(dataDir, 'pg_hba.conf'), `${rules}\n`);
    await appendFile(join(dataDir, 'pg_hba.conf'), this.#rules);
    const ask = async (sql: string) => {
      const client = new pg.Client(url);
      await client.connect();
      const { rows } = await client.query<{ at: string }>(sql);
      await client.end();
      return rows[0]!.at;
    };
    const before = await ask('select pg_conf_load_time()::text as at, pg_reload_conf()');
    while ((await ask('select pg_conf_load_time()::text as at')) === before);
  }
}

/** Somebody who sits between with a certificate of his own, and reads what both sides think to be encrypted. */
export async function startEavesdropper(target: number, key: string, cert: string): Promise<number> {
  const secureContext = createSecureContext({ key, cert });
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    const upstream = connect(target, '127.0.0.1');
    sockets.add(upstream);
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.once('data', (request) => upstream.write(request));
    upstream.once('data', (answer) => {
      client.write(answer);
      const outer = new TLSSocket(client, { isServer: true, secureContext });
      const inner = connectTls({ socket: upstream, rejectUnauthorized: false });
      for (const socket of [outer, inner]) socket.on('error', () => client.destroy());
      outer.pipe(inner).pipe(outer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

/** Accepts connections and answers to what comes first with `answer`, then no more. */
export async function startMute(answer: Uint8Array | null): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => answer !== null && socket.write(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}
