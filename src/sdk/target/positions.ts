/** Positions that a target keeps beside its data: what may be resumed, and who may write. */
import { TailraceError } from '../../contracts/errors.ts';
import type { Lineage, TopicPartition } from '../../contracts/log.ts';
import type { SinkPositions, SinkRecord } from '../../contracts/sink.ts';

/** One row of `_tr_offsets`. */
export interface StoredPosition extends TopicPartition {
  readonly next: bigint;
  /** Lineage id of the log's opening under which it was written. */
  readonly lineage: string;
  readonly generation: number;
  readonly epoch: number;
}

/** Deletes are remembered this long (DESIGN § 8). */
export const DELETED_HOLD_MS = 7 * 24 * 3_600_000;

/**
 * Positions to resume from. Empty when the target holds none at all: it is new or was emptied, and gets everything. Null when
 * it holds only those of earlier generations, which are not obeyed. One of this generation that the log does not cover, or of a
 * later one, means that the target was fed by another log (DESIGN § 6, Lineage): throws `sink.other_log`.
 */
export function resumeFrom(
  stored: readonly StoredPosition[],
  options: { readonly id: string; readonly generation: number; readonly lineage: Lineage },
): SinkPositions | null {
  const own = stored.filter(({ generation }) => generation === options.generation);
  for (const { lineage, topic, partition, next, generation } of stored) {
    // A generation that this log has not come to is another log's, or of a later state of this one that was lost.
    const isKnown = generation < options.generation || options.lineage.covers(lineage, topic, partition, next);
    if (isKnown && generation <= options.generation) continue;
    throw new TailraceError(
      'sink.other_log',
      `the target's position of ${options.id} in ${topic} was not written from this log`,
      {
        remedy:
          'use the data directory that fed this target; or `tailrace adopt PIPELINE/SINK`, which reads the tables again and ' +
          'removes what is not in them; or `tailrace rebuild PIPELINE/SINK`; or an empty target under another sink name',
      },
    );
  }
  if (own.length === 0 && stored.length > 0) return null;
  return own.map(({ topic, partition, next }) => ({ topic, partition, next }));
}

/** Throws `sink.fenced` when a newer writer has been here. */
export function checkEpoch(stored: readonly StoredPosition[], epoch: number, id: string): void {
  if (stored.some((position) => position.epoch > epoch)) {
    throw new TailraceError('sink.fenced', `a newer instance writes to the target of ${id}`, {
      remedy: 'stop one of the two instances',
    });
  }
}

/**
 * Where reading would have to start for these records: stored before the first of them is written, so that the target is
 * known to be fed by this log from then on (DESIGN § 6, Lineage).
 */
export function startOf(records: readonly SinkRecord[]): SinkPositions {
  const first = new Map<string, TopicPartition & { readonly next: bigint }>();
  let last: SinkRecord | undefined;
  for (const record of records) {
    const { topic, partition, offset } = record;
    if (last?.topic === topic && last.partition === partition) continue;
    last = record;
    const name = nameOf({ topic, partition });
    if (!first.has(name)) first.set(name, { topic, partition, next: offset });
  }
  return [...first.values()];
}

/** Positions of several batches, the later ones winning. */
export function mergePositions(earlier: SinkPositions | null, later: SinkPositions): SinkPositions {
  const named = (positions: SinkPositions) => positions.map((position) => [nameOf(position), position] as const);
  return [...new Map([...named(earlier ?? []), ...named(later)]).values()];
}

/** What a session believes that the target holds; told from what it holds when another writer got in between. */
export class KnownPositions {
  /** Of any generation: what the target holds. */
  readonly #held = new Map<string, bigint>();
  /** Of this generation: what need not be written again. */
  readonly #own = new Map<string, bigint>();

  constructor(stored: readonly StoredPosition[] = [], generation = 0) {
    for (const position of stored) this.#held.set(nameOf(position), position.next);
    this.remember(stored.filter((position) => position.generation === generation));
  }

  remember(positions: SinkPositions): void {
    for (const position of positions) {
      this.#held.set(nameOf(position), position.next);
      this.#own.set(nameOf(position), position.next);
    }
  }

  /** Those of `positions` that the target does not hold yet. */
  changed(positions: SinkPositions): SinkPositions {
    return positions.filter((position) => this.#own.get(nameOf(position)) !== position.next);
  }

  /** Those of `positions` in partitions of which the target holds no position of this generation. */
  absent(positions: SinkPositions): SinkPositions {
    return positions.filter((position) => !this.#own.has(nameOf(position)));
  }

  /** Throws a `retry` class error when the stored positions are not the ones read at open: open again and resume there. */
  verify(stored: SinkPositions, id: string): void {
    const same = stored.every((position) => this.#held.get(nameOf(position)) === position.next);
    if (same && stored.length === this.#held.size) return;
    throw new TailraceError('sink.unreachable', `the positions of ${id} in the target moved since they were read`);
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}\0${partition}`;
}
