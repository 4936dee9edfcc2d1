/** The HTTP API: read-only JSON on a loopback address, for this machine's own programs. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ID_HEADER, newApiAddress, removeApiAddress, writeApiAddress } from '../config/api-address.ts';
import type { Control } from '../contracts/control.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Logger } from '../contracts/plugin.ts';
import type { Answer } from './route.ts';
import { routes } from './routes.ts';

/** A request is one short line and a few headers. */
const LIMITS = { maxHeaderSize: 8 * 1024, headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 5_000 };
const MAX_CONNECTIONS = 128;

export interface ApiOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Gets the file with the address. */
  readonly dataDir: string;
  readonly log: Logger;
}

export interface Api {
  readonly url: string;
  /** Ends open connections. Idempotent. */
  close(): Promise<void>;
}

/** Throws `api.port_in_use`, or `log.unwritable` when the address cannot be written into the data directory. */
export async function startApi(control: Control, { host, port, dataDir, log }: ApiOptions): Promise<Api> {
  let id = '';
  const server = createServer(LIMITS, (request, response) => {
    response.setHeader(ID_HEADER, id);
    send(response, answerTo(request, control, host, log));
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, host, port);
  server.on('error', (cause) => log('warn', 'the HTTP API has trouble with a connection', { error: cause.message }));
  const { port: bound } = server.address() as AddressInfo;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  const address = newApiAddress(url);
  id = address.id;
  const close = async () => {
    removeApiAddress(dataDir, address);
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  try {
    writeApiAddress(dataDir, address);
  } catch (error) {
    await close();
    throw new TailraceError(
      'log.unwritable',
      `cannot write into ${dataDir}: ${(error as NodeJS.ErrnoException).code}`,
      {
        remedy: 'let the user that runs Tailrace write there',
        cause: error,
      },
    );
  }
  return { url, close };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen({ host, port }, () => resolve());
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): TailraceError {
  if (error.code === 'EADDRINUSE') {
    return new TailraceError('api.port_in_use', `port ${port} of ${host} is taken by another process`, {
      remedy: 'stop that process, or set another http.port (or http: false) in tailrace.yaml',
      cause: error,
    });
  }
  return new TailraceError('api.port_in_use', `cannot listen on ${host}, port ${port}: ${error.code}`, {
    remedy: 'set http.host and http.port in tailrace.yaml to an address and port that this user may listen on',
    cause: error,
  });
}

function answerTo(request: IncomingMessage, control: Control, host: string, log: Logger): Answer {
  const refusal = refused(request, host);
  if (refusal !== null) return refusal;
  const path = (request.url ?? '').split('?', 1)[0];
  const route = routes.find((candidate) => candidate.path === path);
  if (route === undefined) return error(404, 'not_found', `there is no such path; there are: ${paths()}`);
  if (request.method !== 'GET') return error(405, 'method_not_allowed', 'the API is read-only: GET');
  try {
    return route.answer(control);
  } catch (cause) {
    log('error', 'the HTTP API could not answer', { path, error: cause instanceof Error ? cause.name : typeof cause });
    return error(500, 'internal', 'the answer could not be made; see the log');
  }
}

/**
 * A page in a browser may not reach the API under a name that leads to this machine (DNS rebinding), nor from another
 * origin: only names of this machine are answered.
 */
function refused({ headers }: IncomingMessage, host: string): Answer | null {
  const named = /^[\w.:[\]-]+$/.test(headers.host ?? '') ? `http://${headers.host}` : '';
  const name = hostName(named);
  if (name === null || !isOwnName(name, host)) {
    return error(403, 'foreign_host', 'the Host header must name this machine: localhost, 127.0.0.1 or [::1]');
  }
  const { origin } = headers;
  if (origin === undefined) return null;
  const from = hostName(origin);
  if (from !== null && isOwnName(from, host)) return null;
  return error(403, 'foreign_origin', 'pages of other origins may not ask');
}

function hostName(url: string): string | null {
  return URL.parse(url)?.hostname ?? null;
}

function isOwnName(name: string, host: string): boolean {
  return ['localhost', '127.0.0.1', '[::1]', host].includes(name);
}

function error(status: number, code: string, message: string): Answer {
  return { status, body: { error: { code, message } } };
}

function paths(): string {
  return routes.map(({ path }) => path).join(', ');
}

function send(response: ServerResponse, { status, body }: Answer): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'GET' } : {}),
    // A body that was sent along is not read.
    ...(status === 200 ? {} : { connection: 'close' }),
  });
  response.end(text);
}
