/**
 * The durable log. `src/log` implements it on one disk; a Kafka cluster can implement the same.
 * Offsets are bigint at this border.
 */

import type { Holds } from './holds.ts';

export interface LogRecord {
  readonly offset: bigint;
  /** ms since 1970. */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[];
  /** Where its parts are stored: for readers that make nothing of most records. */
  readonly stored?: StoredRecord;
}

/** Places in the bytes of a batch, or in what it decompresses to. */
export interface StoredRecord {
  readonly bytes: Uint8Array;
  readonly keyAt: number;
  /** -1: null, as the value's. */
  readonly keyLength: number;
  readonly valueAt: number;
  readonly valueLength: number;
  /** Kafka's record format from the count of the headers on. */
  readonly headersAt: number;
}

/** A Kafka RecordBatch v2 exactly as stored. */
export interface StoredBatch {
  readonly baseOffset: bigint;
  /** One past the last offset. Not baseOffset + count: compaction leaves holes. */
  readonly nextOffset: bigint;
  readonly bytes: Uint8Array;
  /** Decodes on demand. Keys, values and headers are views into `bytes`, or into what it decompresses to. */
  records(): Iterable<LogRecord>;
}

/**
 * Memory that a reader lends for one read: what the log has to fetch from disk is put there. The batches are views into it, so
 * whoever takes it back for another use must have done with them.
 */
export interface ReadMemory {
  /** So many bytes, holding anything. Called any number of times; each call gives other memory. */
  take(bytes: number): Buffer;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A batch on its way into the log: RecordBatch v2 bytes with base offset 0. The log owns the bytes afterwards. */
export interface PendingBatch extends TopicPartition {
  readonly bytes: Uint8Array;
}

/** End offsets after a commit: one past the last record of each partition that the transaction wrote. */
export type EndOffsets = readonly (TopicPartition & { readonly baseOffset: bigint; readonly endOffset: bigint })[];

/**
 * Records of any number of topic-partitions and the checkpoints that cover them, durable together or not at all
 * (Invariant 3). Not concurrent: one caller. Nothing is visible to readers before all of it is durable (Invariant 8).
 */
export interface LogTransaction {
  /**
   * Stages a batch. The topic must exist. Large transactions are staged on disk: await the returned promise, it is the
   * back-pressure (undefined: go on at once).
   */
  append(topic: string, partition: number, batch: Uint8Array): Promise<void> | undefined;
  /** Sets (string) or removes (null) a checkpoint with this commit. The last call per name wins. */
  checkpoint(name: string, value: string | null): void;
  /**
   * Resolves when everything is durable and visible. `finish`, called once when offsets are assigned and before anything
   * is durable, may return further batches that join the same commit. Commits of one log become durable in call order;
   * a second commit may be called while the first is still being synced. Throws `log.fenced` for an older epoch.
   */
  commit(finish?: (ends: EndOffsets) => readonly PendingBatch[]): Promise<EndOffsets>;
  /** Drops what was staged. Safe after a failed commit, and twice. */
  abort(): Promise<void>;
}

export interface TopicSettings {
  readonly partitions: number;
  readonly cleanup: 'compact' | 'delete';
}

export interface PartitionInfo {
  readonly partition: number;
  readonly startOffset: bigint;
  /** One past the last durable record: the high watermark (Invariant 8). */
  readonly endOffset: bigint;
  readonly sizeBytes: number;
  /**
   * Below it, compaction has left of each key only the last record (and all records without a key). A reader that needs every
   * change and stands below it has a `gap`. Absent: 0.
   */
  readonly compactedTo?: bigint;
  /**
   * One past the last delete that compaction has removed. A reader that stands below it may never hear of that delete: it has a
   * `gap` unless its target starts empty (Invariant 5). Absent: 0.
   */
  readonly deletesRemovedTo?: bigint;
}

export interface TopicInfo {
  readonly name: string;
  readonly settings: TopicSettings;
  readonly partitions: readonly PartitionInfo[];
}

export interface Topics {
  /** Creates the topic if it is absent, durably; returns it. Throws on other settings than the existing ones' partitions. */
  ensure(name: string, settings: TopicSettings): Promise<TopicInfo>;
  get(name: string): TopicInfo | undefined;
  list(): readonly TopicInfo[];
}

export interface Checkpoints {
  /** The durable value, or undefined. */
  get(name: string): string | undefined;
  /** Names and values below a prefix, sorted by name. */
  list(prefix: string): readonly (readonly [name: string, value: string])[];
}

export interface Log {
  readonly topics: Topics;
  readonly checkpoints: Checkpoints;
  readonly lineage: Lineage;
  /** Absent: cleaning waits for nobody. */
  readonly holds?: Holds;
  /** A new transaction of the writer `name`. A writer has one at a time: throws `internal.bug` while one is uncommitted. */
  begin(name: string, epoch: number): LogTransaction;
  /** Takes over the writer `name`, durably: its epoch + 1. Commits with older epochs fail with `log.fenced`. */
  fence(name: string): Promise<number>;
  /**
   * Whole batches from the one that holds `offset`, at least one if any exists, about `maxBytes`. Never waits: empty at
   * the end. Throws `log.offset_out_of_range` below the start or above the end (Invariant 5).
   * @param memory absent: the batches are the caller's for as long as it keeps them
   */
  read(
    topic: string,
    partition: number,
    offset: bigint,
    maxBytes: number,
    memory?: ReadMemory,
  ): Promise<readonly StoredBatch[]>;
  /** Resolves when any partition's end lies above the given offset; rejects with the signal's reason when it aborts. */
  waitFor(positions: readonly (TopicPartition & { readonly offset: bigint })[], signal: AbortSignal): Promise<void>;
}

/** DESIGN § 6, Lineage. An id is added durably at each open; a stored position names the id it was written under. */
export interface Lineage {
  /** Id of this opening: 16 hex digits. */
  readonly current: string;
  /**
   * True when `id` is an opening of this log and `offset` is not past what that opening wrote in the partition
   * (the current opening: not past the end).
   */
  covers(id: string, topic: string, partition: number, offset: bigint): boolean;
}
