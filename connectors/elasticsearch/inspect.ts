/** Looks at the documents of rows: single ones as they are now, all of them in one view of the index. */
import {
  type Change,
  type HeldRow,
  type Row,
  type SinkInspector,
  type SinkOpenOptions,
  type TableSchema,
  TailraceError,
} from '../../src/sdk/index.ts';
import { heldDocument } from '../../src/sdk/target/held-document.ts';
import { unlessRejected } from '../../src/sdk/target/held-row.ts';
import { documentMembers, jsonElements, jsonMembers } from '../../src/sdk/target/json-text.ts';
import { keyJson } from '../../src/sdk/target/key-text.ts';
import { keyIndexes, VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import { rowOfKey } from '../../src/sdk/target/row-image.ts';
import type { ElasticsearchConfig } from './config.ts';
import { EsConnection, parsed } from './connection.ts';
import { documentId, keyTextsOf } from './document-id.ts';
import { indexNameOf } from './index-name.ts';

const READ_DOCUMENTS = 200;
const PAGE = 1_000;
const KEEP_ALIVE = '5m';

const never = new AbortController().signal;

export async function inspectElasticsearch({ config }: SinkOpenOptions<ElasticsearchConfig>): Promise<SinkInspector> {
  return new ElasticsearchInspector(new EsConnection(config), config.index);
}

class ElasticsearchInspector implements SinkInspector {
  readonly #connection: EsConnection;
  readonly #template: string;

  constructor(connection: EsConnection, template: string) {
    this.#connection = connection;
    this.#template = template;
  }

  async compare(rows: readonly Change[]): Promise<readonly HeldRow[]> {
    const found = await this.#documents(
      rows[0]!.table,
      rows.map(({ after }) => after!),
      true,
    );
    return found.map((document, i): HeldRow => {
      if (document === null) return { state: 'missing' };
      return heldDocument(rows[i]!.after!, documentMembers(document.get('_source')), [VERSION_COLUMN]);
    });
  }

  async holds(table: TableSchema, keys: readonly string[]): Promise<readonly boolean[]> {
    const found = await this.#documents(
      table,
      keys.map((key) => rowOfKey(table, key)),
      false,
    );
    return found.map((document) => document !== null);
  }

  async *keys(table: TableSchema): AsyncIterable<readonly string[]> {
    const path = `/${encodeURIComponent(indexNameOf(this.#template, table))}`;
    const query = { ignore_unavailable: 'true' };
    const refreshed = await this.#connection.ask(
      { method: 'POST', path: `${path}/_refresh`, query, signal: never },
      [404],
    );
    const keep = { keep_alive: KEEP_ALIVE };
    const opened = await this.#connection.ask(
      { method: 'POST', path: `${path}/_pit`, query: keep, signal: never },
      [404],
    );
    if (refreshed.status === 404 || opened.status === 404) return;
    let pit = parsed<{ id: string }>(opened).id;
    const count = keyIndexes(table).length;
    try {
      for (let after = ''; ; ) {
        const page = await this.#page(pit, after);
        if (page.ids.length > 0) yield page.ids.map((id) => keyJson(table, keyTextsOf(id, count)));
        if (page.ids.length < PAGE) return;
        ({ pit, after } = page);
      }
    } finally {
      const body = JSON.stringify({ id: pit });
      await this.#connection.send({ method: 'DELETE', path: '/_pit', body, signal: never }).catch(() => {});
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** Realtime, in the order of the rows; null where there is none. */
  async #documents(table: TableSchema, rows: readonly Row[], source: boolean) {
    const path = `/${encodeURIComponent(indexNameOf(this.#template, table))}/_mget`;
    const found: (ReadonlyMap<string, string> | null)[] = [];
    for (let at = 0; at < rows.length; at += READ_DOCUMENTS) {
      const ids = rows
        .slice(at, at + READ_DOCUMENTS)
        .map((row) => unlessRejected(() => documentId(row, keyIndexes(table))));
      // A row whose key is too long for an id is in the dead letters.
      const known = ids.filter((id) => id !== null);
      const body = JSON.stringify({ ids: known });
      const query = { _source: String(source) };
      const request = { method: 'POST', path, query, body, signal: never } as const;
      const answer = known.length === 0 ? null : await this.#connection.ask(request, [404]);
      const docs = answer === null || answer.status === 404 ? [] : jsonElements(jsonMembers(answer.text).get('docs')!);
      const byId = new Map(known.map((id, i) => [id, documentIn(docs[i])] as const));
      found.push(...ids.map((id) => (id === null ? null : (byId.get(id) ?? null))));
    }
    return found;
  }

  async #page(pit: string, after: string) {
    const what = `"size":${PAGE},"_source":false,"track_total_hits":false,"sort":["_shard_doc"]`;
    const place = after === '' ? '' : `,"search_after":${after}`;
    const body = `{${what},"pit":{"id":${JSON.stringify(pit)},"keep_alive":"${KEEP_ALIVE}"}${place}}`;
    // Less than all shards would leave documents out.
    const query = { allow_partial_search_results: 'false' };
    const answer = await this.#connection.ask({ method: 'POST', path: '/_search', query, body, signal: never });
    const members = jsonMembers(answer.text);
    const hits = jsonElements(jsonMembers(members.get('hits')!).get('hits')!).map(jsonMembers);
    return {
      ids: hits.map((hit) => JSON.parse(hit.get('_id')!) as string),
      after: hits.at(-1)?.get('sort') ?? '',
      pit: JSON.parse(members.get('pit_id')!) as string,
    };
  }
}

function documentIn(text: string | undefined): ReadonlyMap<string, string> | null {
  if (text === undefined) return null;
  const members = jsonMembers(text);
  const error = members.get('error');
  if (error?.includes('index_not_found_exception')) return null;
  if (error !== undefined) {
    throw new TailraceError('sink.unreachable', 'documents cannot be read now', { detail: text });
  }
  return members.get('found') === 'true' ? members : null;
}
