/**
 * Snapshots that a sink is in the midst of, table by table: until their end its target holds states that the source never had,
 * also under `consistency: transactional`. Kept with the sink's offsets, in the same commits.
 */
import type { Log, LogTransaction } from '../contracts/log.ts';
import type { SinkPositions } from '../contracts/sink.ts';
import { snapshotsCheckpoint } from './checkpoint-names.ts';
import { type ReadRecord, type ReadRecordOptions, readRecord, recordsOf } from './sink-reader.ts';

export class OpenSnapshots {
  readonly #log: Pick<Log, 'topics' | 'checkpoints'>;
  readonly #name: string;
  #topics = new Set<string>();
  #kept: string | null = null;

  constructor(log: Pick<Log, 'topics' | 'checkpoints'>, group: string) {
    this.#log = log;
    this.#name = snapshotsCheckpoint(group);
    this.#load();
  }

  get any(): boolean {
    return this.#topics.size > 0;
  }

  /** A target that has more than was committed has seen markers that are looked up in the log. */
  async resume(options: ReadRecordOptions, committed: SinkPositions, start: SinkPositions): Promise<void> {
    this.#load();
    for (const { topic, partition, next } of start) {
      const first = this.#log.topics.get(topic)?.partitions[partition]?.startOffset ?? next;
      if (next <= first) this.#topics.delete(topic);
      const known = committed.find((position) => position.topic === topic && position.partition === partition);
      const from = known === undefined || known.next < first ? first : known.next;
      await this.#lookUp(options, { topic, partition, from, next });
    }
  }

  /** Records as they are delivered. */
  see(records: Iterable<ReadRecord>): void {
    for (const { topic, change } of records) {
      if (change?.op === 'snapshot-begin') this.#topics.add(topic);
      else if (change?.op === 'snapshot-end') this.#topics.delete(topic);
    }
  }

  /** Puts what has changed into the commit of the offsets. */
  stage(transaction: LogTransaction): void {
    const text = this.any ? JSON.stringify([...this.#topics].sort()) : null;
    if (text === this.#kept) return;
    transaction.checkpoint(this.#name, text);
    this.#kept = text;
  }

  #load(): void {
    this.#kept = this.#log.checkpoints.get(this.#name) ?? null;
    this.#topics = new Set(this.#kept === null ? [] : (JSON.parse(this.#kept) as string[]));
  }

  async #lookUp(
    options: ReadRecordOptions,
    { topic, partition, from, next }: { topic: string; partition: number; from: bigint; next: bigint },
  ): Promise<void> {
    for (let at = from; at < next; ) {
      const batches = await options.log.read(topic, partition, at, options.maxBytes / 2);
      if (batches.length === 0) return;
      await options.schemas.catchUp();
      const raw = [...recordsOf(batches, at)].filter(({ offset }) => offset < next);
      this.see(raw.map((one) => readRecord(options, { topic, partition }, one)));
      at = batches.at(-1)!.nextOffset;
    }
  }
}
