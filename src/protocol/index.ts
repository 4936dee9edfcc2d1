/** The Kafka listener: a Kafka broker of one node over the log, for any Kafka client. */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { TailraceError } from '../contracts/errors.ts';
import { offeredApis } from './apis.ts';
import { type Broker, openBroker } from './broker.ts';
import { Connection, type ConnectionOptions, type Counters } from './connection.ts';
import type { Endpoint, KafkaListenerOptions } from './options.ts';

import type { Authentication } from './security/session.ts';
import { Users } from './security/users.ts';

export type { Counters } from './connection.ts';
export type { Endpoint, KafkaListenerOptions, Limits, TopicRules } from './options.ts';

/** How often connections are looked at for stalling, ms. */
const CHECK_MS = 5_000;
/** How often producers that are silent are looked for, ms. */
const EXPIRY_CHECK_MS = 600_000;
const TLS_HANDSHAKE_MS = 30_000;
/** Time for running requests to end when the listener closes, ms. */
const CLOSE_MS = 2_000;

export interface KafkaListener {
  readonly host: string;
  readonly port: number;
  /** Since the start. */
  readonly counters: Readonly<Counters>;
  /** Takes no more connections, lets running requests end for two seconds, closes. Idempotent. Does not close the log. */
  close(): Promise<void>;
}

/** Throws `kafka.insecure` for an address that others can reach, and `kafka.port_in_use`. */
export async function startKafkaListener(options: KafkaListenerOptions): Promise<KafkaListener> {
  const authentication = authenticationOf(options);
  const broker = await openBroker(options);
  const counters: Counters = { connections: 0, connectionsRefused: 0, requests: 0, malformed: 0, stalled: 0 };
  const connections = new Connections({
    ...broker,
    apis: offeredApis(broker, options.admin ?? {}),
    authentication,
    counters,
  });
  const server = newServer(options, (socket) => connections.add(socket));
  const { host, port } = await listening(server, options.listen);
  broker.endpoint = options.advertise ?? { host, port };
  const stopped = new AbortController();
  const chores = runChores(broker, connections, stopped.signal);
  const close = async () => {
    stopped.abort();
    const closed = new Promise((resolve) => server.close(resolve));
    await connections.close(CLOSE_MS);
    broker.groups.close();
    await broker.transactions.close();
    await Promise.all([closed, chores]);
  };
  let closed: Promise<void> | null = null;
  return { host, port, counters, close: () => (closed ??= close()) };
}

/** Passwords in the clear only where nobody can listen. */
function authenticationOf({ listen, security = {} }: KafkaListenerOptions): Authentication | null {
  const { users = [], tls } = security;
  const loopback = isLoopback(listen.host);
  if (users.length > 0) {
    const plain = tls !== undefined || loopback ? (['PLAIN'] as const) : [];
    return { users: new Users(users), mechanisms: [...plain, 'SCRAM-SHA-256', 'SCRAM-SHA-512'] };
  }
  if (loopback) return null;
  throw new TailraceError('kafka.insecure', `kafka.listen: ${listen.host} is not a loopback address`, {
    remedy: 'listen on 127.0.0.1, or configure kafka.users so that clients must authenticate',
  });
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host);
}

function newServer({ security }: KafkaListenerOptions, onConnection: (socket: Socket) => void): Server {
  const options = { allowHalfOpen: true, noDelay: true };
  if (security?.tls === undefined) return createServer(options, onConnection);
  const { key, cert } = security.tls;
  const tls = { ...options, key, cert, minVersion: 'TLSv1.2', handshakeTimeout: TLS_HANDSHAKE_MS } as const;
  const server = createTlsServer(tls, onConnection);
  // Whoever does not speak TLS is gone already.
  server.on('tlsClientError', () => {});
  return server;
}

async function runChores(broker: Broker, connections: Connections, signal: AbortSignal): Promise<void> {
  const { clock, producers, transactions, writer } = broker;
  await Promise.all([
    every(CHECK_MS, clock, signal, () => connections.checkProgress()),
    // A log that has failed says so elsewhere.
    every(EXPIRY_CHECK_MS, clock, signal, () => {
      producers.expire(clock.now(), writer).catch(() => {});
      transactions.expire(clock.now()).catch(() => {});
    }),
  ]);
}

/** The open connections. At the limit, one that never sent a request makes room for a new one. */
class Connections {
  readonly #options: ConnectionOptions;
  readonly #open = new Set<Connection>();

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  add(socket: Socket): void {
    const { limits, counters } = this.#options;
    if (this.#open.size >= limits.maxConnections) {
      counters.connectionsRefused++;
      const unused = [...this.#open].find(({ used }) => !used);
      if (unused === undefined) {
        socket.destroy();
        return;
      }
      unused.destroy();
      this.#open.delete(unused);
    }
    counters.connections++;
    const connection = new Connection(socket, this.#options);
    this.#open.add(connection);
    void connection.run().finally(() => this.#open.delete(connection));
  }

  checkProgress(): void {
    for (const connection of this.#open) connection.checkProgress();
  }

  async close(limitMs: number): Promise<void> {
    await Promise.all([...this.#open].map((connection) => connection.close(limitMs)));
  }
}

async function listening(server: Server, { host, port }: Endpoint): Promise<Endpoint> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return { host, port: typeof address === 'object' && address !== null ? address.port : port };
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new TailraceError('kafka.port_in_use', `kafka.listen: ${host}:${port} is taken`, {
    remedy: 'stop the process that uses the port, or set kafka.listen in tailrace.yaml to another one',
    cause: error,
  });
}

/** Runs until the signal aborts. */
async function every(
  ms: number,
  clock: KafkaListenerOptions['clock'],
  signal: AbortSignal,
  run: () => void,
): Promise<void> {
  for (;;) {
    try {
      await clock.sleep(ms, signal);
    } catch {
      return;
    }
    run();
  }
}
