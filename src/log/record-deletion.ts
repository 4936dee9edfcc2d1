import { TailraceError } from '../contracts/errors.ts';
import type { RecordDeletion as Contract } from '../contracts/log-admin.ts';
import type { CommitRecord } from './commit-record.ts';
import type { Partition } from './partition.ts';

/** Moves starts of partitions up, in a commit of its own: durable, then in effect. The files go with the next cleaning. */
export class RecordDeletion implements Contract {
  readonly #partitionOf: (topic: string, number: number) => Partition;
  readonly #append: (record: CommitRecord) => Promise<void>;

  /** @param partitionOf one that may be written to. Throws `log.no_such_topic` */
  constructor(
    partitionOf: (topic: string, number: number) => Partition,
    append: (record: CommitRecord) => Promise<void>,
  ) {
    this.#partitionOf = partitionOf;
    this.#append = append;
  }

  /** Throws `log.no_such_topic`, and `log.offset_out_of_range` above the end. Below the start nothing changes. */
  async deleteBefore(topic: string, number: number, offset: bigint): Promise<bigint> {
    const partition = this.#partitionOf(topic, number);
    if (offset > partition.end) {
      throw new TailraceError(
        'log.offset_out_of_range',
        `${topic}-${number} ends at ${partition.end}: records before ${offset} cannot be deleted`,
      );
    }
    if (offset > partition.start) await this.#append({ starts: [[topic, number, String(offset)]] });
    return partition.start;
  }
}
