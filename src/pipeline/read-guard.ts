/**
 * Invariant 5 for the reader of compacted topics: what compaction has removed and the reader has not read is a `gap`, never
 * passed over. It also holds the log, so that this happens only past hold_limit.
 *
 * A reader that began with an empty target misses nothing by what had been removed before: how far that was is kept with its
 * offsets, so that it stays true when it is stopped on the way.
 */
import { TailraceError } from '../contracts/errors.ts';
import type { Hold } from '../contracts/holds.ts';
import type { Log, TopicPartition } from '../contracts/log.ts';
import type { SinkPositions } from '../contracts/sink.ts';
import { groupBeganCheckpoint } from './checkpoint-names.ts';

export class ReadGuard {
  readonly #log: Log;
  readonly #group: string;
  readonly #everyChange: boolean;
  readonly #hold: Hold | undefined;
  /** Topic and partition → offset up to which things had been removed when the reader began. */
  readonly #began = new Map<string, bigint>();

  /** @param everyChange the target keeps every change, not only the last of a row */
  constructor(log: Log, group: string, everyChange: boolean) {
    this.#log = log;
    this.#group = group;
    this.#everyChange = everyChange;
    this.#hold = log.holds?.hold(group, { everyChange });
  }

  /** Before the first read. @param empty whether the target has nothing of the partition yet */
  begin(positions: SinkPositions, empty: (place: TopicPartition) => boolean): void {
    this.moved(positions);
    for (const place of positions) {
      const saved = this.#log.checkpoints.get(this.#name(place));
      this.#began.set(this.#name(place), empty(place) ? this.#removedTo(place) : BigInt(saved ?? 0));
    }
  }

  /** The positions are durable. */
  moved(positions: SinkPositions): void {
    for (const place of positions) this.#hold?.at(place, place.next);
  }

  /** Nobody reads on: the log's cleaning waits no more. */
  release(): void {
    this.#hold?.release();
  }

  /** To be saved with the positions. */
  *checkpoints(): Generator<readonly [name: string, value: string]> {
    for (const [name, value] of this.#began) {
      if (value > 0n && this.#log.checkpoints.get(name) !== String(value)) yield [name, String(value)];
    }
  }

  /** After a read from `next` on: throws `log.compacted` when something may have been missing in it. */
  check(place: TopicPartition, next: bigint): void {
    const removedTo = this.#removedTo(place);
    if (next >= removedTo || removedTo <= (this.#began.get(this.#name(place)) ?? 0n)) return;
    const what = this.#everyChange ? 'changes' : 'deletes';
    throw new TailraceError(
      'log.compacted',
      `${place.topic}-${place.partition}: compaction has removed ${what} up to offset ${removedTo}, read so far is up to ${next}`,
      { remedy: 'empty the target and let it be filled from the log again' },
    );
  }

  #removedTo({ topic, partition }: TopicPartition): bigint {
    const info = this.#log.topics.get(topic)?.partitions[partition];
    return (this.#everyChange ? info?.compactedTo : info?.deletesRemovedTo) ?? 0n;
  }

  #name({ topic, partition }: TopicPartition): string {
    return groupBeganCheckpoint(this.#group, topic, partition);
  }
}
