/** A plain client of a test's Elasticsearch, and what the tests of the sink ask of it. */
import type { Value } from '../../src/contracts/row.ts';
import type { HttpAnswer, HttpRequest } from './http-faults.ts';

interface Found {
  readonly hits: {
    readonly hits: readonly { readonly _id: string; readonly _source: Readonly<Record<string, Value>> }[];
  };
}

export class ElasticsearchClient {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** The answer's text. A string is the body of a bulk request. */
  async send(method: string, path: string, body?: string | object): Promise<string> {
    const bulk = typeof body === 'string';
    const headers = { 'content-type': bulk ? 'application/x-ndjson' : 'application/json' };
    const text = bulk ? body : JSON.stringify(body);
    const response = await fetch(`${this.url}${path}`, { method, headers, ...(body !== undefined && { body: text! }) });
    return response.text();
  }

  async ask<T>(method: string, path: string, body?: string | object): Promise<T> {
    return JSON.parse(await this.send(method, path, body)) as T;
  }

  async documents(index: string, query: object = { match_all: {} }): Promise<Found['hits']['hits']> {
    await this.send('POST', `/${index}/_refresh`);
    return (await this.ask<Found>('POST', `/${index}/_search`, { size: 1_000, query })).hits.hits;
  }

  /** Sorted. */
  async ids(index: string, query?: object): Promise<readonly string[]> {
    return (await this.documents(index, query)).map(({ _id }) => _id).sort();
  }

  /** The server forgets the versions of deleted documents, as after `gc_deletes` or when the shard moves. */
  async forgetDeletes(index: string): Promise<void> {
    await this.send('POST', `/${index}/_close`);
    await this.send('POST', `/${index}/_open?wait_for_active_shards=1`);
  }
}

/** An answer as the server's own, for a proxy. */
export function elasticsearchAnswer(status: number, body: object = {}, headers = {}): HttpAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch', ...headers },
    body: JSON.stringify(body),
  };
}

/** Items of a bulk request of documents. */
export function itemsOf({ body }: HttpRequest): number {
  return body.toString().trimEnd().split('\n').length / 2;
}

/** Passes the first half of a bulk request of documents, and answers the others as a server does whose queue is full. */
export async function refuseHalf(
  request: HttpRequest,
  pass: (body: Buffer) => Promise<HttpAnswer>,
  status: number,
): Promise<HttpAnswer> {
  const lines = request.body.toString().trimEnd().split('\n');
  const half = Math.floor(itemsOf(request) / 2);
  await pass(Buffer.from(`${lines.slice(0, half * 2).join('\n')}\n`));
  const done = { index: { status: 201 } };
  const busy = { index: { status, error: { type: 'es_rejected_execution_exception' } } };
  const items = Array.from({ length: itemsOf(request) }, (_, i) => (i < half ? done : busy));
  return elasticsearchAnswer(200, { errors: true, items });
}
