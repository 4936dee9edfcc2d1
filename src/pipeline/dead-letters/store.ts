/**
 * The dead letters of one sink that somebody or something waits for, and the only place that writes their topic. The task
 * of the sink and people change letters at the same time: whoever changes one holds the store's turn.
 */
import type { Envelope } from '../../contracts/envelope.ts';
import type { Log, LogRecord, LogTransaction } from '../../contracts/log.ts';
import type { Clock } from '../../contracts/plugin.ts';
import { deadLetterTopic, retryTopic } from '../checkpoint-names.ts';
import { byVersion, type Entry, isWaiting } from './entry.ts';
import { type Kept, readLetters, readWhole, withoutBytes } from './topic.ts';

/** Encoded entries of one batch, in bytes, about. */
const BATCH_BYTES = 512 << 10;

export interface StoreOptions {
  readonly log: Log;
  readonly envelope: Envelope;
  readonly clock: Clock;
  readonly pipeline: string;
  readonly sink: string;
  /** Called when there is something new in the topic of retries. */
  readonly sent: () => void;
}

export type Entries = readonly (readonly [id: string, entry: Entry])[];

/** A letter that is sent again: its entry, and the record for the topic of retries. */
export interface Retry {
  readonly id: string;
  readonly entry: Entry;
  readonly record: Omit<LogRecord, 'offset' | 'timestamp'>;
}

export class LetterStore {
  readonly #options: StoreOptions;
  readonly #waiting = new Map<string, Kept>();
  /** Row → ids of the letters that hold it. */
  readonly #rows = new Map<string, Set<string>>();
  #epoch = 0;
  #loaded: Promise<void> | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  get name(): string {
    const { pipeline, sink } = this.#options;
    return `${pipeline}/${sink}`;
  }

  get waiting(): ReadonlyMap<string, Kept> {
    return this.#waiting;
  }

  get hasRows(): boolean {
    return this.#rows.size > 0;
  }

  /** Ids of the letters that hold a row; empty when none does. */
  ofRow(row: string): ReadonlySet<string> {
    return this.#rows.get(row) ?? NONE;
  }

  /** Held letters of rows that nothing open or under way stands before, the older ones first. */
  *freed(): Generator<string> {
    for (const ids of this.#rows.values()) {
      const list = [...ids].map((id) => ({ id, entry: this.#waiting.get(id)!.entry }));
      if (list.some(({ entry }) => entry.state !== 'held')) continue;
      for (const { id } of list.sort((a, b) => byVersion(a.entry, b.entry))) yield id;
    }
  }

  /** Creates the topic, takes over as its writer and reads what waits: once, unless it failed. */
  load(): Promise<void> {
    this.#loaded ??= this.#load().catch((error: unknown) => {
      this.#loaded = null;
      throw error;
    });
    return this.#loaded;
  }

  /** One after the other: what `work` has looked at stays so until it ends. */
  turn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** The letter with its bytes. */
  async whole(id: string): Promise<Entry | undefined> {
    const kept = this.#waiting.get(id);
    if (kept === undefined) return undefined;
    return readWhole(this.#options.log, this.#options.pipeline, id, kept.at);
  }

  /** Durable when it resolves. Only in a turn. @param transaction somebody's, whose commit this becomes a part of */
  async write(entries: Entries, transaction?: LogTransaction): Promise<void> {
    if (entries.length === 0 && transaction === undefined) return;
    const written = transaction ?? this.#begin();
    const topic = deadLetterTopic(this.#options.pipeline);
    for (const batch of this.#batches(entries)) await written.append(topic, 0, batch);
    const ends = await written.commit();
    this.#keep(entries, ends.find((end) => end.topic === topic)?.baseOffset ?? 0n);
  }

  /**
   * Puts records into the topic of retries and marks their letters with the offsets, all in one commit: a letter is either
   * as it was or on its way (Invariant 3).
   */
  async send(retries: readonly Retry[]): Promise<void> {
    if (retries.length === 0) return;
    const { log, envelope, clock, pipeline, sink } = this.#options;
    const topic = retryTopic(pipeline, sink);
    await log.topics.ensure(topic, { partitions: 1, cleanup: 'delete' });
    const transaction = this.#begin();
    const now = clock.now();
    for (const batch of batchesOf(
      retries.map(({ record }) => record),
      (records) => envelope.batch(records, now),
    )) {
      await transaction.append(topic, 0, batch);
    }
    let entries: Entries = [];
    const ends = await transaction.commit((sent) => {
      const base = sent.find((end) => end.topic === topic)!.baseOffset;
      entries = retries.map(({ id, entry }, i) => [id, { ...entry, retry: String(base + BigInt(i)) }] as const);
      return this.#batches(entries).map((bytes) => ({ topic: deadLetterTopic(pipeline), partition: 0, bytes }));
    });
    this.#keep(entries, ends.find((end) => end.topic === deadLetterTopic(pipeline))!.baseOffset);
    this.#options.sent();
  }

  async #load(): Promise<void> {
    const { log, pipeline } = this.#options;
    await log.topics.ensure(deadLetterTopic(pipeline), { partitions: 1, cleanup: 'compact' });
    this.#epoch = await log.fence(`dead-letters/${this.name}`);
    this.#waiting.clear();
    this.#rows.clear();
    for (const [id, kept] of await readLetters(log, pipeline, `${this.name}/`)) this.#remember(id, kept);
  }

  #begin(): LogTransaction {
    return this.#options.log.begin(`dead-letters/${this.name}`, this.#epoch);
  }

  #batches(entries: Entries): Uint8Array[] {
    const { envelope, clock } = this.#options;
    const records = entries.map(([id, entry]) => ({
      key: Buffer.from(id),
      value: Buffer.from(JSON.stringify(entry)),
    }));
    return batchesOf(records, (list) => envelope.batch(list, clock.now()));
  }

  #keep(entries: Entries, base: bigint): void {
    for (const [i, [id, entry]] of entries.entries()) {
      this.#remember(id, { entry: withoutBytes(entry), at: base + BigInt(i) });
    }
  }

  #remember(id: string, kept: Kept): void {
    const { row } = kept.entry;
    if (isWaiting(kept.entry)) {
      this.#waiting.set(id, kept);
      if (row !== null) this.#rows.set(row, new Set([...this.ofRow(row), id]));
      return;
    }
    const before = this.#waiting.get(id)?.entry.row ?? row;
    this.#waiting.delete(id);
    if (before === null) return;
    const rest = new Set(this.ofRow(before));
    rest.delete(id);
    if (rest.size === 0) this.#rows.delete(before);
    else this.#rows.set(before, rest);
  }
}

const NONE: ReadonlySet<string> = new Set();

function batchesOf<T extends { readonly value: Uint8Array | null }>(
  records: readonly T[],
  encode: (records: readonly T[]) => Uint8Array,
): Uint8Array[] {
  const batches: Uint8Array[] = [];
  let list: T[] = [];
  let bytes = 0;
  for (const record of records) {
    list.push(record);
    bytes += record.value?.length ?? 0;
    if (bytes < BATCH_BYTES) continue;
    batches.push(encode(list));
    list = [];
    bytes = 0;
  }
  if (list.length > 0) batches.push(encode(list));
  return batches;
}
