/**
 * Fills in what updates of one source leave out (docs/decisions/2026-11-25-unsent-columns.md). The values stand in a store
 * beside the log, which follows it: what it says of a topic is what the log says up to its cover, and it catches up before the
 * source is read. While the source is read, one transaction of the store is open: it holds what was written and is not durable
 * in the log yet, as an overlay. It ends only when everything written is durable, so that the store is never ahead of the log.
 */
import type { Envelope } from '../../contracts/envelope.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { EndOffsets, Log } from '../../contracts/log.ts';
import type { Clock, Logger } from '../../contracts/plugin.ts';
import type { RowMemory, TableMemory } from '../../contracts/row-memory.ts';
import type { TableDescription, TableSchema, UnsentRule } from '../../contracts/schema.ts';
import { SchemaFeed } from '../schema-feed.ts';
import { ColumnStore } from './column-store.ts';
import { LogFollower } from './log-follower.ts';
import { LastForgotten, StoredTableMemory } from './table-memory.ts';
import { UnsentColumns } from './unsent-columns.ts';

/** Between two transactions of the store, when the source pauses and when it does not. */
const REST_MS = 1_000;
const LONGEST_MS = 10_000;
const LONGEST_BYTES = 16 << 20;
/** More are worth a line in the log. */
const MANY_RECORDS = 10_000;

/** First offset of each topic from which on its changes follow one another without a gap, decimal. Absent: 0. */
export type UnbrokenSince = Readonly<Record<string, string>>;

export interface RehydrationOptions {
  /** Of the store's file. */
  readonly path: string;
  /** Of the store's memory. */
  readonly cacheBytes: number;
  readonly source: string;
  readonly log: Log;
  readonly envelope: Envelope;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly failpoint: (name: string) => void;
  /** As the source describes them now. */
  readonly tables: readonly TableDescription[];
  readonly since: UnbrokenSince;
  /** What earlier openings have asked for, by topic; more is added. */
  readonly wanted: Map<string, UnsentRules>;
}

/** By column name. */
export type UnsentRules = ReadonlyMap<string, UnsentRule>;

export class Rehydration implements RowMemory {
  readonly #options: RehydrationOptions;
  #store: ColumnStore | null = null;
  /** Topics that are followed, with the offset up to which everything is durable. */
  readonly #ends = new Map<string, bigint>();
  readonly #forgotten = new Map<string, LastForgotten>();
  #hasNews = false;
  #lastCommit: number;

  private constructor(options: RehydrationOptions) {
    this.#options = options;
    this.#lastCommit = options.clock.monotonic();
  }

  /** Catches up with the log. Throws `source.rehydrate`; rejects with the signal's reason when it aborts. */
  static async open(options: RehydrationOptions, signal: AbortSignal): Promise<Rehydration> {
    const rehydration = new Rehydration(options);
    try {
      await rehydration.#catchUp(signal);
      return rehydration;
    } catch (error) {
      rehydration.close();
      throw error;
    }
  }

  async #catchUp(signal: AbortSignal): Promise<void> {
    const { log, envelope, source, logger } = this.#options;
    const unsent = this.#unsentTables();
    if (unsent.size === 0) return;
    const store = this.#open();
    const feed = new SchemaFeed(log, envelope, [source]);
    await feed.catchUp();
    const covers = store.covers();
    let records = 0;
    for (const [topic, rules] of unsent) {
      const cover = covers.get(topic) ?? null;
      const follower = this.#follower(store, feed, topic, rules, cover);
      this.#ends.set(topic, await follower.run(signal));
      records += follower.records;
    }
    this.#commit();
    if (records > MANY_RECORDS)
      logger('info', 'has taken columns from the log that updates leave out', { source, records });
  }

  /** The stream may be at a time when a table was not as it is described now: what it has asked for is followed too. */
  #unsentTables(): ReadonlyMap<string, UnsentRules> {
    const { envelope, source, tables, wanted } = this.#options;
    const described = tables.map(
      (table) => [envelope.topicOf(source, table.schema, table.table), rulesOf(table)] as const,
    );
    return new Map([...wanted, ...described.filter(([, rules]) => rules.size > 0)]);
  }

  #follower(
    store: ColumnStore,
    { store: schemas }: SchemaFeed,
    topic: string,
    rules: UnsentRules,
    cover: bigint | null,
  ): LogFollower {
    const { log, envelope, since } = this.#options;
    return new LogFollower({ topic, log, envelope, schemas, store, rules, since: BigInt(since[topic] ?? 0), cover });
  }

  /** What was followed in another log is of no use. */
  #open(): ColumnStore {
    if (this.#store !== null) return this.#store;
    const { path, log, cacheBytes } = this.#options;
    const store = ColumnStore.open(path, cacheBytes);
    this.#store = store;
    const { lineage } = store;
    for (const [topic, cover] of store.covers()) {
      if (!log.lineage.covers(lineage, topic, 0, cover)) store.setCover(topic, null);
    }
    return store;
  }

  table(topic: string, schema: TableSchema): TableMemory | null {
    const unsent = new UnsentColumns(schema);
    if (unsent.kept.length === 0) return null;
    if (!this.#ends.has(topic)) this.#follow(topic, rulesOf(schema));
    const store = this.#open();
    const cells = store.cells(topic);
    const forgotten = this.#forgotten.get(topic) ?? new LastForgotten(cells);
    this.#forgotten.set(topic, forgotten);
    return new StoredTableMemory(unsent, cells, forgotten, (column) => store.columnId(topic, column));
  }

  /** A table whose updates begin to leave out columns while the source runs. */
  #follow(topic: string, rules: UnsentRules): void {
    const { log, since, wanted } = this.#options;
    const partition = log.topics.get(topic)?.partitions[0];
    const end = partition?.endOffset ?? 0n;
    if (end > BigInt(since[topic] ?? 0)) {
      wanted.set(topic, rules);
      throw new TailraceError('source.rehydrate', `updates of ${topic} begin to leave out columns`, {
        remedy: 'nothing need be done: what the log has of its rows is read first',
      });
    }
    this.#open().cells(topic).clear();
    this.#ends.set(topic, end);
  }

  /** Records have become durable. */
  committed(ends: EndOffsets): void {
    for (const { topic, partition, endOffset } of ends) {
      if (partition !== 0 || !this.#ends.has(topic)) continue;
      this.#ends.set(topic, endOffset);
      this.#hasNews = true;
    }
  }

  /** It has been long since the source has rested: it should, soon. */
  get needsRest(): boolean {
    if (!this.#hasNews) return false;
    return this.#sinceCommit() >= LONGEST_MS || this.#changedBytes() >= LONGEST_BYTES;
  }

  /** All rows that were written are durable, and no transaction of the source is open. */
  rest(): void {
    if (this.#hasNews && (this.#sinceCommit() >= REST_MS || this.needsRest)) this.#commit();
  }

  /**
   * Safe twice, and does not throw.
   * @param isDurable see `rest`; else what is not in the store yet is taken from the log the next time
   */
  close(isDurable = false): void {
    try {
      if (isDurable && this.#hasNews) this.#commit();
    } catch (error) {
      const { source, logger } = this.#options;
      logger('warn', 'what was kept of columns last is taken from the log again', { source, error: String(error) });
    } finally {
      this.#store?.close();
    }
  }

  #sinceCommit(): number {
    return this.#options.clock.monotonic() - this.#lastCommit;
  }

  #changedBytes(): number {
    let bytes = 0;
    for (const topic of this.#ends.keys()) bytes += this.#store!.cells(topic).changedBytes;
    return bytes;
  }

  #commit(): void {
    const store = this.#store;
    if (store === null) return;
    for (const forgotten of this.#forgotten.values()) forgotten.settle();
    for (const [topic, end] of this.#ends) {
      store.setCover(topic, end);
      store.cells(topic).changedBytes = 0;
    }
    store.lineage = this.#options.log.lineage.current;
    this.#options.failpoint('rehydrate.before-commit');
    store.commit();
    this.#options.failpoint('rehydrate.after-commit');
    this.#hasNews = false;
    this.#lastCommit = this.#options.clock.monotonic();
  }
}

function rulesOf({ columns }: TableDescription): UnsentRules {
  return new Map(columns.flatMap(({ name, unsent }) => (unsent === undefined ? [] : [[name, unsent] as const])));
}
