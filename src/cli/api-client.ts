/** Asks a running instance over its HTTP API. */
import { type IncomingMessage, request } from 'node:http';
import { type ApiAddress, ID_HEADER, readApiAddress } from '../config/api-address.ts';
import { TailraceError, toldError } from '../contracts/errors.ts';
import { parseExact } from '../lib/exact-json.ts';

/** Until the answer begins, ms. */
const ASK_MS = 3_000;
/** The same of a request that changes something: it is answered when it is durable. */
const CHANGE_MS = 120_000;
const MAX_BYTES = 64 * 1024 * 1024;

/** A request that needs the instance's token. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** JSON. */
  readonly body?: unknown;
}

/**
 * The JSON, or plain text, that the instance on this data directory answers; undefined when none listens: the address of a killed one may
 * still be there, and another program may listen on its port. Throws what the instance says, and `check.failed` when it
 * listens and does not answer.
 */
export async function askRunning(dataDir: string, path: string): Promise<unknown> {
  const address = readApiAddress(dataDir);
  if (address === null) return undefined;
  const response = await send(address, { method: 'GET', path }, ASK_MS, false);
  return response === null ? undefined : answerOf(address, response);
}

/** The same with the token, which only the instance itself gets to see. */
export async function callRunning(dataDir: string, call: Call): Promise<unknown> {
  const found = await verified(dataDir);
  if (found === null) return undefined;
  const response = await send(found, call, CHANGE_MS, true);
  return response === null ? undefined : answerOf(found, response);
}

/** Lists of the values of an answer of many lines; undefined when no instance listens. */
export async function linesOfRunning(
  dataDir: string,
  path: string,
): Promise<AsyncGenerator<readonly unknown[], void, undefined> | undefined> {
  const found = await verified(dataDir);
  if (found === null) return undefined;
  const response = await send(found, { method: 'GET', path }, CHANGE_MS, true);
  if (response === null) return undefined;
  if (response.statusCode !== 200) await answerOf(found, response);
  return linesOf(found, response);
}

/**
 * Values of an answer of server-sent events, until the signal aborts or the instance ends them; undefined when no instance
 * listens.
 */
export async function eventsOfRunning(
  dataDir: string,
  path: string,
  signal: AbortSignal,
): Promise<AsyncGenerator<unknown, void, undefined> | undefined> {
  const found = await verified(dataDir);
  if (found === null) return undefined;
  const response = await send(found, { method: 'GET', path }, CHANGE_MS, true);
  if (response === null) return undefined;
  if (response.statusCode !== 200) await answerOf(found, response);
  return eventsIn(found, response, signal);
}

/** Null unless who listens at the address is the instance that wrote it. */
async function verified(dataDir: string): Promise<ApiAddress | null> {
  const address = readApiAddress(dataDir);
  if (address === null) return null;
  const response = await send(address, { method: 'GET', path: '/health' }, ASK_MS, false);
  response?.resume();
  return response === null ? null : address;
}

/** Null when nobody listens, or another program. */
async function send(address: ApiAddress, call: Call, ms: number, withToken: boolean): Promise<IncomingMessage | null> {
  try {
    const response = await respond(address, call, ms, withToken);
    if (response.headers[ID_HEADER] === address.id) return response;
    response.destroy();
    return null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return null;
    throw silent(address, error);
  }
}

function respond(
  { url, token }: ApiAddress,
  { method, path, body }: Call,
  ms: number,
  withToken: boolean,
): Promise<IncomingMessage> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    ...(withToken ? { authorization: `Bearer ${token}` } : {}),
    ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
  };
  return new Promise((resolve, reject) => {
    const call = request(`${url}${path}`, { agent: false, method, headers }, (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    const timer = setTimeout(() => call.destroy(new Error('no answer in time')), ms);
    call.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    call.end(text);
  });
}

function silent({ pid, url }: ApiAddress, cause: unknown): TailraceError {
  return new TailraceError('check.failed', `the instance (pid ${pid}) does not answer on ${url}`, {
    remedy: 'look at its log; it may be overloaded or stopping',
    cause,
  });
}

async function answerOf(address: ApiAddress, response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_BYTES) throw new Error('the answer is too long');
    }
    const text = Buffer.concat(chunks).toString();
    const isText = response.headers['content-type']?.startsWith('text/plain') === true;
    const answer: unknown = isText ? text : parseExact(text);
    const error = errorIn(answer);
    if (response.statusCode === 200 || error === null) return answer;
    throw error;
  } catch (error) {
    throw error instanceof TailraceError ? error : silent(address, error);
  }
}

async function* linesOf(
  address: ApiAddress,
  response: IncomingMessage,
): AsyncGenerator<readonly unknown[], void, undefined> {
  let rest = '';
  try {
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      const values = lines.map((line): unknown => JSON.parse(line));
      const last = values.at(-1);
      const error = errorIn(last);
      const isEnd = (last as { end?: unknown } | undefined)?.end === true;
      yield error === null && !isEnd ? values : values.slice(0, -1);
      if (error !== null) throw error;
      if (isEnd) return;
    }
    throw new Error('the answer broke off');
  } catch (error) {
    throw error instanceof TailraceError ? error : silent(address, error);
  } finally {
    response.destroy();
  }
}

/** As the server of this project writes them: `event` before `data`, each on one line. */
async function* eventsIn(
  address: ApiAddress,
  response: IncomingMessage,
  signal: AbortSignal,
): AsyncGenerator<unknown, void, undefined> {
  const end = () => response.destroy();
  signal.addEventListener('abort', end, { once: true });
  let rest = '';
  try {
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const [, event, data] = /^(?:event: (\w+)\n)?data: (.*)$/.exec(block) ?? [];
        if (event === 'end') return;
        if (event === 'error') throw errorIn(JSON.parse(data ?? '')) ?? new Error('unknown');
        if (data !== undefined) yield parseExact(data);
      }
    }
    throw new Error('the answer broke off');
  } catch (error) {
    if (!signal.aborted) throw error instanceof TailraceError ? error : silent(address, error);
  } finally {
    signal.removeEventListener('abort', end);
    response.destroy();
  }
}

function errorIn(value: unknown): TailraceError | null {
  const error = (value as { error?: { code?: unknown; message?: unknown; remedy?: unknown } } | undefined)?.error;
  if (typeof error !== 'object' || typeof error.code !== 'string') return null;
  const { code, message, remedy } = error;
  return toldError(
    { code, message: String(message), remedy: typeof remedy === 'string' ? remedy : null },
    'check.failed',
  );
}
