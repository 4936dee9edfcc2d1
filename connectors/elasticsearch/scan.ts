/**
 * Walks over the documents of an index as they are at one moment, with scrolling searches: Elasticsearch and OpenSearch have them in
 * common.
 */
import { TailraceError } from '../../src/sdk/index.ts';
import { jsonElements, jsonMembers } from '../../src/sdk/target/json-text.ts';
import type { Answer, EsConnection } from './connection.ts';

const PAGE = 2_000;
const KEEP_ALIVE = '5m';

export interface Hit {
  readonly id: string;
  readonly version: bigint;
  /** Null where it follows from the id. */
  readonly routing: string | null;
}

/** Documents that the query finds, page by page. @param index is missing: there are none */
export async function* scanDocuments(
  connection: EsConnection,
  index: string,
  query: object,
  signal: AbortSignal,
): AsyncGenerator<readonly Hit[]> {
  const path = `/${encodeURIComponent(index)}`;
  const refreshed = await connection.ask({ method: 'POST', path: `${path}/_refresh`, signal }, [404]);
  if (refreshed.status === 404) return;
  const body = JSON.stringify({ size: PAGE, _source: false, version: true, sort: ['_doc'], query });
  const first = { method: 'POST', path: `${path}/_search`, query: { scroll: KEEP_ALIVE }, body, signal } as const;
  let page = pageIn(await connection.ask(first), index);
  try {
    while (page.hits.length > 0) {
      yield page.hits;
      if (page.hits.length < PAGE) return;
      const more = JSON.stringify({ scroll: KEEP_ALIVE, scroll_id: page.scroll });
      const answer = await connection.ask({ method: 'POST', path: '/_search/scroll', body: more, signal });
      page = pageIn(answer, index);
    }
  } finally {
    const done = JSON.stringify({ scroll_id: [page.scroll] });
    await connection.send({ method: 'DELETE', path: '/_search/scroll', body: done, signal }).catch(() => {});
  }
}

/** Versions are read from the text: they have more than 53 bits. */
function pageIn({ text }: Answer, index: string): { readonly hits: readonly Hit[]; readonly scroll: string } {
  const members = jsonMembers(text);
  // Less than all shards would leave documents out.
  if (jsonMembers(members.get('_shards')!).get('failed') !== '0' || members.get('timed_out') !== 'false') {
    throw new TailraceError('sink.unreachable', `some shards of the index ${index} do not answer`, { detail: text });
  }
  const hits = jsonElements(jsonMembers(members.get('hits')!).get('hits')!).map((one): Hit => {
    const hit = jsonMembers(one);
    const routing = hit.get('_routing');
    return {
      id: JSON.parse(hit.get('_id')!) as string,
      version: BigInt(hit.get('_version')!),
      routing: routing === undefined ? null : (JSON.parse(routing) as string),
    };
  });
  return { hits, scroll: JSON.parse(members.get('_scroll_id')!) as string };
}
