/**
 * Opens a connection: socket, TLS and what the login may be are settled here, before `pg` takes the socket over for start-up and
 * login. So one place decides for statements, replication and COPY, of the source and of the sink.
 */
import { once } from 'node:events';
import { Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import pg from 'pg';
import { requireChannelBinding } from './channel-binding.ts';
import { isTlsError, NO_ANSWER, NOT_OFFERED, tlsError } from './connection-errors.ts';
import { type ConnectionSettings, connectionTargets } from './connection-settings.ts';
import type { Side } from './connection-string.ts';
import { firstSuitable } from './several-servers.ts';
import { ourSurroundings, type Surroundings } from './surroundings.ts';
import { tlsOptions, type Way, waysOf } from './tls-settings.ts';

/** SSLRequest (manual, 55.7). */
const TLS_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const OFFERED = 'S'.charCodeAt(0);
const REFUSED = 'N'.charCodeAt(0);
const KEEP_ALIVE_MS = 10_000;

export interface ClientOptions {
  readonly url: string;
  readonly side: Side;
  /** Unless the settings name one. */
  readonly applicationName: string;
  /** Takes replication commands, as simple queries. */
  readonly isReplication?: boolean;
  /** Default: plain ones. */
  readonly makeSocket?: () => Socket;
  readonly around?: Surroundings;
}

/**
 * The caller ends it. Throws `<side>.not_ready` for settings and certificates that do not do, otherwise what the server, `pg`
 * or the network says.
 */
export async function openClient(options: ClientOptions): Promise<pg.Client> {
  return (await openAtServer(options)).client;
}

/** As `openClient`, with the server that was found to be the one to use. */
export async function openAtServer(
  options: ClientOptions,
): Promise<{ readonly client: pg.Client; readonly server: ConnectionSettings }> {
  const around = options.around ?? ourSurroundings();
  const { servers, session } = await connectionTargets(options.url, options.side, around);
  return firstSuitable(servers, session, options.side, (server) => openServer(options, server, around));
}

async function openServer(
  options: ClientOptions,
  settings: ConnectionSettings,
  around: Surroundings,
): Promise<pg.Client> {
  const ways = waysOf(settings);
  const tls = ways.some((way) => way !== 'plain') ? await tlsOptions(settings, options.side, around) : {};
  for (const [i, way] of ways.entries()) {
    try {
      return await open(options, settings, way, tls);
    } catch (error) {
      const isRefused = (error as { code?: unknown }).code === '28000' || isTlsError(error);
      if (!isRefused || i === ways.length - 1) throw tlsError(error, settings, options.side);
    }
  }
  throw new Error('no way to connect');
}

/** Whether what is sent and received can be read by others on the way. */
export function isEncrypted(client: pg.Client): boolean {
  return (streamOf(client) as Partial<TLSSocket>).encrypted === true;
}

export function streamOf(client: pg.Client): Socket {
  return (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream;
}

async function open(
  options: ClientOptions,
  settings: ConnectionSettings,
  way: Way,
  tls: ConnectionOptions,
): Promise<pg.Client> {
  const socket = (options.makeSocket ?? (() => new Socket()))();
  const late = () => new Error('timeout expired');
  const timer = setTimeout(() => socket.destroy(late()), settings.timeoutMs);
  let client: pg.Client | undefined;
  try {
    const stream = await connectSocket(socket, settings, way, tls);
    client = new pg.Client(clientConfig(options, settings, stream));
    // A line that breaks while idle is reported by the next query.
    client.on('error', () => {});
    const connected = client.connect();
    if (settings.channelBinding === 'require') requireChannelBinding(client);
    await connected;
    return client;
  } catch (error) {
    socket.destroy();
    await client?.end().catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function clientConfig(options: ClientOptions, settings: ConnectionSettings, stream: Socket): pg.ClientConfig {
  const { host, port, database, user, password } = settings;
  return {
    host,
    port,
    database,
    user,
    // A function: `pg` looks for a missing password in variables and files.
    password: () => password ?? undefined,
    ...(settings.options !== null && { options: settings.options }),
    application_name: settings.applicationName ?? options.applicationName,
    ssl: false,
    sslnegotiation: 'postgres',
    enableChannelBinding: settings.channelBinding !== 'disable' && 'getPeerCertificate' in stream,
    // More than an administrator would set: the server says how long we are to compute.
    scramMaxIterations: 10_000_000,
    stream: asUnconnected(stream),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    ...(options.isReplication === true && { replication: 'database' }),
  } as unknown as pg.ClientConfig;
}

/** `pg` connects the socket that it is given. */
function asUnconnected(stream: Socket): Socket {
  stream.connect = () => {
    process.nextTick(() => stream.emit('connect'));
    return stream;
  };
  return stream;
}

async function connectSocket(
  socket: Socket,
  settings: ConnectionSettings,
  way: Way,
  tls: ConnectionOptions,
): Promise<Socket> {
  const { host, address, port } = settings;
  socket.setNoDelay(true);
  if (host.startsWith('/')) socket.connect(`${host}/.s.PGSQL.${port}`);
  else socket.connect(port, address ?? host);
  await once(socket, 'connect');
  if (way === 'plain') return socket;
  if (settings.negotiation === 'postgres' && !(await asksForTls(socket, way))) return socket;
  const encrypted = connectTls({ ...tls, socket });
  await once(encrypted, 'secureConnect');
  return encrypted;
}

/** False when the connection is to go on without. */
async function asksForTls(socket: Socket, way: Way): Promise<boolean> {
  socket.write(TLS_REQUEST);
  const answer = await nextData(socket);
  // More than the one byte was put there by somebody who wants to be taken for the server behind TLS.
  if (answer.length !== 1) throw new Error(NO_ANSWER);
  if (answer[0] === OFFERED) return true;
  if (answer[0] !== REFUSED) throw new Error(NO_ANSWER);
  if (way === 'offered') return false;
  throw new Error(NOT_OFFERED);
}

function nextData(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      socket.off('data', onData).off('error', onError).off('close', onClose);
      act();
    };
    const onData = (bytes: Buffer) => settle(() => resolve(bytes));
    const onError = (error: Error) => settle(() => reject(error));
    const onClose = () =>
      settle(() => reject(Object.assign(new Error('the server closed the connection'), { code: 'ECONNRESET' })));
    socket.on('data', onData).on('error', onError).on('close', onClose);
  });
}
