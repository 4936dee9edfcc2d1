/**
 * Requests to Elasticsearch or OpenSearch through the transport of the former's client; what they answer stays text, so that numbers
 * keep their digits.
 */
import { Diagnostic, Serializer, Transport, UndiciConnection, WeightedConnectionPool } from '@elastic/elasticsearch';
import { TailraceError } from '../../src/sdk/index.ts';
import type { ElasticsearchConfig } from './config.ts';
import { answerError, connectionError, passes, placeOf } from './errors.ts';

/** A bulk request may wait that long for a busy server. */
const REQUEST_MS = 60_000;

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** What the server calls itself; empty unless it is Elasticsearch. */
  readonly product: string;
  /** Of a `Retry-After` header in seconds; 0 without. */
  readonly retryAfterMs: number;
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

export type Product = 'elasticsearch' | 'opensearch';

const NAMES: Readonly<Record<Product, string>> = { elasticsearch: 'Elasticsearch', opensearch: 'OpenSearch' };

/**
 * What a request says of its content and asks of its answer. Elasticsearch 8 and 9 both speak the dialect of 8 when asked for it;
 * OpenSearch, a fork of 7.10, knows plain JSON only.
 */
const DIALECTS: Readonly<Record<Product, { readonly json: string; readonly ndjson: string }>> = {
  elasticsearch: {
    json: 'application/vnd.elasticsearch+json; compatible-with=8',
    ndjson: 'application/vnd.elasticsearch+x-ndjson; compatible-with=8',
  },
  opensearch: { json: 'application/json', ndjson: 'application/x-ndjson' },
};

export type ConnectionConfig = Pick<ElasticsearchConfig, 'url' | 'api_key' | 'product'>;

export class EsConnection {
  readonly #pool: WeightedConnectionPool;
  readonly #transport: Transport;
  readonly #host: string;
  #product: Product | null;

  private constructor({ url, api_key, product }: ConnectionConfig) {
    const { origin, pathname, username, password } = new URL(url);
    const login = { username: decodeURIComponent(username), password: decodeURIComponent(password) };
    this.#host = placeOf(url);
    this.#product = product ?? null;
    const diagnostic = new Diagnostic();
    this.#pool = new WeightedConnectionPool({
      Connection: UndiciConnection,
      diagnostic,
      ...(api_key !== undefined ? { auth: { apiKey: api_key } } : username === '' ? {} : { auth: login }),
    });
    this.#pool.addConnection(`${origin}${pathname}`);
    this.#transport = new Transport({
      connectionPool: this.#pool,
      diagnostic,
      serializer: new TextSerializer(),
      requestTimeout: REQUEST_MS,
      // What was not answered may have been applied: whoever repeats it must know that.
      maxRetries: 0,
    });
  }

  /** Asks what server it is, unless the configuration says so. Throws typed errors. */
  static async open(config: ConnectionConfig): Promise<EsConnection> {
    const connection = new EsConnection(config);
    try {
      connection.#product ??= await connection.#ask();
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  get product(): Product {
    return this.#product!;
  }

  /** As messages name it (Invariant 12: without user and password). */
  get place(): string {
    return this.#product === null ? `the server at ${this.#host}` : `${NAMES[this.#product]} at ${this.#host}`;
  }

  /** Any answer. Throws typed errors when there is none, and the signal's reason. */
  async send(request: Request): Promise<Answer> {
    const { method, path, query, body, bulk, signal } = request;
    const { json, ndjson } = DIALECTS[this.#product ?? 'opensearch'];
    const params = { method, path, ...(query !== undefined && { querystring: query }) };
    const content = body === undefined ? {} : bulk === true ? { bulkBody: body } : { body };
    const type = body === undefined ? {} : { 'content-type': bulk === true ? ndjson : json };
    try {
      const options = { signal, meta: true, headers: { accept: json, ...type } } as const;
      const result = await this.#transport.request({ ...params, ...content }, options);
      return answerOf(result);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const { meta } = error as { meta?: Result };
      if ((error as Error).name === 'ResponseError' && meta !== undefined) return answerOf(meta);
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
    await this.#pool.empty().catch(() => {});
  }

  async #ask(): Promise<Product> {
    const answer = await this.send({ method: 'GET', path: '/', signal: AbortSignal.timeout(REQUEST_MS) });
    if (answer.product === 'Elasticsearch') return 'elasticsearch';
    if (answer.status === 401 || passes(answer.status)) throw answerError(answer.status, answer.text, this.place);
    // One that may not be asked says at least that it is not Elasticsearch.
    if (answer.status === 403 || distributionIn(answer.text) === 'opensearch') return 'opensearch';
    throw new TailraceError('sink.not_ready', `the server at ${this.#host} is neither Elasticsearch nor OpenSearch`, {
      remedy:
        'name an Elasticsearch 8 or 9, or an OpenSearch 2 or 3, in `url`; behind a proxy say which with `product`',
    });
  }
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

interface Result {
  readonly statusCode?: number | null;
  readonly body?: unknown;
  readonly headers?: Headers | null;
}

function answerOf({ statusCode, body, headers }: Result): Answer {
  const wait = Number(headers?.['retry-after']);
  return {
    status: statusCode ?? 0,
    text: String(body ?? ''),
    product: String(headers?.['x-elastic-product'] ?? ''),
    retryAfterMs: wait > 0 ? wait * 1_000 : 0,
  };
}

function distributionIn(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { version?: { distribution?: string } }).version?.distribution;
  } catch {
    return undefined;
  }
}

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
    throw new TailraceError('sink.unreachable', 'an answer of the server is no JSON', { cause });
  }
}
