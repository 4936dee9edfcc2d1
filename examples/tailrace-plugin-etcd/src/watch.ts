/** Changes below a prefix as etcd tells them: JSON messages one behind the other, for as long as the connection stands. */
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { base64, type EtcdClient } from './client.ts';
import { unreachable } from './errors.ts';
import type { WatchAnswer } from './messages.ts';
import { prefixEnd } from './names.ts';

export interface Watched {
  readonly prefix: string;
  /** Revision of the first change that is told. */
  readonly from: bigint;
}

/** Ends when the signal aborts. Throws typed errors. A message holds all changes of its revisions; none: an idle server's word. */
export async function* watch(
  client: EtcdClient,
  { prefix, from }: Watched,
  signal: AbortSignal,
): AsyncGenerator<WatchAnswer> {
  const range = { key: base64(prefix), range_end: base64(prefixEnd(prefix)) };
  const body = { create_request: { ...range, start_revision: String(from), progress_notify: true } };
  let response: IncomingMessage | undefined;
  const stop = () => response?.destroy();
  try {
    response = await opened(client, JSON.stringify(body), signal);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    if (response.statusCode !== 200) {
      let text = '';
      for await (const piece of response.setEncoding('utf8')) text += piece;
      throw await client.errorOf(new Response(text, { status: response.statusCode ?? 500 }));
    }
    let rest = '';
    for await (const piece of response.setEncoding('utf8')) {
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const { result, error } = JSON.parse(line) as { result?: WatchAnswer; error?: { message?: string } };
        if (result === undefined) throw await client.errorOf(Response.json(error ?? {}, { status: 500 }));
        yield result;
      }
    }
    throw new Error('the server has ended the connection');
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof Error && error.name === 'TailraceError' ? error : unreachable('source', { cause: error });
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

/** Not by `fetch`, which gives up a connection that is silent for some minutes. */
async function opened(client: EtcdClient, body: string, signal: AbortSignal): Promise<IncomingMessage> {
  const headers = await client.headers(signal);
  const url = client.address('/v3/watch');
  const request = url.protocol === 'https:' ? tlsRequest : plainRequest;
  return await new Promise((resolve, reject) => {
    request(url, { method: 'POST', headers, agent: false, signal }, resolve).on('error', reject).end(body);
  });
}
