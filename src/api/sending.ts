/** Answers on their way out: one JSON value, or many, as fast as the other side takes them (Invariant 10). */
import type { ServerResponse } from 'node:http';
import { EXPOSITION_TYPE } from './metrics/exposition.ts';
import { CONTENT_TYPES } from './openapi.ts';
import type { Reply } from './route.ts';

const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

/** A comment line on a silent stream of events, ms: who reads it, and what stands between, sees that it is alive. */
const HEARTBEAT_MS = 15_000;

/** @param allow methods that the path answers to, when the request's is none of them */
export function sendReply(response: ServerResponse, { status, body }: Reply<unknown>, allow?: string): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    ...HEADERS,
    'content-type': `${CONTENT_TYPES.json}; charset=utf-8`,
    'content-length': Buffer.byteLength(text),
    ...(allow === undefined ? {} : { allow }),
    // A body that was sent along is not read.
    ...(status === 200 ? {} : { connection: 'close' }),
  });
  response.end(text);
}

export function sendText(response: ServerResponse, text: string): void {
  response.writeHead(200, {
    ...HEADERS,
    'content-type': EXPOSITION_TYPE,
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

type Lists = AsyncIterable<readonly unknown[]>;

/** @param brokeOff the error of an answer that ended before its end */
export async function sendLines(
  response: ServerResponse,
  lists: Lists,
  brokeOff: (cause: unknown) => unknown,
): Promise<void> {
  response.writeHead(200, { ...HEADERS, 'content-type': `${CONTENT_TYPES.lines}; charset=utf-8` });
  response.flushHeaders();
  const error = await sendAll(response, lists, (value) => `${JSON.stringify(value)}\n`);
  response.end(`${JSON.stringify(error === null ? { end: true } : brokeOff(error.cause))}\n`);
}

/** Server-sent events. JSON text holds no line ends, so a value is one `data` line. */
export async function sendEvents(
  response: ServerResponse,
  lists: Lists,
  brokeOff: (cause: unknown) => unknown,
): Promise<void> {
  response.writeHead(200, { ...HEADERS, 'content-type': `${CONTENT_TYPES.events}; charset=utf-8` });
  response.flushHeaders();
  const heartbeat = setInterval(() => void response.write(':\n\n'), HEARTBEAT_MS);
  const error = await sendAll(response, lists, (value) => `data: ${JSON.stringify(value)}\n\n`);
  clearInterval(heartbeat);
  const last = error === null ? 'event: end\ndata: {}' : `event: error\ndata: ${JSON.stringify(brokeOff(error.cause))}`;
  response.end(`${last}\n\n`);
}

async function sendAll(
  response: ServerResponse,
  lists: Lists,
  textOf: (value: unknown) => string,
): Promise<{ readonly cause: unknown } | null> {
  try {
    for await (const values of lists) {
      if (response.destroyed) return null;
      if (!response.write(values.map(textOf).join(''))) await drained(response);
    }
    return null;
  } catch (cause) {
    return { cause };
  }
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
