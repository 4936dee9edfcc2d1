/**
 * Committed offsets of consumer groups: checkpoints of the log, under the names that Tailrace's own sinks use, so that
 * those show as groups. A sink's value is the bare offset; that of an outside group is JSON with what else a client commits.
 */
import type { Checkpoints, TopicPartition } from '../../contracts/log.ts';
import { GROUP_PREFIX, groupCheckpoint, groupPrefix, parseGroupCheckpoint } from '../checkpoint-names.ts';
import type { LogWriter } from '../log-writer.ts';

export interface CommittedOffset {
  readonly offset: bigint;
  /** Leader epoch of the last record before the offset; -1 when the client does not say. */
  readonly leaderEpoch: number;
  readonly metadata: string;
}

interface StoredOffset {
  readonly v: 1;
  readonly offset: string;
  readonly leaderEpoch: number;
  readonly metadata: string;
  /** ms since 1970. */
  readonly committedMs: number;
}

export class GroupOffsets {
  readonly #checkpoints: Checkpoints;
  readonly #writer: LogWriter;
  /** Writes that are under way. */
  readonly #pending = new Map<string, Set<Promise<unknown>>>();

  constructor(checkpoints: Checkpoints, writer: LogWriter) {
    this.#checkpoints = checkpoints;
    this.#writer = writer;
  }

  /** Resolves when the writes that were begun before are durable or failed: what is read then is the latest. */
  async settled(group: string): Promise<void> {
    await Promise.allSettled(this.#pending.get(group) ?? []);
  }

  get(group: string, { topic, partition }: TopicPartition): CommittedOffset | undefined {
    const value = this.#checkpoints.get(groupCheckpoint(group, topic, partition));
    return value === undefined ? undefined : parsed(value);
  }

  /** Partitions with an offset, by topic and partition. */
  partitionsOf(group: string): readonly TopicPartition[] {
    return this.#checkpoints
      .list(groupPrefix(group))
      .flatMap(([name]) => parseGroupCheckpoint(name) ?? [])
      .filter((place) => place.group === group);
  }

  /** Groups with an offset. */
  groups(): ReadonlySet<string> {
    const names = this.#checkpoints.list(GROUP_PREFIX).flatMap(([name]) => parseGroupCheckpoint(name) ?? []);
    return new Set(names.map(({ group }) => group));
  }

  /** Durable when it resolves; calls take effect in their order. @param now ms since 1970 */
  commit(
    group: string,
    offsets: readonly { readonly place: TopicPartition; readonly committed: CommittedOffset }[],
    now: number,
  ): Promise<void> {
    return this.#write(
      group,
      offsets.map(({ place, committed }) => [place, offsetValue(committed, now)] as const),
    );
  }

  /** Durable when it resolves. */
  remove(group: string, places: readonly TopicPartition[]): Promise<void> {
    return this.#write(
      group,
      places.map((place) => [place, null] as const),
    );
  }

  async #write(group: string, values: readonly (readonly [TopicPartition, string | null])[]): Promise<void> {
    if (values.length === 0) return;
    const write = this.#writer.commit((transaction) => {
      for (const [{ topic, partition }, value] of values) {
        transaction.checkpoint(groupCheckpoint(group, topic, partition), value);
      }
      return true;
    });
    const pending = this.#pending.get(group) ?? new Set();
    this.#pending.set(group, pending.add(write));
    try {
      await write;
    } finally {
      pending.delete(write);
      if (pending.size === 0) this.#pending.delete(group);
    }
  }
}

/** What a checkpoint holds of a commit. @param now ms since 1970 */
export function offsetValue(committed: CommittedOffset, now: number): string {
  const stored: StoredOffset = { v: 1, ...committed, offset: String(committed.offset), committedMs: now };
  return JSON.stringify(stored);
}

function parsed(value: string): CommittedOffset {
  if (!value.startsWith('{')) return { offset: BigInt(value), leaderEpoch: -1, metadata: '' };
  const { offset, leaderEpoch, metadata } = JSON.parse(value) as StoredOffset;
  return { offset: BigInt(offset), leaderEpoch, metadata };
}
