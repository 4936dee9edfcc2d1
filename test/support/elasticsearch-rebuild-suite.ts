/** Targets of an Elasticsearch sink that are built beside it and swapped in. */
import { expect, onTestFinished, test } from 'vitest';
import { sink } from '../../connectors/elasticsearch/index.ts';
import { change, openOptions } from './changes.ts';
import { type ElasticsearchClient, elasticsearchAnswer } from './elasticsearch-client.ts';
import { HttpFaults } from './http-faults.ts';
import { apply, insert, remove, SHOP } from './last-value-target.ts';
import { testSeed } from './seed.ts';

const TAG = 'trabcdef';
const rebuild = sink.rebuild!;

const isFull = process.env.TAILRACE_FULL === '1';

/** @param part what runs without TAILRACE_FULL=1: an index takes seconds to make */
export function elasticsearchRebuildSuite(
  client: ElasticsearchClient,
  name: () => string,
  part: 'whole' | 'cut',
): void {
  test.skipIf(!isFull && part !== 'whole')(
    'invariant 7: a rebuilt index takes over with its positions, floor and deletes; readers see the old or the new',
    {
      timeout: 180_000,
    },
    () => rebuiltTwice(client, name()),
  );

  test.skipIf(!isFull && part !== 'cut')(
    'a swap that is broken off at any request is finished by the next one',
    { timeout: 180_000 },
    () => cutAnywhere(client, name),
  );
}

async function rebuiltTwice(client: ElasticsearchClient, index: string): Promise<void> {
  const target = new Target(client.url, index);
  await target.write({}, [insert(1, '1', 'old', 'b'), insert(1, '2', 'old', 'b')]);
  await client.send('POST', `/${index}/_alias/of-users-${index}`);
  const filled = [insert(3, '1', 'new', 'b'), insert(4, '3', 'new', 'b'), remove(9, '3')];
  await target.fill(filled);
  const readers = await new Readers(client, index).begin();
  expect(await target.swap(1)).toEqual([`the old documents of ${index} are kept in ${index}--old`]);
  expect(await target.swap(1)).toEqual([]);
  // An index that goes takes a search with it that is under way: the first time only, while the name is an index itself.
  expect((await readers.end()).filter((seen) => seen !== 'failed')).toEqual(['1 new', '1 old|2 old']);
  expect(await shown(client, index)).toBe('1 new');
  expect(await shown(client, `of-users-${index}`)).toBe('1 new');
  expect(await shown(client, `${index}--old`)).toBe('1 old|2 old');
  const opened = await target.open({ generation: 1 });
  expect(opened.resume).toEqual([expect.objectContaining({ next: 3n })]);
  await client.forgetDeletes(index);
  await apply(opened, [insert(5, '3', 'late', 'b'), insert(6, '4', 'new', 'b')], 3);
  await opened.sink.close();
  expect(await shown(client, index)).toBe('1 new|4 new');
  await rebuiltAgain(client, index, target);
}

/** Of what the first has removed nothing holds any more, and its own floor does. */
async function rebuiltAgain(client: ElasticsearchClient, index: string, target: Target): Promise<void> {
  await target.fill([
    insert(2, '3', 'third', 'b'),
    change(SHOP, { op: 'truncate', version: 20 }),
    insert(21, '5', 'third', 'b'),
  ]);
  const others = await new Readers(client, index).begin();
  await target.swap(2);
  expect(await others.end()).toEqual(['1 new|4 new', '5 third']);
  expect([await shown(client, index), await shown(client, `${index}--old`)]).toEqual(['5 third', '1 new|4 new']);
  await target.write({ generation: 2 }, [insert(19, '6', 'late', 'b')], 3);
  expect(await shown(client, index)).toBe('5 third');

  await target.fill([insert(30, '7', 'given up', 'b')]);
  await target.drop();
  await target.drop();
  expect(await left(client, index)).toBe(2);
  expect(await shown(client, index)).toBe('5 third');
}

async function cutAnywhere(client: ElasticsearchClient, name: () => string): Promise<void> {
  const proxy = await HttpFaults.start(client.url);
  onTestFinished(() => proxy.close());
  const step = isFull ? 1 : 13;
  let fired = 0;
  for (let at = 1 + (testSeed % step), isCut = true; isCut; at += step) {
    const index = name();
    const target = new Target(client.url, index);
    await target.write({}, [insert(1, '1', 'old', 'b')]);
    await target.fill([insert(3, '2', 'new', 'b'), change(SHOP, { op: 'truncate', version: 3 })]);
    let requests = 0;
    isCut = false;
    proxy.fault = async (_, pass) => {
      if (++requests !== at) return pass();
      isCut = true;
      // Half of them were applied, and their answer was lost.
      if (at % 2 === 0) await pass();
      return elasticsearchAnswer(503);
    };
    const cut = await new Target(proxy.url, index).swap(1).catch(() => null);
    if (cut === null) fired++;
    expect(['1 old', '2 new']).toContain(await shown(client, index));
    await target.swap(1);
    expect([await shown(client, index), await shown(client, `${index}--old`)]).toEqual(['2 new', '1 old']);
    await target.write({ generation: 1 }, [insert(2, '9', 'late', 'b'), insert(4, '3', 'new', 'b')], 2);
    expect(await shown(client, index)).toBe('2 new|3 new');
    await client.send('DELETE', `/${Object.keys(await client.ask<object>('GET', `/${index}`))[0]},${index}--old`);
  }
  expect(fired).toBeGreaterThan(0);
}

class Target {
  readonly #options;
  readonly #names;

  constructor(url: string, index: string) {
    this.#options = openOptions(sink.config.parse({ url, index }), { id: `p.${index}` });
    this.#names = { tag: TAG, shadowId: `p.${index}.rebuild` };
  }

  open(more: object = {}) {
    return sink.open({ ...this.#options, ...more });
  }

  async write(more: object, changes: Parameters<typeof apply>[1], from = 0): Promise<void> {
    const opened = await this.open(more);
    await apply(opened, changes, from);
    await opened.sink.close();
  }

  /** What is built beside it. */
  async fill(changes: Parameters<typeof apply>[1]): Promise<void> {
    await this.write({ id: this.#names.shadowId, config: rebuild.shadow(this.#options.config, TAG) }, changes);
  }

  swap(generation: number) {
    return rebuild.swap(this.#options, { ...this.#names, generation });
  }

  drop() {
    return rebuild.drop(this.#options, this.#names);
  }
}

async function shown(client: ElasticsearchClient, index: string): Promise<string> {
  return rowsIn(await client.documents(index));
}

type Documents = Awaited<ReturnType<ElasticsearchClient['documents']>>;

interface Answer {
  readonly _shards?: { readonly total: number; readonly successful: number };
  readonly hits?: { readonly hits: Documents };
}

const rowsIn = (documents: Documents): string =>
  documents
    .map(({ _id, _source }) => `${_id} ${_source.a}`)
    .sort()
    .join('|');

/** Indices of that name, the old one among them. */
async function left(client: ElasticsearchClient, index: string): Promise<number> {
  return (await client.send('GET', `/_cat/indices/${index}*?h=index`)).trim().split('\n').length;
}

/** Reads all the time what the name stands for. */
class Readers {
  readonly #client: ElasticsearchClient;
  readonly #index: string;
  readonly #seen = new Set<string>();
  readonly #stop = new AbortController();
  #done = Promise.resolve();

  constructor(client: ElasticsearchClient, index: string) {
    this.#client = client;
    this.#index = index;
  }

  /** Resolves when it has read once. */
  async begin(): Promise<this> {
    await this.#client.send('POST', `/${this.#index}/_refresh`);
    await this.#read();
    this.#done = this.#run();
    return this;
  }

  /** The different things that were seen, sorted. */
  async end(): Promise<readonly string[]> {
    this.#stop.abort();
    await this.#done;
    await this.#read();
    return [...this.#seen].sort();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) await this.#read();
  }

  async #read(): Promise<void> {
    const path = `/${this.#index}/_search?allow_partial_search_results=false`;
    const { hits, _shards: shards } = await this.#client.ask<Answer>('POST', path, { query: { match_all: {} } });
    const isWhole = hits !== undefined && shards?.successful === shards?.total;
    this.#seen.add(isWhole ? rowsIn(hits.hits) : 'failed');
  }
}
