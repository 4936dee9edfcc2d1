/**
 * Where a sink stands, as the log keeps it: the offsets of its group, its generation, and a replay that is under way.
 */
import { TailraceError } from '../contracts/errors.ts';
import type { Log, LogTransaction } from '../contracts/log.ts';
import type { SinkPositions } from '../contracts/sink.ts';
import { generationCheckpoint, groupCheckpoint } from './checkpoint-names.ts';

export type StateOfGroups = Pick<Log, 'topics' | 'checkpoints'>;

export class GroupPositions {
  readonly #log: StateOfGroups;
  readonly #group: string;
  readonly #topics: readonly string[];
  /** Read as well once it exists. */
  readonly #retries: string;

  constructor(log: StateOfGroups, group: string, topics: readonly string[], retries: string) {
    this.#log = log;
    this.#group = group;
    this.#topics = topics;
    this.#retries = retries;
  }

  /** Raised by whatever moves the offsets: positions of another generation in the target are not obeyed. */
  get generation(): number {
    return Number(this.#log.checkpoints.get(generationCheckpoint(this.#group)) ?? 0);
  }

  get topics(): readonly string[] {
    return this.#log.topics.get(this.#retries) === undefined ? this.#topics : [...this.#topics, this.#retries];
  }

  isCommitted(topic: string): boolean {
    return this.#log.checkpoints.get(groupCheckpoint(this.#group, topic, 0)) !== undefined;
  }

  committed(): SinkPositions {
    return this.topics.map((topic) => {
      const saved = this.#log.checkpoints.get(groupCheckpoint(this.#group, topic, 0));
      return { topic, partition: 0, next: saved === undefined ? this.startOf(topic) : BigInt(saved) };
    });
  }

  /** A target that was emptied gets everything again, whatever the group has committed. */
  held(resume: SinkPositions): SinkPositions {
    return this.topics.map((topic) => {
      const held = resume.find((position) => position.topic === topic && position.partition === 0);
      return { topic, partition: 0, next: held?.next ?? this.startOf(topic) };
    });
  }

  /** Puts what has moved into a transaction. */
  stage(transaction: LogTransaction, before: SinkPositions, next: SinkPositions): void {
    const known = new Map(before.map((position) => [position.topic, position.next]));
    for (const { topic, partition, next: offset } of next) {
      if (known.get(topic) === offset) continue;
      transaction.checkpoint(groupCheckpoint(this.#group, topic, partition), String(offset));
    }
  }

  /** Records in the log from these positions on; topics without one count from their start. */
  lag(positions: SinkPositions): bigint {
    return this.held(positions).reduce((sum, { topic, next }) => {
      const end = this.#log.topics.get(topic)?.partitions[0]?.endOffset ?? next;
      return end > next ? sum + end - next : sum;
    }, 0n);
  }

  startOf(topic: string): bigint {
    return this.#log.topics.get(topic)?.partitions[0]?.startOffset ?? 0n;
  }

  /** Where a topic ends now. Throws when it is gone. */
  endOf(topic: string): bigint {
    const end = this.#log.topics.get(topic)?.partitions[0]?.endOffset;
    if (end !== undefined) return end;
    throw new TailraceError('log.no_such_topic', `there is no topic ${topic}`);
  }
}
