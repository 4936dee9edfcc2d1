/** Indices: made from the source's tables, given fields for new columns; nothing is dropped or remade. */
import { randomBytes } from 'node:crypto';
import { type Row, type TableSchema, TailraceError } from '../../src/sdk/index.ts';
import { jsonElements, jsonMembers } from '../../src/sdk/target/json-text.ts';
import { keyIndexes, sourceTableName, TargetNames, VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import type { ElasticsearchConfig } from './config.ts';
import { type Answer, type EsConnection, parsed } from './connection.ts';
import { routingOf } from './document-id.ts';
import { answerError, errorType } from './errors.ts';
import { indexNameOf } from './index-name.ts';
import { SERVICE_INDEX, StoredDocument } from './stored-document.ts';
import { type Mapping, mappingOf, takes } from './values.ts';

export interface IndexState {
  readonly kind: 'index';
  readonly index: string;
  readonly source: string;
  /** Decimal. Writes below this version are refused. */
  readonly floor: string;
  /** Decimal. Documents older than this version have been swept, all of them. */
  readonly swept: string;
  /** What remembered deletes name the index by. Absent: its name. */
  readonly memory?: string;
}

/** One index. Of a session, which alone changes what is said here. */
export interface TargetIndex {
  readonly name: string;
  /** Of the index that the name, which may be an alias, stood for when it was made ready. */
  readonly uuid: string;
  readonly document: StoredDocument<IndexState>;
  state: IndexState;
  /** What remembered deletes name it by. */
  readonly memory: string;
  /** Highest version of a remembered delete: a write below it may be late. */
  deletes: bigint;
}

export interface TargetTable {
  readonly source: TableSchema;
  readonly keys: readonly number[];
  readonly routing: (row: Row) => string | null;
  readonly index: TargetIndex;
}

interface Described {
  readonly mappings: { readonly properties?: Readonly<Record<string, { readonly type?: string }>> };
  readonly settings: Readonly<Record<string, string>>;
  readonly data_stream?: string;
}

export class TargetTables {
  readonly #connection: EsConnection;
  readonly #config: ElasticsearchConfig;
  readonly #names = new TargetNames();
  readonly #tables = new Map<string, TargetTable>();
  readonly #indices = new Map<string, TargetIndex>();

  constructor(connection: EsConnection, config: ElasticsearchConfig) {
    this.#connection = connection;
    this.#config = config;
  }

  /** Makes the index ready for documents of this description. Needs `.tailrace`. */
  async ensure(source: TableSchema, signal: AbortSignal): Promise<TargetTable> {
    const identity = `${source.source}\0${source.schema}\0${source.table}\0${source.id}`;
    let table = this.#tables.get(identity);
    if (table !== undefined) return table;
    const name = indexNameOf(this.#config.index, source);
    const keys = keyIndexes(source);
    if (keys.length === 0) throw keyless(source);
    const routing = routingOf(this.#config.routing, source);
    this.#names.claim(name, source);
    const uuid = await this.#prepare(name, source, signal);
    let index = this.#indices.get(name);
    if (index === undefined) this.#indices.set(name, (index = await this.#load(name, uuid, source, signal)));
    table = { source, keys, routing, index };
    this.#tables.set(identity, table);
    return table;
  }

  /** Throws when an index was deleted, or made anew, since it was made ready: rows are missing then. */
  async verify(signal: AbortSignal): Promise<void> {
    const names = [...this.#indices.keys()];
    if (names.length === 0) return;
    const path = `/${names.map(encodeURIComponent).join(',')}/_settings/index.uuid`;
    const query = { ...FLAT, ignore_unavailable: 'true' };
    const answer = await this.#connection.ask({ method: 'GET', path, query, signal });
    const found = parsed<Record<string, Pick<Described, 'settings'>>>(answer);
    const uuids = new Set(Object.values(found).map(({ settings }) => settings['index.uuid']));
    const lost = [...this.#indices.values()].find(({ uuid }) => !uuids.has(uuid));
    if (lost !== undefined) throw remade(lost.name);
  }

  async #prepare(name: string, source: TableSchema, signal: AbortSignal): Promise<string> {
    const path = `/${encodeURIComponent(name)}`;
    let found = await this.#connection.ask({ method: 'GET', path, query: FLAT, signal }, [404]);
    if (found.status === 404) {
      await this.#create(name, source, signal);
      found = await this.#connection.ask({ method: 'GET', path, query: FLAT, signal });
    }
    const described = Object.values(parsed<Record<string, Described>>(found));
    const [one] = described;
    if (described.length !== 1 || one === undefined || one.data_stream !== undefined) {
      throw new TailraceError('sink.not_ready', `"${name}" is a data stream or an alias of several indices`, {
        remedy: 'name one index, or an alias of one, with `index:`',
      });
    }
    if (one.settings['index.translog.durability'] === 'async') throw loses(name);
    await this.#widen(name, source, one.mappings.properties ?? {}, signal);
    return one.settings['index.uuid']!;
  }

  async #create(name: string, source: TableSchema, signal: AbortSignal): Promise<void> {
    const settings = {
      // Deletes with their versions; what comes later than that is held against our own memory of deletes.
      gc_deletes: '1h',
      ...(source.columns.length > 450 && { 'mapping.total_fields.limit': 2 * source.columns.length + 100 }),
      ...this.#config.settings,
    };
    const mappings = { dynamic: false, properties: Object.fromEntries(fieldsOf(source, this.#config)) };
    const { behindAlias = false } = this.#config;
    const path = `/${encodeURIComponent(behindAlias ? `${name}-${randomBytes(4).toString('hex')}` : name)}`;
    const body = JSON.stringify({
      settings: { index: settings },
      mappings,
      ...(behindAlias && { aliases: { [name]: {} } }),
    });
    const answer = await this.#connection.send({ method: 'PUT', path, body, signal });
    const exists = answer.status === 400 && answer.text.includes('resource_already_exists_exception');
    if (answer.status >= 300 && !exists) throw mappingError(answer, source, this.#connection.place);
  }

  async #widen(
    name: string,
    source: TableSchema,
    present: Readonly<Record<string, { readonly type?: string }>>,
    signal: AbortSignal,
  ): Promise<void> {
    const fields = fieldsOf(source, this.#config);
    for (const [field, { type }] of fields) {
      const known = Object.hasOwn(present, field) ? (present[field]?.type ?? 'object') : type;
      if (!takes(known, type)) throw unfit(name, field, known, type, source);
    }
    const absent = fields.filter(([field]) => !Object.hasOwn(present, field));
    if (absent.length === 0) return;
    const path = `/${encodeURIComponent(name)}/_mapping`;
    const body = JSON.stringify({ properties: Object.fromEntries(absent) });
    const answer = await this.#connection.send({ method: 'PUT', path, body, signal });
    if (answer.status >= 300) throw mappingError(answer, source, this.#connection.place);
  }

  async #load(name: string, uuid: string, source: TableSchema, signal: AbortSignal): Promise<TargetIndex> {
    const document = new StoredDocument<IndexState>(this.#connection, `index/${name}`);
    const owner = `${source.source}: ${sourceTableName(source)}`;
    const stored = await document.read(signal);
    // The next that is built has the same name, but not this index' deletes.
    const memory = this.#config.behindAlias === true ? { memory: uuid } : {};
    const state = stored ?? { kind: 'index', index: name, source: owner, floor: '0', swept: '0', ...memory };
    const known = state.memory ?? name;
    return { name, uuid, document, state, memory: known, deletes: await this.#highestDelete(known, signal) };
  }

  async #highestDelete(memory: string, signal: AbortSignal): Promise<bigint> {
    const index = `/${SERVICE_INDEX}`;
    await this.#connection.ask({ method: 'POST', path: `${index}/_refresh`, signal });
    const filter = [{ term: { kind: 'deleted' } }, { term: { index: memory } }];
    const body = JSON.stringify({ size: 1, query: { bool: { filter } }, sort: [{ version: 'desc' }] });
    const query = { allow_partial_search_results: 'false' };
    const { text } = await this.#connection.ask({ method: 'POST', path: `${index}/_search`, query, body, signal });
    const [hit] = jsonElements(jsonMembers(jsonMembers(text).get('hits')!).get('hits')!);
    return hit === undefined ? 0n : BigInt(jsonMembers(jsonMembers(hit).get('_source')!).get('version')!);
  }
}

const FLAT = { flat_settings: 'true' };

type Fields = readonly (readonly [string, Mapping])[];

function fieldsOf(source: TableSchema, { fields = {} }: Pick<ElasticsearchConfig, 'fields'>): Fields {
  return [
    ...source.columns.map((column) => [column.name, { ...mappingOf(column, fields) }] as const),
    [VERSION_COLUMN, { type: 'long' }] as const,
  ];
}

function keyless(source: TableSchema): TailraceError {
  const name = sourceTableName(source);
  return new TailraceError('sink.not_ready', `rows of ${name} have no key, so their documents would have no _id`, {
    remedy: `give ${name} a primary key, or leave it out of this sink with \`from:\``,
  });
}

export function remade(name: string): TailraceError {
  return new TailraceError(
    'sink.not_ready',
    `the index "${name}" was deleted or made anew: rows written before are missing`,
    {
      remedy: `delete the index "${name}" and give the sink another name, so that it writes all rows again`,
    },
  );
}

function loses(name: string): TailraceError {
  return new TailraceError('sink.not_ready', `the index "${name}" may lose documents that it has acknowledged`, {
    remedy: `PUT /${name}/_settings {"index.translog.durability": "request"}`,
  });
}

function unfit(name: string, field: string, present: string, wanted: string, source: TableSchema): TailraceError {
  const message = `the field "${field}" of the index "${name}" is mapped as ${present} and would refuse values of ${sourceTableName(source)}`;
  return new TailraceError('sink.not_ready', message, {
    remedy: `make an index whose "${field}" is mapped as ${wanted}, and name it with \`index:\` in a sink of another name`,
  });
}

/** The answer to a mapping: most often the name of a column is the cause. The server's own reason is kept as detail. */
function mappingError(answer: Answer, source: TableSchema, place: string): TailraceError {
  if (answer.status !== 400) return answerError(answer.status, answer.text, place);
  const type = errorType(answer.text);
  const named = type === 'mapper_parsing_exception' || type === 'illegal_argument_exception';
  const message = `no index can be made for ${sourceTableName(source)}: ${place} refused it (400 ${type})`;
  return new TailraceError('sink.not_ready', message, {
    remedy: named
      ? 'rename columns whose names Elasticsearch does not take (empty, `_id`, dots at the ends) with a `rename` step'
      : 'make the index by hand to see the reason; a cluster has a limit of shards (cluster.max_shards_per_node)',
    detail: answer.text,
  });
}
