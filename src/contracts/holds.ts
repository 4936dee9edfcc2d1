/**
 * Readers that the log's cleaning waits for (DESIGN § 5): Tailrace's own sinks. A hold lives as long as the process; whoever
 * holds says so again at each start, before anything is deleted.
 *
 * What a hold keeps beyond the topics' own settings is limited, in time and bytes. Past the limit the log is cleaned all the
 * same: the reader then stands below the start of a partition (`log.offset_out_of_range`), or below the offsets that
 * `PartitionInfo.compactedTo` and `deletesRemovedTo` name, and has a `gap` (Invariant 5). DeleteRecords goes past every hold.
 */
import type { TopicPartition } from './log.ts';

export interface Holds {
  /** @param name of the reader, for messages. Holds of equal names are separate. */
  hold(name: string, needs: HoldNeeds): Hold;
}

export interface HoldNeeds {
  /** The reader needs every change: nothing above its position is compacted. Otherwise only deletion waits, of records and of deletes. */
  readonly everyChange: boolean;
}

export interface Hold {
  /** The reader goes on at `offset` after a restart. Cheap: to be called whenever that has become durable. Null: not reading it. */
  at(partition: TopicPartition, offset: bigint | null): void;
  /** Ends the hold. Twice without error. */
  release(): void;
}
