/** A transaction: small ones stay in memory until their commit, large ones go to a staged file (DESIGN § 3, Log). */
import { TailraceError } from '../contracts/errors.ts';
import type { EndOffsets, LogTransaction, PendingBatch } from '../contracts/log.ts';
import { checkBatch, isKnownValid, placeBatch, readBatchHeader } from '../wire/record-batch.ts';
import type { BatchEntry, CommitRecord } from './commit-record.ts';
import type { Partition } from './partition.ts';
import type { StagedFile } from './staged-file.ts';

/** What a transaction needs of the log. */
export interface TransactionLog {
  /** Batches of a transaction in memory above which they are staged on disk. */
  readonly stageBytes: number;
  /** That of batches that are committed now. */
  readonly leaderEpoch: number;
  /** The partition to write to. Throws `log.no_such_topic`, also when its deletion stands in the queue. */
  requireTopic(topic: string, partition: number): Partition;
  /** The offset that the next batch of the partition gets: behind everything assigned so far. */
  nextOffset(at: Partition): bigint;
  /** Reserves offsets at the partition's end; returns the base. */
  assign(at: Partition, count: bigint): bigint;
  /** Throws `log.fenced`, `log.failed`, `log.closed`. */
  checkWriter(name: string, epoch: number): void;
  createStaged(): Promise<StagedFile>;
  /** Repeats the step while the disk is full. */
  whileFull<T>(step: () => Promise<T>): Promise<T>;
  /** Resolves when the record is durable and applied. */
  commit(record: CommitRecord, data: readonly Uint8Array[], staged: StagedFile | null): Promise<void>;
  room(): Promise<void> | undefined;
  /** The writer may begin its next transaction. */
  ended(name: string, transaction: Transaction): void;
}

interface Staged extends PendingBatch {
  /** As of the append: a topic that is deleted and made again has others. */
  readonly at: Partition;
  readonly count: bigint;
}

export class Transaction implements LogTransaction {
  readonly #log: TransactionLog;
  readonly #name: string;
  readonly #epoch: number;
  readonly #checkpoints: Record<string, string | null> = Object.create(null);
  #memory: Staged[] = [];
  #memoryBytes = 0;
  #staged: StagedFile | null = null;
  readonly #stagedBatches: Omit<Staged, 'bytes'>[] = [];
  readonly #stagedSizes: number[] = [];
  #spilling: Promise<void> | null = null;
  #over = false;

  constructor(log: TransactionLog, name: string, epoch: number) {
    this.#log = log;
    this.#name = name;
    this.#epoch = epoch;
  }

  append(topic: string, partition: number, batch: Uint8Array): Promise<void> | undefined {
    this.#checkOpen();
    this.#memory.push(this.#checked({ topic, partition, bytes: batch }));
    this.#memoryBytes += batch.length;
    if (this.#memoryBytes < this.#log.stageBytes) return this.#log.room();
    const spilling = (this.#spilling ?? Promise.resolve()).then(() => this.#spill());
    this.#spilling = spilling;
    spilling.then(
      () => {
        if (this.#spilling === spilling) this.#spilling = null;
      },
      // Stays: the commit fails with it.
      () => {},
    );
    return spilling;
  }

  checkpoint(name: string, value: string | null): void {
    this.#checkOpen();
    this.#checkpoints[name] = value;
  }

  async commit(finish?: (ends: EndOffsets) => readonly PendingBatch[]): Promise<EndOffsets> {
    this.#checkOpen();
    this.#over = true;
    this.#log.ended(this.#name, this);
    const { record, data, ends } = await this.#placed(finish);
    try {
      await this.#log.commit(record, data, this.#staged);
      return ends;
    } catch (error) {
      this.#memory = [];
      // Its frame may be on disk: what that names stays until the next start has looked.
      await this.#staged?.close().catch(() => {});
      throw error;
    }
  }

  async #placed(finish: ((ends: EndOffsets) => readonly PendingBatch[]) | undefined) {
    try {
      // Whoever awaited his appends waits for nothing here: commits become durable in the order of the calls.
      if (this.#spilling !== null) await this.#spilling;
      this.#log.checkWriter(this.#name, this.#epoch);
      return this.#place(finish);
    } catch (error) {
      await this.#drop();
      throw error;
    }
  }

  /** The log closes: lets go of the staged file. A commit fails from then on. */
  async release(): Promise<void> {
    await this.#spilling?.catch(() => {});
    await this.#staged?.close().catch(() => {});
  }

  async abort(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    await this.#spilling?.catch(() => {});
    await this.#drop();
  }

  /** Offsets are assigned here, in the order of the calls; nothing waits between this and the queue of the log. */
  #place(finish: ((ends: EndOffsets) => readonly PendingBatch[]) | undefined) {
    // Offsets that were assigned and then not written would be taken for lost ones: what can fail comes first.
    for (const batch of [...this.#stagedBatches, ...this.#memory]) this.#checkTopic(batch);
    const last = (finish?.(this.#ends([...this.#stagedBatches, ...this.#memory])) ?? []).map((batch) =>
      this.#checked(batch),
    );
    const memory = [...this.#memory, ...last];
    const ends = this.#ends([...this.#stagedBatches, ...memory]);
    const entry = ({ topic, partition, at, count }: Omit<Staged, 'bytes'>, size: number): BatchEntry => {
      const base = this.#log.assign(at, count);
      return [topic, partition, String(base), String(base + count), size];
    };
    const stagedEntries = this.#stagedBatches.map((batch, i) => entry(batch, this.#stagedSizes[i]!));
    const batches = memory.map((batch): BatchEntry => {
      const placed = entry(batch, batch.bytes.length);
      placeBatch(batch.bytes, 0, BigInt(placed[2]), this.#log.leaderEpoch);
      return placed;
    });
    const data = memory.map(({ bytes }) => bytes);
    const record: CommitRecord = {
      ...(batches.length === 0 ? {} : { batches }),
      ...(this.#staged === null ? {} : { staged: { file: this.#staged.name, batches: stagedEntries } }),
      ...(Object.keys(this.#checkpoints).length === 0 ? {} : { checkpoints: this.#checkpoints }),
    };
    return { record, data, ends };
  }

  #ends(batches: readonly Omit<Staged, 'bytes'>[]): EndOffsets {
    const ends = new Map<string, { topic: string; partition: number; baseOffset: bigint; endOffset: bigint }>();
    for (const { topic, partition, at, count } of batches) {
      const name = `${topic}\0${partition}`;
      const baseOffset = this.#log.nextOffset(at);
      const known = ends.get(name) ?? { topic, partition, baseOffset, endOffset: baseOffset };
      known.endOffset += count;
      ends.set(name, known);
    }
    return [...ends.values()];
  }

  #checked({ topic, partition, bytes }: PendingBatch): Staged {
    const at = this.#log.requireTopic(topic, partition);
    if (!isKnownValid(bytes) && checkBatch(bytes, 0, bytes.length) !== bytes.length) {
      throw new TailraceError('log.invalid_batch', 'more than one batch was handed over at once');
    }
    return { topic, partition, at, bytes, count: BigInt(readBatchHeader(bytes, 0).lastOffsetDelta) + 1n };
  }

  /** Throws when the topic of the append is not there any more. */
  #checkTopic({ topic, partition, at }: Omit<Staged, 'bytes'>): void {
    if (this.#log.requireTopic(topic, partition) === at) return;
    throw new TailraceError('log.no_such_topic', `the topic ${topic} was deleted, and is another one now`);
  }

  async #spill(): Promise<void> {
    const batches = this.#memory.splice(0);
    if (batches.length === 0) return;
    this.#memoryBytes = 0;
    const data = batches.map(({ bytes }) => bytes);
    try {
      this.#staged ??= await this.#log.whileFull(() => this.#log.createStaged());
      const staged = this.#staged;
      await this.#log.whileFull(() => staged.append(data));
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
      throw new TailraceError('log.failed', `a large transaction could not be put on disk (${code})`, { cause });
    }
    for (const { bytes, ...batch } of batches) {
      this.#stagedBatches.push(batch);
      this.#stagedSizes.push(bytes.length);
    }
  }

  async #drop(): Promise<void> {
    this.#log.ended(this.#name, this);
    this.#memory = [];
    const staged = this.#staged;
    this.#staged = null;
    // Left behind, it is removed at the next start.
    await staged?.remove().catch(() => {});
  }

  #checkOpen(): void {
    if (this.#over) throw new TailraceError('internal.bug', `the transaction of ${this.#name} has ended`);
  }
}
