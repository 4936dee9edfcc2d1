/** Asks a running instance over its HTTP API. */
import { request } from 'node:http';
import { ID_HEADER, readApiAddress } from '../config/api-address.ts';
import { TailraceError } from '../contracts/errors.ts';

const TIMEOUT_MS = 3_000;
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * The JSON that the instance on this data directory answers; undefined when none listens: the address of a killed one may
 * still be there, and another program may listen on its port. Throws `check.failed` when it listens and does not answer.
 */
export async function askRunning(dataDir: string, path: string): Promise<unknown> {
  const address = readApiAddress(dataDir);
  if (address === null) return undefined;
  let text: string | null;
  try {
    text = await get(`${address.url}${path}`, address.id);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return undefined;
    throw new TailraceError('check.failed', `the instance (pid ${address.pid}) does not answer on ${address.url}`, {
      remedy: 'look at its log; it may be overloaded or stopping',
      cause: error,
    });
  }
  return text === null ? undefined : JSON.parse(text);
}

/** Null when the answer is not from the server with that id. */
function get(url: string, id: string): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
      if (response.headers[ID_HEADER] !== id) {
        response.destroy();
        return resolve(null);
      }
      if (response.statusCode !== 200) return reject(new Error(`status ${response.statusCode}`));
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > MAX_BYTES) response.destroy(new Error('the answer is too long'));
      });
      response.on('error', reject);
      response.on('end', () => resolve(Buffer.concat(chunks).toString()));
    });
    call.on('error', reject);
    call.end();
  });
}
