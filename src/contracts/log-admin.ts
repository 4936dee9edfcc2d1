/**
 * What clients of the Kafka listener may ask of a log beyond `Log`. Every part is optional: the listener offers only what
 * the given parts make possible. Names, values and meanings of configuration are Kafka's.
 */
import type { StoredBatch, TopicInfo } from './log.ts';

export interface LogAdmin {
  readonly topics?: TopicAdmin;
  readonly times?: TimeIndex;
  readonly retention?: RecordDeletion;
  readonly epochs?: LeaderEpochs;
}

/**
 * Settings of one topic that differ from the default, by Kafka's names: cleanup.policy, retention.ms, retention.bytes,
 * segment.bytes, segment.ms, delete.retention.ms, min.compaction.lag.ms, max.compaction.lag.ms,
 * min.cleanable.dirty.ratio, max.message.bytes. Values are checked before the log gets them.
 */
export type TopicConfig = Readonly<Record<string, string>>;

export interface TopicDetails extends TopicInfo {
  /** 32 hex digits, random at creation: a topic that is deleted and made again has another. */
  readonly id: string;
  readonly config: TopicConfig;
}

export interface TopicAdmin {
  describe(name: string): TopicDetails | undefined;
  /** Durable when it resolves. The name is valid and not in use. */
  create(name: string, options: { readonly partitions: number; readonly config: TopicConfig }): Promise<TopicDetails>;
  /**
   * Changes settings (null: back to the default) and adds partitions (the new total). Durable when it resolves, and in
   * effect for what is appended later.
   */
  alter(
    name: string,
    change: { readonly partitions?: number; readonly config?: Readonly<Record<string, string | null>> },
  ): Promise<void>;
  /** Durable when it resolves. Readers and commits that name the topic fail with `log.no_such_topic` from then on. */
  delete(name: string): Promise<void>;
}

/** Time lookup. Time of a batch is the largest of its records, which its header says. */
export interface TimeIndex {
  /**
   * The first batch that ends above `from` and has a record at or after the time; null when there is none.
   * @param timestamp ms since 1970
   */
  firstSince(topic: string, partition: number, from: bigint, timestamp: number): Promise<StoredBatch | null>;
  /** The first batch with the largest time in the partition; null when it is empty. */
  newest(topic: string, partition: number): Promise<StoredBatch | null>;
}

export interface RecordDeletion {
  /** Moves the start of the partition up to `offset`, which lies inside it. Durable; resolves to the start. */
  deleteBefore(topic: string, partition: number, offset: bigint): Promise<bigint>;
}

/** Kafka's leader epochs: the number that stored batches carry, one more at each opening of the log that writes. */
export interface LeaderEpochs {
  current(topic: string, partition: number): number;
  /**
   * The largest epoch not above `epoch` that wrote to the partition, and where it ended (for the newest: the end of the
   * partition). Null when there is none.
   */
  endOf(topic: string, partition: number, epoch: number): { readonly epoch: number; readonly endOffset: bigint } | null;
}
