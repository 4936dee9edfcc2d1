/**
 * Brings the kept values of one topic up to the end of the log. What was not sent and filled in stands in a record like what
 * was sent, so a value of a small row that equals the kept one is taken to have been filled in: to keep it is never wrong.
 */
import type { Envelope, SchemaStore } from '../../contracts/envelope.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { Log, LogRecord, PartitionInfo } from '../../contracts/log.ts';
import type { Change, RowOp } from '../../contracts/row.ts';
import type { UnsentRule } from '../../contracts/schema.ts';
import type { ColumnStore } from './column-store.ts';
import { LastForgotten, StoredTableMemory } from './table-memory.ts';
import type { TopicCells } from './topic-cells.ts';
import { UnsentColumns } from './unsent-columns.ts';

const READ_BYTES = 1 << 20;
/** Invariant 10: the store's transaction is ended beyond. */
const COMMIT_BYTES = 32 << 20;
const OPS: { readonly [op in Change['op']]?: RowOp } = { insert: 'c', update: 'u', snapshot: 'r' };

export interface FollowerOptions {
  readonly topic: string;
  readonly log: Log;
  readonly envelope: Envelope;
  /** All schemas that the topic's records name. */
  readonly schemas: SchemaStore;
  readonly store: ColumnStore;
  /** For columns that the log describes without, by name. */
  readonly rules: ReadonlyMap<string, UnsentRule>;
  /** Before this offset the topic says nothing of the rows as they are: changes are missing in between. */
  readonly since: bigint;
  /** Where the store has followed the topic to; null: nowhere that is of use. */
  readonly cover: bigint | null;
}

interface TableVersion {
  readonly memory: StoredTableMemory;
  readonly unsent: UnsentColumns;
  readonly ids: readonly number[];
}

export class LogFollower {
  readonly #options: FollowerOptions;
  readonly #cells: TopicCells;
  readonly #forgotten: LastForgotten;
  readonly #versions = new Map<string, TableVersion>();
  records = 0;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#cells = options.store.cells(options.topic);
    this.#forgotten = new LastForgotten(this.#cells);
  }

  /**
   * Resolves to the topic's end. Throws `source.rehydrate`; rejects with the signal's reason when it aborts. Of what stands in a
   * damaged part of the log, or before it, nothing is known: it stays not sent.
   */
  async run(signal: AbortSignal): Promise<bigint> {
    const partition = this.#partition();
    if (partition === undefined) return 0n;
    try {
      await this.#follow(partition, signal);
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code === 'log.damaged') this.#cells.clear();
      else if (code === 'log.offset_out_of_range') throw removedMeanwhile(this.#options.topic, error);
      else throw error;
    }
    this.#forgotten.settle();
    return partition.endOffset;
  }

  async #follow(partition: PartitionInfo, signal: AbortSignal): Promise<void> {
    const { log, topic, since, store } = this.#options;
    const { startOffset, endOffset } = partition;
    const cover = this.#usableCover(partition);
    if (cover === null) this.#cells.clear();
    // Else the rows as they were before the start are unknown.
    const isUnbroken = cover !== null || startOffset <= since;
    for (let next = cover ?? (isUnbroken ? since : startOffset); next < endOffset; ) {
      signal.throwIfAborted();
      const batches = await log.read(topic, 0, next, READ_BYTES);
      // Asked after the read: compaction may have come between.
      const compactedTo = this.#partition()?.compactedTo ?? 0n;
      for (const batch of batches) {
        for (const record of batch.records()) {
          // A batch may begin before what was asked for.
          if (record.offset >= next) this.#take(record, isUnbroken && record.offset >= compactedTo);
        }
        next = batch.nextOffset;
      }
      // Between a delete and the row that follows it under a changed key there is no place to go on from.
      if (this.#cells.changedBytes >= COMMIT_BYTES && this.#forgotten.key === null) {
        this.#cells.changedBytes = 0;
        store.setCover(topic, next);
        store.lineage = log.lineage.current;
        store.commit();
      }
    }
  }

  #partition(): PartitionInfo | undefined {
    return this.#options.log.topics.get(this.#options.topic)?.partitions[0];
  }

  /** Null: deletes, or all, of what followed cannot be had any more. */
  #usableCover({ startOffset, endOffset, deletesRemovedTo = 0n }: PartitionInfo): bigint | null {
    const { cover, since } = this.#options;
    if (cover === null || cover > endOffset) return null;
    // At the place itself: what is kept is from before it.
    if (since > 0n && cover <= since) return null;
    return cover < startOffset || cover < deletesRemovedTo ? null : cover;
  }
  #take(record: LogRecord, isUnbroken: boolean): void {
    const { envelope, schemas } = this.#options;
    const change = envelope.decode(record, schemas);
    this.records++;
    if (change === null || record.key === null) return;
    if (change.op === 'truncate') {
      this.#forgotten.settle();
      this.#cells.clear();
    } else if (change.op === 'delete') this.#forgotten.forget(record.key);
    else this.#keep(change, record.key, isUnbroken);
  }

  #keep(change: Change, key: Uint8Array, isUnbroken: boolean): void {
    const { after } = change;
    const op = OPS[change.op];
    if (op === undefined || after === null) return;
    const { memory, unsent, ids } = this.#versionOf(change);
    if (ids.length === 0) return;
    const values = unsent.kept.map(({ index }) => after.bytes(index));
    const together = values.reduce((sum, value) => sum + (value?.length ?? 0), key.length);
    const isWhole = isUnbroken && op !== 'r';
    if (!values.includes(undefined) && memory.skips(together, isWhole)) return;
    const former = op === 'c' ? this.#forgotten.key : key;
    const mayEqual = isWhole && former !== null && unsent.isSmallRow(together);
    const recalled = values.map(
      (value, place) => mayEqual && value !== undefined && isEqual(this.#cells.get(former, ids[place]!), value),
    );
    memory.keep({ op, isWhole, key, recalled, ...placed(values) });
  }

  #versionOf({ table }: Change): TableVersion {
    const known = this.#versions.get(table.id);
    if (known !== undefined) return known;
    const { store, topic, rules } = this.#options;
    const unsent = new UnsentColumns(table, rules);
    const memory = new StoredTableMemory(unsent, this.#cells, this.#forgotten, (column) =>
      store.columnId(topic, column),
    );
    const version = { memory, unsent, ids: unsent.kept.map(({ column }) => store.columnId(topic, column)) };
    this.#versions.set(table.id, version);
    return version;
  }
}

function removedMeanwhile(topic: string, cause: unknown): TailraceError {
  return new TailraceError('source.rehydrate', `records of ${topic} were removed while they were read`, {
    remedy: 'nothing need be done: those that remain are read again',
    cause,
  });
}

function isEqual(kept: Uint8Array | undefined, value: Uint8Array): boolean {
  return kept !== undefined && Buffer.compare(kept, value) === 0;
}

/** The values one behind the other. */
function placed(values: readonly (Uint8Array | undefined)[]) {
  const from: number[] = [];
  const to: number[] = [];
  let at = 0;
  for (const value of values) {
    from.push(value === undefined ? -1 : at);
    at += value?.length ?? 0;
    to.push(value === undefined ? -1 : at);
  }
  return { bytes: Buffer.concat(values.filter((value) => value !== undefined)), from, to };
}
