/**
 * Indices beside the sink's own, which take their place in one update of the aliases.
 *
 * What is built has an alias of the shadow's name; its index has a name that is used once. The swap gives it the alias of the sink's
 * name. An index that has the sink's name itself, as the first one has, cannot be renamed: it is cloned (hard links, no copy) and
 * removed by the same update.
 * https://www.elastic.co/guide/en/elasticsearch/reference/8.19/indices-aliases.html
 */
import { type SinkOpenOptions, TailraceError, type TargetSwap } from '../../src/sdk/index.ts';
import { type ElasticsearchConfig, shadowSuffix } from './config.ts';
import { documentPath, EsConnection, parsed } from './connection.ts';
import type { SinkState } from './offsets.ts';
import { scanDocuments } from './scan.ts';
import { ensureServiceIndex, SERVICE_INDEX, StoredDocument } from './stored-document.ts';
import type { IndexState } from './tables.ts';

type Shadow = Pick<TargetSwap, 'tag' | 'shadowId'>;
type AliasAction = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Of the index that was replaced: one generation of them is kept. */
const OLD = '--old';
const HIDDEN = { expand_wildcards: 'all' };

const never = new AbortController().signal;

export function swapElasticsearch(
  { config, id }: SinkOpenOptions<ElasticsearchConfig>,
  swap: TargetSwap,
): Promise<readonly string[]> {
  return connected(config, (connection) => new Swap(connection, id, swap).run());
}

export function dropElasticsearch({ config }: SinkOpenOptions<ElasticsearchConfig>, swap: Shadow): Promise<void> {
  return connected(config, async (connection) => {
    const path = `/_alias/${encodeURIComponent(`*${shadowSuffix(swap.tag)}`)}`;
    const answer = await connection.ask({ method: 'GET', path, query: HIDDEN, signal: never }, [404]);
    const names = answer.status === 404 ? [] : Object.keys(parsed<Record<string, unknown>>(answer));
    for (const name of names) await removeIndex(connection, name);
    await forgetShadow(connection, swap);
  });
}

async function connected<T>(config: ElasticsearchConfig, act: (connection: EsConnection) => Promise<T>): Promise<T> {
  const connection = await EsConnection.open(config);
  try {
    return await act(connection);
  } finally {
    await connection.close();
  }
}

interface Found {
  /** Of the index itself. */
  readonly index: string;
  readonly uuid: string;
  readonly aliases: Readonly<Record<string, object>>;
}

interface Replaced {
  readonly name: string;
  readonly shadow: string;
  readonly uuid: string;
}

class Swap {
  readonly #connection: EsConnection;
  readonly #id: string;
  readonly #swap: TargetSwap;
  readonly #notes: string[] = [];
  readonly #actions: AliasAction[] = [];
  readonly #blocked: string[] = [];

  constructor(connection: EsConnection, id: string, swap: TargetSwap) {
    this.#connection = connection;
    this.#id = id;
    this.#swap = swap;
  }

  async run(): Promise<readonly string[]> {
    const { tag, shadowId } = this.#swap;
    const filled = await new StoredDocument<SinkState>(this.#connection, `sink/${shadowId}`).read(never);
    if (filled === null) return [];
    const replaced = Object.entries(filled.indices).map(([shadow, uuid]): Replaced => {
      return { name: shadow.slice(0, -shadowSuffix(tag).length), shadow, uuid };
    });
    try {
      for (const one of replaced) await this.#prepare(one);
      await this.#update();
    } catch (error) {
      for (const index of this.#blocked) await blockWrites(this.#connection, index, null).catch(() => {});
      throw error;
    }
    for (const one of replaced) await this.#takeState(one);
    await this.#takePositions(filled, replaced);
    await forgetShadow(this.#connection, this.#swap);
    return this.#notes;
  }

  /** What the update of the aliases has to do for one index; nothing when it was done before. */
  async #prepare({ name, shadow, uuid }: Replaced): Promise<void> {
    const built = await find(this.#connection, shadow);
    const live = await find(this.#connection, name);
    if (built === null && live?.uuid === uuid) return;
    if (built?.uuid !== uuid) throw lost(shadow);
    // What is written is not yet what a search finds.
    const refresh = `/${encodeURIComponent(built.index)}/_refresh`;
    await this.#connection.ask({ method: 'POST', path: refresh, signal: never });
    this.#actions.push({ remove: { index: built.index, alias: shadow } });
    this.#actions.push({ add: { index: built.index, alias: name } });
    if (live === null) return;
    for (const [alias, settings] of Object.entries(live.aliases)) {
      if (alias === name || alias === name + OLD) continue;
      this.#actions.push({ remove: { index: live.index, alias } }, { add: { index: built.index, alias, ...settings } });
    }
    await this.#keep(name, live);
    this.#notes.push(`the old documents of ${name} are kept in ${name}${OLD}`);
  }

  async #keep(name: string, live: Found): Promise<void> {
    const old = name + OLD;
    const older = await find(this.#connection, old);
    if (live.index !== name) {
      if (older !== null) this.#actions.push({ remove_index: { index: older.index } });
      this.#actions.push({ remove: { index: live.index, alias: name } }, { add: { index: live.index, alias: old } });
      return;
    }
    if (older !== null) await removeIndex(this.#connection, older.index);
    this.#blocked.push(name);
    await blockWrites(this.#connection, name, true);
    await clone(this.#connection, name, old);
    // An index that goes takes its aliases with it.
    const rest = this.#actions.filter(({ remove }) => remove?.index !== name);
    this.#actions.splice(0, this.#actions.length, ...rest, { remove_index: { index: name } });
  }

  async #update(): Promise<void> {
    if (this.#actions.length === 0) return;
    const body = JSON.stringify({ actions: this.#actions });
    await this.#connection.ask({ method: 'POST', path: '/_aliases', body, signal: never });
  }

  /** Invariant 7: floors and remembered deletes of what was built hold under the sink's name. */
  async #takeState({ name, shadow, uuid }: Replaced): Promise<void> {
    const filled = await new StoredDocument<IndexState>(this.#connection, `index/${shadow}`).read(never);
    const document = new StoredDocument<IndexState>(this.#connection, `index/${name}`);
    const before = await document.read(never);
    const { source, floor, swept } = filled ?? { source: before?.source ?? '', floor: '0', swept: '0' };
    await written(document, { kind: 'index', index: name, source, floor, swept, memory: uuid });
  }

  async #takePositions({ positions }: SinkState, replaced: readonly Replaced[]): Promise<void> {
    const document = new StoredDocument<SinkState>(this.#connection, `sink/${this.#id}`);
    const before = await document.read(never);
    const { generation } = this.#swap;
    const indices = Object.fromEntries(replaced.map(({ name, uuid }) => [name, uuid]));
    await written(document, {
      kind: 'sink',
      sink: this.#id,
      epoch: before?.epoch ?? 0,
      positions: positions.map((position) => ({ ...position, generation })),
      indices: { ...before?.indices, ...indices },
    });
  }
}

async function written<T>(document: StoredDocument<T>, state: T): Promise<void> {
  if (await document.write(state, never)) return;
  throw new TailraceError('sink.unreachable', 'another instance writes to the target that is being replaced');
}

/** What a name stands for; null: nothing. */
async function find(connection: EsConnection, name: string): Promise<Found | null> {
  const path = `/${encodeURIComponent(name)}`;
  const answer = await connection.ask({ method: 'GET', path, query: { flat_settings: 'true' }, signal: never }, [404]);
  if (answer.status === 404) return null;
  const found = Object.entries(
    parsed<Record<string, { aliases: Found['aliases']; settings: Record<string, string> }>>(answer),
  );
  const [one] = found;
  if (found.length !== 1 || one === undefined) {
    throw new TailraceError('sink.not_ready', `"${name}" is an alias of several indices`, {
      remedy: `leave the alias "${name}" to one index`,
    });
  }
  return { index: one[0], uuid: one[1].settings['index.uuid']!, aliases: one[1].aliases };
}

async function blockWrites(connection: EsConnection, index: string, value: true | null): Promise<void> {
  const path = `/${encodeURIComponent(index)}/_settings`;
  const body = JSON.stringify({ 'index.blocks.write': value });
  await connection.ask({ method: 'PUT', path, body, signal: never });
}

/** Resolves when the clone can be searched. */
async function clone(connection: EsConnection, from: string, to: string): Promise<void> {
  const path = `/${encodeURIComponent(from)}/_clone/${encodeURIComponent(to)}`;
  await connection.ask({ method: 'PUT', path, query: { wait_for_active_shards: '1' }, body: '{}', signal: never });
  const health = `/_cluster/health/${encodeURIComponent(to)}`;
  const query = { wait_for_status: 'yellow', timeout: '50s' };
  const answer = await connection.ask({ method: 'GET', path: health, query, signal: never }, [408]);
  if (answer.status !== 408 && parsed<{ timed_out: boolean }>(answer).timed_out !== true) return;
  throw new TailraceError('sink.not_ready', `the index "${to}", which keeps the old documents, does not come up`, {
    remedy: `GET /_cluster/allocation/explain says why; most often a disk is full`,
  });
}

async function removeIndex(connection: EsConnection, index: string): Promise<void> {
  await connection.ask({ method: 'DELETE', path: `/${encodeURIComponent(index)}`, signal: never }, [404]);
}

/** Its positions first: without them a swap has nothing to do. */
async function forgetShadow(connection: EsConnection, { tag, shadowId }: Shadow): Promise<void> {
  await ensureServiceIndex(connection, never);
  const remove = (id: string) =>
    connection.ask({ method: 'DELETE', path: documentPath(SERVICE_INDEX, id), signal: never }, [404]);
  await remove(`sink/${shadowId}`);
  const filter = [{ term: { kind: 'index' } }, { wildcard: { index: `*${shadowSuffix(tag)}` } }];
  for await (const hits of scanDocuments(connection, SERVICE_INDEX, { bool: { filter } }, never)) {
    for (const { id } of hits) await remove(id);
  }
}

function lost(shadow: string): TailraceError {
  return new TailraceError('sink.not_ready', `what was built as "${shadow}" was deleted or made anew`, {
    remedy: 'start the rebuild again',
  });
}
