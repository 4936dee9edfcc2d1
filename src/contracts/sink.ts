/** What a sink connector implements and what the runtime gives it. */
import type { TailraceError } from './errors.ts';
import type { Lineage, TopicPartition } from './log.ts';
import type { ConnectorContext } from './plugin.ts';
import type { Change } from './row.ts';

/** A change with its place in the log. Unique and increasing per partition: what an idempotent sink dedupes on. */
export interface SinkRecord extends TopicPartition {
  readonly offset: bigint;
  readonly change: Change;
}

/** Next offset to read, per topic-partition. */
export type SinkPositions = readonly (TopicPartition & { readonly next: bigint })[];

export interface SinkBatch {
  /** In log order per partition, hence in source order per key (Invariant 6). Tombstones are left out. May be empty. */
  readonly records: readonly SinkRecord[];
  /** Positions after this batch, for the partitions it read. */
  readonly next: SinkPositions;
  /** Fencing epoch of this writer; a target that stores positions refuses a lower one (`sink.fenced`). */
  readonly epoch: number;
}

/** A record the target will never accept. A failed connection is not a rejection: throw for that. */
export interface Rejection {
  readonly record: SinkRecord;
  /** Class `poison`; `detail` keeps the server's full text for the dead letter. */
  readonly error: TailraceError;
}

/**
 * Calls come one at a time, in the order write, (dead letters by the runtime), flush, commit by the runtime (Invariant 2).
 * After a throw of class `retry` the runtime closes the sink, opens it again with backoff and repeats from the last
 * committed position; so every write may be a repeat and must be idempotent, with the version guard of DESIGN § 6
 * (Invariant 7): refuse only strictly older versions, apply equal ones again.
 */
export interface Sink {
  /** Applies the batch in order, in bulk, splitting to find poison records. May leave it uncommitted until `flush`. */
  write(batch: SinkBatch, signal: AbortSignal): Promise<readonly Rejection[]>;
  /** Makes everything written so far, and the positions of those batches where the target stores them, durable together. */
  flush(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface OpenSink {
  readonly sink: Sink;
  /**
   * Positions the target holds for this sink: they win over the log's own checkpoint, and a partition that is not among
   * them is read from its start, because the target, new or emptied, has nothing of it. Null when the target keeps no
   * positions, or only those of another generation: then the log's checkpoint holds. Positions of another log throw
   * `sink.other_log`.
   */
  readonly resume: SinkPositions | null;
}

export interface SinkOpenOptions<C> {
  readonly config: C;
  /** `<pipeline>.<sink>`: names stored positions in the target. */
  readonly id: string;
  readonly pipeline: string;
  /** Bumped by seek and replay; a stored position of another generation is not obeyed. */
  readonly generation: number;
  readonly lineage: Lineage;
  /** Memory for buffers of this sink, in bytes (Invariant 10). */
  readonly maxBytes: number;
  readonly context: ConnectorContext;
}
