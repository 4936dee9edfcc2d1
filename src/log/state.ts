/** What the log holds in memory: the result of applying every durable commit in order. The same for live and recovery. */
import { join } from 'node:path';
import { TailraceError } from '../contracts/errors.ts';
import type { Checkpoints, Lineage, PartitionInfo, TopicInfo, TopicSettings } from '../contracts/log.ts';
import type { Files } from '../lib/files.ts';
import type { CommitRecord } from './commit-record.ts';
import { OpenFiles } from './open-files.ts';
import { Partition, type RecentBatch, type StoredPartition } from './partition.ts';
import type { StagedFile } from './staged-file.ts';

const MAX_OPEN_FILES = 500;

export interface StoredState {
  /** Sequence of the last commit in it. */
  readonly sequence: number;
  readonly topics: readonly ({ readonly name: string } & TopicSettings & {
      readonly stored: readonly StoredPartition[];
    })[];
  readonly checkpoints: Readonly<Record<string, string>>;
  readonly fences: Readonly<Record<string, number>>;
  readonly openings: readonly string[];
}

interface TopicState {
  readonly name: string;
  readonly settings: TopicSettings;
  readonly partitions: readonly Partition[];
}

export interface StateOptions {
  readonly files: Files;
  readonly topicsDir: string;
  readonly segmentBytes: number;
}

export class LogState implements Checkpoints, Lineage {
  readonly #options: StateOptions;
  readonly #topics = new Map<string, TopicState>();
  readonly #checkpoints = new Map<string, string>();
  readonly fences = new Map<string, number>();
  readonly #openings: string[] = [];
  /** Of segments. */
  readonly open: OpenFiles;
  sequence = 0;
  /** Staged files whose batches no segment has yet. */
  staged: StagedFile[] = [];
  /** Bytes that only the write-ahead log holds. */
  recentBytes = 0;

  constructor(options: StateOptions) {
    this.#options = options;
    this.open = new OpenFiles(options.files, MAX_OPEN_FILES);
  }

  restore(stored: StoredState): void {
    this.sequence = stored.sequence;
    for (const { stored: partitions, ...topic } of stored.topics) {
      const state = this.#addTopic(topic);
      for (const [i, partition] of partitions.entries()) Partition.restored(partition, state.partitions[i]!);
    }
    for (const [name, value] of Object.entries(stored.checkpoints)) this.#checkpoints.set(name, value);
    for (const [name, epoch] of Object.entries(stored.fences)) this.fences.set(name, epoch);
    this.#openings.push(...stored.openings);
  }

  /** `data`: the frame's batches in order; `staged`: the file that the record adopts. Returns the partitions that grew. */
  apply(
    sequence: number,
    record: CommitRecord,
    data: readonly Uint8Array[],
    staged: StagedFile | null,
  ): Set<Partition> {
    this.sequence = sequence;
    const grown = new Set<Partition>();
    const opening = this.#openings.length - 1;
    const add = (topic: string, number: number, batch: RecentBatch) => {
      const partition = this.partition(topic, number);
      if (!partition.add(batch, opening)) return;
      this.recentBytes += batch.size;
      grown.add(partition);
    };
    for (const topic of record.topics ?? []) this.#addTopic(topic);
    if (record.opened !== undefined) this.#openings.push(record.opened);
    for (const { segment, position, batches } of record.direct ?? []) {
      const [topic, number] = batches[0]!;
      const partition = this.partition(topic, number);
      const placed = batches.map(([, , base, next, size]) => ({ base: BigInt(base), next: BigInt(next), size }));
      if (partition.addDirect(BigInt(segment), position, placed, opening)) grown.add(partition);
    }
    if (record.staged !== undefined && staged !== null) {
      this.staged.push(staged);
      let position = 0;
      for (const [topic, number, base, next, size] of record.staged.batches) {
        add(topic, number, { base: BigInt(base), next: BigInt(next), size, at: { file: staged, position } });
        position += size;
      }
    }
    for (const [i, [topic, number, base, next, size]] of (record.batches ?? []).entries()) {
      add(topic, number, { base: BigInt(base), next: BigInt(next), size, at: data[i]! });
    }
    for (const [topic, number, start] of record.starts ?? []) this.partition(topic, number).moveStart(BigInt(start));
    for (const [name, value] of Object.entries(record.checkpoints ?? {})) {
      if (value === null) this.#checkpoints.delete(name);
      else this.#checkpoints.set(name, value);
    }
    for (const [name, epoch] of Object.entries(record.fences ?? {})) this.fences.set(name, epoch);
    return grown;
  }

  /** Throws `log.no_such_topic`. */
  partition(topic: string, number: number): Partition {
    const partition = this.#topics.get(topic)?.partitions[number];
    if (partition !== undefined) return partition;
    throw new TailraceError('log.no_such_topic', `there is no partition ${number} of a topic ${topic}`);
  }

  partitions(): Partition[] {
    return [...this.#topics.values()].flatMap(({ partitions }) => partitions);
  }

  /** Everything but the partitions' places on disk, which are taken when the flush is done. */
  stored(): Omit<StoredState, 'topics'> & { topics(): StoredState['topics'] } {
    const topics = [...this.#topics.values()];
    return {
      sequence: this.sequence,
      checkpoints: Object.fromEntries(this.#checkpoints),
      fences: Object.fromEntries(this.fences),
      openings: [...this.#openings],
      topics: () =>
        topics.map(({ name, settings, partitions }) => ({
          name,
          ...settings,
          stored: partitions.map((partition) => partition.stored()),
        })),
    };
  }

  topic(name: string): TopicInfo | undefined {
    const topic = this.#topics.get(name);
    if (topic === undefined) return undefined;
    return { name, settings: topic.settings, partitions: topic.partitions.map(partitionInfo) };
  }

  topicList(): readonly TopicInfo[] {
    return [...this.#topics.keys()].sort().map((name) => this.topic(name)!);
  }

  get(name: string): string | undefined {
    return this.#checkpoints.get(name);
  }

  list(prefix: string): readonly (readonly [string, string])[] {
    return [...this.#checkpoints].filter(([name]) => name.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
  }

  get current(): string {
    return this.#openings.at(-1) ?? '';
  }

  covers(id: string, topic: string, number: number, offset: bigint): boolean {
    const opening = this.#openings.indexOf(id);
    const partition = this.#topics.get(topic)?.partitions[number];
    if (opening < 0 || partition === undefined) return false;
    const next = partition.openings.find(([other]) => other > opening);
    return offset <= (next?.[1] ?? partition.end);
  }

  #addTopic({ name, partitions, cleanup }: { readonly name: string } & TopicSettings): TopicState {
    const { files, topicsDir, segmentBytes } = this.#options;
    const topic: TopicState = {
      name,
      settings: { partitions, cleanup },
      partitions: Array.from(
        { length: partitions },
        (_, i) => new Partition(name, i, join(topicsDir, `${name}-${i}`), files, this.open, segmentBytes),
      ),
    };
    this.#topics.set(name, topic);
    return topic;
  }
}

function partitionInfo({ partition, start, end, sizeBytes, compactedTo, deletesRemovedTo }: Partition): PartitionInfo {
  return { partition, startOffset: start, endOffset: end, sizeBytes, compactedTo, deletesRemovedTo };
}
