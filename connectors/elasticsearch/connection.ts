/** Requests to Elasticsearch through the transport of its client; what they answer stays text, so that numbers keep their digits. */
import { Client, Serializer } from '@elastic/elasticsearch';
import { TailraceError } from '../../src/sdk/index.ts';
import type { ElasticsearchConfig } from './config.ts';
import { answerError, connectionError, placeOf } from './errors.ts';

/** A bulk request may wait that long for a busy server. */
const REQUEST_MS = 60_000;

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Starts with `/`; names in it are encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** JSON text, or newline-delimited JSON where `bulk` is set. */
  readonly body?: string | Buffer;
  readonly bulk?: boolean;
  readonly signal: AbortSignal;
}

export class EsConnection {
  readonly #client: Client;
  readonly place: string;

  constructor({ url, api_key }: Pick<ElasticsearchConfig, 'url' | 'api_key'>) {
    const { origin, pathname, username, password } = new URL(url);
    const login = { username: decodeURIComponent(username), password: decodeURIComponent(password) };
    this.place = placeOf(url);
    this.#client = new Client({
      node: `${origin}${pathname}`,
      ...(api_key !== undefined ? { auth: { apiKey: api_key } } : username === '' ? {} : { auth: login }),
      Serializer: TextSerializer,
      requestTimeout: REQUEST_MS,
      // What was not answered may have been applied: whoever repeats it must know that.
      maxRetries: 0,
    });
  }

  /** Any answer below 500. Throws typed errors when there is none, and the signal's reason. */
  async send(request: Request): Promise<Answer> {
    const { method, path, query, body, bulk, signal } = request;
    const params = { method, path, ...(query !== undefined && { querystring: query }) };
    const content = body === undefined ? {} : bulk === true ? { bulkBody: body } : { body };
    const headers = body === undefined || bulk === true ? {} : { headers: JSON_BODY };
    try {
      const options = { signal, meta: true, ...headers } as const;
      const { statusCode, body: text } = await this.#client.transport.request({ ...params, ...content }, options);
      return { status: statusCode ?? 0, text: String(text ?? '') };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const { statusCode, body: text } = error as { statusCode?: number; body?: unknown };
      if ((error as Error).name === 'ResponseError' && statusCode !== undefined) {
        return { status: statusCode, text: String(text ?? '') };
      }
      throw connectionError(error, this.place);
    }
  }

  /** The text of a success, or of one of the statuses in `also`; everything else is thrown. */
  async ask(request: Request, also: readonly number[] = []): Promise<Answer> {
    const answer = await this.send(request);
    if (answer.status < 300 || also.includes(answer.status)) return answer;
    throw answerError(answer.status, answer.text, this.place);
  }

  async close(): Promise<void> {
    await this.#client.close().catch(() => {});
  }
}

const JSON_TYPE = 'application/vnd.elasticsearch+json; compatible-with=8';
const JSON_BODY = { 'content-type': JSON_TYPE, accept: JSON_TYPE };

class TextSerializer extends Serializer {
  override deserialize<T>(json: string): T {
    return json as T;
  }
}

/** For a document's path. */
export function documentPath(index: string, id: string): string {
  return `/${encodeURIComponent(index)}/_doc/${encodeURIComponent(id)}`;
}

/** Parses an answer that holds no number beyond 2^53. */
export function parsed<T>({ text }: Answer): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new TailraceError('sink.unreachable', 'an answer of Elasticsearch is no JSON', { cause });
  }
}
