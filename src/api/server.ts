/**
 * The HTTP API: JSON on a loopback address, for this machine's own programs. Looking at states is free; what changes
 * something or gives records away needs the token of the file in the data directory (`api-address.ts`).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ID_HEADER, newApiAddress, removeApiAddress, writeApiAddress } from '../config/api-address.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Logger } from '../contracts/plugin.ts';
import { errorAnswer, errorBody } from './errors.ts';
import { Fields } from './fields.ts';
import { paramsOf, routesOf } from './match.ts';
import { BodyReader } from './request-body.ts';
import type { Answer, Lines, Route, Subjects } from './route.ts';
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
export async function startApi(subjects: Subjects, { host, port, dataDir, log }: ApiOptions): Promise<Api> {
  let id = '';
  let token = '';
  const bodies = new BodyReader();
  const server = createServer(LIMITS, (request, response) => {
    response.setHeader(ID_HEADER, id);
    answer(request, response, { subjects, host, log, token, bodies }).catch((error: Error) => {
      if (!response.destroyed) log('warn', 'the HTTP API could not send an answer', { error: error.name });
      response.destroy();
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, host, port);
  server.on('error', (cause) => log('warn', 'the HTTP API has trouble with a connection', { error: cause.message }));
  const { port: bound } = server.address() as AddressInfo;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  const address = newApiAddress(url);
  ({ id, token } = address);
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

interface Serving {
  readonly subjects: Subjects;
  readonly host: string;
  readonly log: Logger;
  readonly token: string;
  readonly bodies: BodyReader;
}

async function answer(request: IncomingMessage, response: ServerResponse, serving: Serving): Promise<void> {
  const { log } = serving;
  const [path = ''] = (request.url ?? '').split('?', 1);
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  let answered: Answer | Lines;
  try {
    answered = refused(request, serving.host) ?? (await answerTo(request, path, serving, closed.signal));
  } catch (cause) {
    answered = errorAnswer(cause, path, log);
  }
  if ('lines' in answered) await sendLines(response, answered, (cause) => errorBody(cause, path, log));
  else send(response, answered);
}

async function answerTo(
  request: IncomingMessage,
  path: string,
  serving: Serving,
  signal: AbortSignal,
): Promise<Answer | Lines> {
  const found = routesOf(routes, path);
  if (found.length === 0) return error(404, 'not_found', `there is no such path; there are: ${paths()}`);
  const route = found.find(({ method }) => method === request.method);
  if (route === undefined) {
    const allowed = found.map(({ method }) => method).join(', ');
    return { ...error(405, 'method_not_allowed', `this path answers to ${allowed}`), allow: allowed };
  }
  if (route.needsToken) checkToken(request, serving.token);
  const params = paramsOf(route, path)!;
  const query = new Fields(Object.fromEntries(new URL(request.url ?? '', 'http://localhost').searchParams));
  const body = new Fields(route.method === 'POST' ? await serving.bodies.read(request) : {});
  return route.answer({ ...serving.subjects, params, query, body, signal });
}

/** Invariant 12: records go to nobody who may not read the data directory. Takes the same time for every token. */
function checkToken({ headers }: IncomingMessage, token: string): void {
  const [, given = ''] = /^Bearer (\S+)$/.exec(headers.authorization ?? '') ?? [];
  const digest = (text: string) => createHash('sha256').update(text).digest();
  if (timingSafeEqual(digest(given), digest(token))) return;
  throw new TailraceError('api.unauthorized', 'this needs the token of the instance: Authorization: Bearer TOKEN', {
    remedy: 'the token is in api.json in the data directory',
  });
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
  return [...new Set(routes.map(({ path }: Route) => path))].join(', ');
}

const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

function send(response: ServerResponse, { status, body, allow }: Answer): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    ...HEADERS,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    ...(allow === undefined ? {} : { allow }),
    // A body that was sent along is not read.
    ...(status === 200 ? {} : { connection: 'close' }),
  });
  response.end(text);
}

/** As fast as the other side takes them (Invariant 10). */
async function sendLines(
  response: ServerResponse,
  { lines }: Lines,
  brokeOff: (cause: unknown) => unknown,
): Promise<void> {
  response.writeHead(200, { ...HEADERS, 'content-type': 'application/x-ndjson; charset=utf-8' });
  response.flushHeaders();
  let last: unknown = { end: true };
  try {
    for await (const values of lines) {
      if (response.destroyed) return;
      const text = values.map((value) => `${JSON.stringify(value)}\n`).join('');
      if (!response.write(text)) await drained(response);
    }
  } catch (cause) {
    last = brokeOff(cause);
  }
  response.end(`${JSON.stringify(last)}\n`);
}

/** Resolves when there is room again, or nobody is there to take more. */
function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.once('drain', done).once('close', done);
  });
}
