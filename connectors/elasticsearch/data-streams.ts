/**
 * Changes as documents of data streams: created, never changed. The `_id` says which record of the log it is, so that a repeat is refused
 * as already there; that holds for the stream's newest backing index, to which alone documents are added.
 */
import { type Change, type SinkRecord, type TableSchema, TailraceError } from '../../src/sdk/index.ts';
import type { GrowingBytes } from '../../src/sdk/target/growing-bytes.ts';
import { writeDocument } from '../../src/sdk/target/json-document.ts';
import { sourceTableName } from '../../src/sdk/target/names.ts';
import { OP_LETTERS } from '../../src/sdk/target/op-letters.ts';
import type { RefusedRows } from '../../src/sdk/target/steps.ts';
import { BulkWriter } from './bulk.ts';
import type { ElasticsearchConfig } from './config.ts';
import type { EsConnection } from './connection.ts';
import { entryId } from './document-id.ts';
import { indexNameOf } from './index-name.ts';
import type { Session } from './rows.ts';
import { type Mapping, mappingOf } from './values.ts';

/** Above the templates that the servers bring along. */
const PRIORITY = 300;

export class DataStreams {
  readonly #connection: EsConnection;
  readonly #config: ElasticsearchConfig;
  /** By description of a table. */
  readonly #ready = new Map<string, string>();

  constructor(connection: EsConnection, config: ElasticsearchConfig) {
    this.#connection = connection;
    this.#config = config;
  }

  async append(session: Session, records: readonly SinkRecord[], refused: RefusedRows): Promise<void> {
    const writers = new Map<string, BulkWriter<SinkRecord>>();
    for (const record of records) {
      // Of a row that never matched a filter nobody has an entry.
      if (record.change.dropped) continue;
      const stream = await this.#ensure(record.change.table, session.signal);
      let writer = writers.get(stream);
      if (writer === undefined) {
        writer = new BulkWriter<SinkRecord>(session.connection, stream, session.context, session.signal);
        writers.set(stream, writer);
      }
      const operation = { action: 'create', id: entryId(record), version: null, routing: null } as const;
      await writer.add(record, operation, (out) => writeEntry(out, record.change));
    }
    for (const writer of writers.values()) {
      for (const [record, error] of (await writer.finish()).refused) refused.reject(record, error);
    }
  }

  /** Makes template and stream where there are none, and fields for new columns. */
  async #ensure(source: TableSchema, signal: AbortSignal): Promise<string> {
    const identity = `${source.source}\0${source.schema}\0${source.table}\0${source.id}`;
    const known = this.#ready.get(identity);
    if (known !== undefined) return known;
    const name = indexNameOf(this.#config.index, source);
    const path = `/${encodeURIComponent(name)}`;
    const found = await this.#connection.ask({ method: 'GET', path: `/_data_stream${path}`, signal }, [404]);
    const properties = propertiesOf(source, this.#config);
    if (found.status === 404) await this.#create(name, properties, signal);
    else {
      const body = JSON.stringify({ properties });
      await this.#connection.ask({ method: 'PUT', path: `${path}/_mapping`, body, signal });
    }
    this.#ready.set(identity, name);
    return name;
  }

  async #create(name: string, properties: object, signal: AbortSignal): Promise<void> {
    const template = { settings: { index: this.#config.settings ?? {} }, mappings: { dynamic: false, properties } };
    const body = JSON.stringify({ index_patterns: [name], data_stream: {}, priority: PRIORITY, template });
    const path = `/_index_template/${encodeURIComponent(`tailrace-${name}`)}`;
    await this.#connection.ask({ method: 'PUT', path, body, signal });
    const made = await this.#connection.ask(
      { method: 'PUT', path: `/_data_stream/${encodeURIComponent(name)}`, signal },
      [400],
    );
    if (made.status < 300 || made.text.includes('resource_already_exists_exception')) return;
    throw new TailraceError('sink.not_ready', `no data stream "${name}" can be made at ${this.#connection.place}`, {
      remedy: 'name another one with `index:`: an index or alias of that name may exist',
      detail: made.text,
    });
  }
}

function propertiesOf(source: TableSchema, { fields }: ElasticsearchConfig): Readonly<Record<string, unknown>> {
  const columns = (only: (column: TableSchema['columns'][number]) => boolean): Record<string, Mapping> =>
    Object.fromEntries(source.columns.filter(only).map((column) => [column.name, mappingOf(column, fields)]));
  return {
    '@timestamp': { type: 'date' },
    op: { type: 'keyword' },
    table: { type: 'keyword' },
    version: { type: 'long' },
    position: { type: 'keyword' },
    key: { properties: columns(({ keyOrdinal }) => keyOrdinal !== undefined) },
    before: { type: 'object', enabled: false },
    after: { properties: columns(() => true) },
  };
}

function writeEntry(out: GrowingBytes, change: Change): void {
  const { op, table, version, timeUs, position, key, before, after, sweepBelow } = change;
  const at = `${new Date(Math.floor(timeUs / 1_000)).toISOString().slice(0, -1)}${String(timeUs % 1_000).padStart(3, '0')}Z`;
  out.text(`{"@timestamp":"${at}","op":"${OP_LETTERS[op]}","table":${JSON.stringify(sourceTableName(table))}`);
  out.text(`,"version":${version},"position":${JSON.stringify(position)}`);
  if (op === 'insert' || op === 'update' || op === 'delete' || op === 'snapshot') out.text(`,"key":${key}`);
  if (sweepBelow !== undefined) out.text(`,"sweep_below":${sweepBelow}`);
  for (const [name, row] of [['before', before] as const, ['after', after] as const]) {
    if (row === null) continue;
    out.text(`,"${name}":`);
    writeDocument(out, row);
  }
  out.text('}');
}
