/** Bodies of requests: JSON, small, and only so many at once (Invariant 10). */
import type { IncomingMessage } from 'node:http';
import type { TailraceError } from '../contracts/errors.ts';
import { invalid } from './request-problem.ts';

export const MAX_BODY_BYTES = 4 << 20;
const MAX_BODIES = 4;

export class BodyReader {
  #free = MAX_BODIES;
  readonly #waiting: (() => void)[] = [];

  /** The JSON of the body, an empty object without one. Throws `api.invalid_request`. */
  async read(request: IncomingMessage): Promise<unknown> {
    const declared = Number(request.headers['content-length'] ?? 0);
    if (declared > MAX_BODY_BYTES) throw tooLarge();
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free--;
    try {
      return parsed(request, await bytesOf(request));
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(): TailraceError {
  return invalid(`a body has at most ${MAX_BODY_BYTES} bytes`);
}

/** A page in a browser cannot send this content type elsewhere without asking first. */
function parsed({ headers }: IncomingMessage, bytes: Buffer): unknown {
  if (bytes.length === 0) return {};
  if (!/^application\/json(;|$)/.test(headers['content-type'] ?? '')) {
    throw invalid('the content type of a body must be application/json');
  }
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw invalid('the body is not JSON');
  }
}
