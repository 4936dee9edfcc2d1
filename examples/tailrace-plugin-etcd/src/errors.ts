/** What etcd says when something is wrong → errors that the runtime knows what to do with. */
import { TailraceError } from 'tailrace/sdk';

/** Whose errors they are: `sink.unreachable`, `source.unreachable`. */
export type Part = 'sink' | 'source';

export const AUTHENTICATE = '/v3/auth/authenticate';
/** `detail` of the error for a token that is not valid any more. */
export const TOKEN_EXPIRED = 'etcdserver: invalid auth token';
/** `detail` of the error for a request that is larger than the server takes. */
export const TOO_LARGE = 'etcdserver: request is too large';

/** The codes of gRPC that are told apart. */
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const UNAUTHENTICATED = 16;

export function unreachable(part: Part, cause: unknown): TailraceError {
  const reason = (cause as { cause?: { code?: unknown } }).cause?.code;
  const words = typeof reason === 'string' ? `etcd cannot be reached (${reason})` : 'etcd cannot be reached';
  return new TailraceError(`${part}.unreachable`, words, { remedy: 'is it running, and is `url` right?', cause });
}

/** Of an answer that is no success. What the server says goes into `detail`, which never shows up in logs (Invariant 12). */
export async function errorOf(part: Part, response: Response): Promise<TailraceError> {
  const body = await response.text().catch(() => '');
  const { message = '', code = 0 } = parsed(body);
  const options = { detail: message };
  if (message === TOKEN_EXPIRED || code === UNAUTHENTICATED) {
    return new TailraceError(`${part}.unreachable`, 'etcd has ended the session', { detail: TOKEN_EXPIRED });
  }
  if (/invalid user ID or password|user name is empty|authentication is not enabled/.test(message)) {
    return new TailraceError(`${part}.auth`, 'etcd refuses the user or the password', {
      ...options,
      remedy: message.includes('not enabled')
        ? 'remove `user`: the cluster asks for none'
        : 'mend `user` and `password`',
    });
  }
  if (response.status === 404) {
    const remedy = 'is `url` right? It is the address for clients, without a path';
    return new TailraceError(`${part}.not_ready`, 'there is no etcd 3.4 or newer at this address', {
      ...options,
      remedy,
    });
  }
  if (code === PERMISSION_DENIED) {
    const remedy =
      'grant the user’s role readwrite on the prefix of the rows and on _tailrace/ (etcdctl role grant-permission)';
    return new TailraceError(`${part}.not_ready`, 'the user may not read or write these keys', { ...options, remedy });
  }
  if (/request is too large|larger than max/.test(message)) {
    return new TailraceError('sink.rejected', 'the row is larger than etcd takes', { detail: TOO_LARGE });
  }
  if (/too many operations/.test(message)) {
    const remedy = 'start etcd with --max-txn-ops=128, which is its default, or more';
    return new TailraceError(`${part}.not_ready`, 'etcd takes too few operations in a transaction', {
      ...options,
      remedy,
    });
  }
  if (code === RESOURCE_EXHAUSTED && /space exceeded/.test(message)) {
    const remedy = 'compact and defragment it, then: etcdctl alarm disarm';
    return new TailraceError(`${part}.unreachable`, 'the database of etcd is full', { ...options, remedy });
  }
  return new TailraceError(`${part}.unreachable`, `etcd answered with status ${response.status}`, options);
}

function parsed(body: string): { readonly message?: string; readonly code?: number } {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
