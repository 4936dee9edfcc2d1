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
import { EsConnection } from './connection.ts';
import { documentId, keyTextsOf, routingOf } from './document-id.ts';
import { indexNameOf } from './index-name.ts';
import { scanDocuments } from './scan.ts';

const READ_DOCUMENTS = 200;

const never = new AbortController().signal;

export async function inspectElasticsearch({ config }: SinkOpenOptions<ElasticsearchConfig>): Promise<SinkInspector> {
  if (config.as === 'data-stream') {
    throw new TailraceError(
      'verify.unsupported',
      'this sink cannot be compared: a data stream holds changes, not rows',
    );
  }
  return new ElasticsearchInspector(await EsConnection.open(config), config);
}

class ElasticsearchInspector implements SinkInspector {
  readonly #connection: EsConnection;
  readonly #template: string;
  readonly #routing: string | undefined;

  constructor(connection: EsConnection, { index, routing }: ElasticsearchConfig) {
    this.#connection = connection;
    this.#template = index;
    this.#routing = routing;
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
    const count = keyIndexes(table).length;
    const index = indexNameOf(this.#template, table);
    for await (const hits of scanDocuments(this.#connection, index, { match_all: {} }, never)) {
      yield hits.map(({ id }) => keyJson(table, keyTextsOf(id, count)));
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
      const some = rows.slice(at, at + READ_DOCUMENTS);
      const ids = some.map((row) => unlessRejected(() => documentId(row, keyIndexes(table))));
      // A row whose key is too long for an id is in the dead letters.
      const known = ids.filter((id) => id !== null);
      const route = routingOf(this.#routing, table);
      const places = some.flatMap((row, i) =>
        ids[i] === null ? [] : [{ _id: ids[i], ...(route(row) !== null && { routing: route(row) }) }],
      );
      const body = JSON.stringify({ docs: places });
      const query = { _source: String(source) };
      const request = { method: 'POST', path, query, body, signal: never } as const;
      const answer = known.length === 0 ? null : await this.#connection.ask(request, [404]);
      const docs = answer === null || answer.status === 404 ? [] : jsonElements(jsonMembers(answer.text).get('docs')!);
      const byId = new Map(known.map((id, i) => [id, documentIn(docs[i])] as const));
      found.push(...ids.map((id) => (id === null ? null : (byId.get(id) ?? null))));
    }
    return found;
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
