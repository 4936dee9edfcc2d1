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
import { paramsOf, routesOf } from './match.ts';
import { foreign } from './own-name.ts';
import { BodyReader } from './request-body.ts';
import { checked } from './request-problem.ts';
import { type Given, needsToken, type Route, type Subjects } from './route.ts';
import { routes } from './routes.ts';
import { sendEvents, sendLines, sendReply, sendText } from './sending.ts';

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
  const [path = ''] = (request.url ?? '').split('?', 1);
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  const brokeOff = (cause: unknown) => errorBody(cause, path, serving.log);
  try {
    const refusal = foreign(request, serving.host);
    if (refusal !== null) return sendReply(response, refused(403, refusal));
    const found = routesOf(routes, path);
    const route = found.find(({ method }) => method === request.method);
    if (route === undefined) return sendNoRoute(response, found);
    // Invariant 12: records go to nobody who may not read the data directory.
    if (needsToken(route)) checkToken(request, serving.token);
    const given = await givenBy(route, request, path, serving, closed.signal);
    switch (route.gives) {
      case 'json':
        return sendReply(response, given as Given<'json', unknown>);
      case 'text':
        return sendText(response, given as Given<'text', unknown>);
      case 'lines':
        return await sendLines(response, given as Given<'lines', unknown>, brokeOff);
      default:
        return await sendEvents(response, given as Given<'events', unknown>, brokeOff);
    }
  } catch (cause) {
    if (response.headersSent) throw cause;
    sendReply(response, errorAnswer(cause, path, serving.log));
  }
}

async function givenBy(
  route: Route,
  request: IncomingMessage,
  path: string,
  serving: Serving,
  signal: AbortSignal,
): Promise<unknown> {
  const query = Object.fromEntries(new URL(request.url ?? '', 'http://localhost').searchParams);
  const body = route.method === 'POST' ? await serving.bodies.read(request) : {};
  const fields = {
    params: checked(route.params, paramsOf(route, path), 'the path'),
    query: checked(route.query, query, 'the query'),
    body: checked(route.body, body, 'the body'),
  };
  return route.answer({ ...serving.subjects, ...fields, signal } as never);
}

/** Takes the same time for every token. */
function checkToken({ headers }: IncomingMessage, token: string): void {
  const [, given = ''] = /^Bearer (\S+)$/.exec(headers.authorization ?? '') ?? [];
  const digest = (text: string) => createHash('sha256').update(text).digest();
  if (timingSafeEqual(digest(given), digest(token))) return;
  throw new TailraceError('api.unauthorized', 'this needs the token of the instance: Authorization: Bearer TOKEN', {
    remedy: 'the token is in api.json in the data directory',
  });
}

/** @param found routes of the path, by other methods */
function sendNoRoute(response: ServerResponse, found: readonly Route[]): void {
  if (found.length === 0) {
    const paths = [...new Set(routes.map(({ path }) => path))].join(', ');
    const message = `there is no such path; there are: ${paths}`;
    sendReply(response, refused(404, { code: 'not_found', message }));
    return;
  }
  const allowed = found.map(({ method }) => method).join(', ');
  const message = `this path answers to ${allowed}`;
  sendReply(response, refused(405, { code: 'method_not_allowed', message }), allowed);
}

function refused(status: number, error: { readonly code: string; readonly message: string }): Given<'json', unknown> {
  return { status, body: { error } };
}
