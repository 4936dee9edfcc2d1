/** Calls of etcd's JSON gateway: gRPC messages as JSON, bytes as base64, 64-bit integers as text. */
import { TailraceError } from 'tailrace/sdk';
import type { ServerConfig } from './config.ts';
import { AUTHENTICATE, errorOf, type Part, TOKEN_EXPIRED, unreachable } from './errors.ts';
import type { Compare, KeyValue, RangeAnswer, RangeRequest, RequestOp, TxnAnswer } from './messages.ts';

const TIMEOUT_MS = 30_000;

export const base64 = (text: string | Uint8Array): string => Buffer.from(text as string).toString('base64');
export const textOf = (encoded: string | undefined): string => Buffer.from(encoded ?? '', 'base64').toString();

export class EtcdClient {
  readonly #part: Part;
  readonly #config: ServerConfig;
  #token: string | null = null;

  /** @param part whose errors they are */
  constructor(part: Part, config: ServerConfig) {
    this.#part = part;
    this.#config = config;
  }

  /** Resolves to the answer's body. Throws typed errors; the signal's reason when it aborts. */
  async call<T>(path: string, body: unknown, signal: AbortSignal): Promise<T> {
    return (await (
      await this.stream(path, body, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]))
    )
      .json()
      .catch((error: unknown) => {
        signal.throwIfAborted();
        throw unreachable(this.#part, error);
      })) as T;
  }

  /** The same, for an answer that is read as it comes. */
  async stream(path: string, body: unknown, signal: AbortSignal): Promise<Response> {
    if (this.#config.user !== undefined && this.#token === null) await this.#authenticate(signal);
    const response = await this.#post(path, body, signal);
    if (response.ok) return response;
    const error = await errorOf(this.#part, response);
    // A token that the server has forgotten: it keeps them for some minutes.
    if (this.#token === null || error.detail !== TOKEN_EXPIRED) throw error;
    await this.#authenticate(signal);
    const again = await this.#post(path, body, signal);
    if (again.ok) return again;
    throw await errorOf(this.#part, again);
  }

  range(request: RangeRequest, signal: AbortSignal): Promise<RangeAnswer> {
    return this.call('/v3/kv/range', request, signal);
  }

  /** Either all of `success` is done, or, when a comparison does not hold, all of `failure`. */
  txn(compare: readonly Compare[], success: readonly RequestOp[], signal: AbortSignal): Promise<TxnAnswer> {
    return this.call('/v3/kv/txn', { compare, success }, signal);
  }

  /** Values of single keys, in their order; undefined where there is none. All at one revision. */
  async get(keys: readonly string[], signal: AbortSignal): Promise<readonly (KeyValue | undefined)[]> {
    const { responses = [] } = await this.txn(
      [],
      keys.map((key) => ({ request_range: { key: base64(key) } })),
      signal,
    );
    return keys.map((_, i) => responses[i]?.response_range?.kvs?.[0]);
  }

  /** Of a request that is made elsewhere. */
  async headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    if (this.#config.user !== undefined && this.#token === null) await this.#authenticate(signal);
    return { 'content-type': 'application/json', ...(this.#token !== null && { authorization: this.#token }) };
  }

  address(path: string): URL {
    return new URL(path, this.#config.url);
  }

  errorOf(response: Response): Promise<TailraceError> {
    return errorOf(this.#part, response);
  }

  async #authenticate(signal: AbortSignal): Promise<void> {
    const { user, password = '' } = this.#config;
    this.#token = null;
    const response = await this.#post(AUTHENTICATE, { name: user, password }, signal);
    if (!response.ok) throw await errorOf(this.#part, response);
    this.#token = ((await response.json()) as { token?: string }).token ?? null;
  }

  async #post(path: string, body: unknown, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (this.#token !== null) headers.authorization = this.#token;
    try {
      const url = new URL(path, this.#config.url);
      return await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), redirect: 'error', signal });
    } catch (error) {
      if (signal.aborted && (signal.reason as Error | undefined)?.name !== 'TimeoutError') throw signal.reason;
      throw error instanceof TailraceError ? error : unreachable(this.#part, error);
    }
  }
}
