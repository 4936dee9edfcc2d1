/** What the log holds in memory: the result of applying every durable commit in order. The same for live and recovery. */
import type { Checkpoints, Lineage, TopicInfo } from '../contracts/log.ts';
import type { Files } from '../lib/files.ts';
import type { CommitRecord, TopicEntry } from './commit-record.ts';
import { OpenFiles } from './open-files.ts';
import type { Partition, RecentBatch } from './partition.ts';
import type { StagedFile } from './staged-file.ts';
import { noSuchTopic, type StoredTopic, type TopicOptions, TopicState } from './topic-state.ts';

const MAX_OPEN_FILES = 500;

export interface StoredState {
  /** Sequence of the last commit in it. */
  readonly sequence: number;
  readonly topics: readonly StoredTopic[];
  readonly checkpoints: Readonly<Record<string, string>>;
  readonly fences: Readonly<Record<string, number>>;
  readonly openings: readonly string[];
  /** Of the last opening; absent in formats 1 and 2: 0. */
  readonly leaderEpoch?: number;
}

export interface StateOptions {
  readonly files: Files;
  readonly topicsDir: string;
  readonly segmentBytes: number;
}

export class LogState implements Checkpoints, Lineage {
  readonly #options: TopicOptions;
  readonly #topics = new Map<string, TopicState>();
  readonly #checkpoints = new Map<string, string>();
  readonly fences = new Map<string, number>();
  readonly #openings: string[] = [];
  #leaderEpoch = 0;
  /** Of segments. */
  readonly open: OpenFiles;
  sequence = 0;
  /** Staged files whose batches no segment has yet. */
  staged: StagedFile[] = [];
  /** Staged files whose batches are in segments. */
  moved: StagedFile[] = [];
  /** Bytes that only the write-ahead log holds. */
  recentBytes = 0;
  /** Topics whose files go when a snapshot without them is on disk. */
  deleted: TopicState[] = [];
  #pins = 0;

  constructor(options: StateOptions) {
    this.open = new OpenFiles(options.files, MAX_OPEN_FILES);
    this.#options = { ...options, open: this.open };
  }

  /** Files that the log does not need any more stay on disk until the function that it returns is called. */
  pin(): () => void {
    this.#pins++;
    return () => {
      this.#pins--;
    };
  }

  get isPinned(): boolean {
    return this.#pins > 0;
  }

  restore(stored: StoredState): void {
    this.sequence = stored.sequence;
    for (const topic of stored.topics) this.#topics.set(topic.name, TopicState.restored(topic, this.#options));
    for (const [name, value] of Object.entries(stored.checkpoints)) this.#checkpoints.set(name, value);
    for (const [name, epoch] of Object.entries(stored.fences)) this.fences.set(name, epoch);
    this.#openings.push(...stored.openings);
    this.#leaderEpoch = stored.leaderEpoch ?? 0;
  }

  /**
   * `data`: the frame's batches in order; `staged`: the file that the record adopts. Returns the partitions that grew or
   * are gone.
   */
  apply(
    sequence: number,
    record: CommitRecord,
    data: readonly Uint8Array[],
    staged: StagedFile | null,
  ): Set<Partition> {
    this.sequence = sequence;
    const changed = this.#applyTopics(record);
    if (record.opened !== undefined) this.#openings.push(record.opened);
    this.#leaderEpoch = record.leaderEpoch ?? this.#leaderEpoch;
    this.#applyBatches(record, data, staged, changed);
    for (const [topic, number, start] of record.starts ?? []) this.partition(topic, number).moveStart(BigInt(start));
    for (const [name, value] of Object.entries(record.checkpoints ?? {})) {
      if (value === null) this.#checkpoints.delete(name);
      else this.#checkpoints.set(name, value);
    }
    for (const [name, epoch] of Object.entries(record.fences ?? {})) this.fences.set(name, epoch);
    return changed;
  }

  #applyTopics({ topics = [], changedTopics = [], deletedTopics = [] }: CommitRecord): Set<Partition> {
    const gone = new Set<Partition>();
    for (const topic of topics) this.#addTopic(topic);
    for (const change of changedTopics) {
      const topic = this.#topicOf(change.id);
      if (topic === undefined) throw noSuchTopic(`of id ${change.id}`);
      topic.change(change);
    }
    for (const id of deletedTopics) {
      const topic = this.#topicOf(id);
      if (topic === undefined) continue;
      this.#dropTopic(topic);
      for (const partition of topic.partitions) gone.add(partition);
    }
    return gone;
  }

  #applyBatches(
    record: CommitRecord,
    data: readonly Uint8Array[],
    staged: StagedFile | null,
    grown: Set<Partition>,
  ): void {
    const { leaderEpoch } = this;
    const by = { opening: this.#openings.length - 1, leaderEpoch };
    const add = (topic: string, number: number, batch: RecentBatch) => {
      const partition = this.partition(topic, number);
      if (!partition.add(batch, by)) return;
      this.recentBytes += batch.size;
      grown.add(partition);
    };
    for (const { segment, position, batches } of record.direct ?? []) {
      const [topic, number] = batches[0]!;
      const partition = this.partition(topic, number);
      const placed = batches.map(([, , base, next, size]) => ({ base: BigInt(base), next: BigInt(next), size }));
      if (partition.addDirect(BigInt(segment), position, placed, by)) grown.add(partition);
    }
    if (record.staged !== undefined && staged !== null) {
      this.staged.push(staged);
      let position = 0;
      for (const [topic, number, base, next, size] of record.staged.batches) {
        add(topic, number, {
          base: BigInt(base),
          next: BigInt(next),
          size,
          at: { file: staged, position, leaderEpoch },
        });
        position += size;
      }
    }
    for (const [i, [topic, number, base, next, size]] of (record.batches ?? []).entries()) {
      add(topic, number, { base: BigInt(base), next: BigInt(next), size, at: data[i]! });
    }
  }

  /** Throws `log.no_such_topic`. */
  partition(topic: string, number: number): Partition {
    const partition = this.#topics.get(topic)?.partitions[number];
    if (partition !== undefined) return partition;
    throw noSuchTopic(topic, number);
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
      leaderEpoch: this.#leaderEpoch,
      topics: () => topics.map((topic) => topic.stored()),
    };
  }

  topic(name: string): TopicInfo | undefined {
    return this.#topics.get(name)?.info();
  }

  topicList(): readonly TopicInfo[] {
    return [...this.#topics.keys()].sort().map((name) => this.topic(name)!);
  }

  topicState(name: string): TopicState | undefined {
    return this.#topics.get(name);
  }

  /** Gives those an id that a format without ids made; to be followed by a snapshot. */
  giveIds(newId: () => string): void {
    for (const topic of this.#topics.values()) if (topic.id === '') topic.giveId(newId());
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

  /** Of what is appended now. */
  get leaderEpoch(): number {
    return this.#leaderEpoch;
  }

  /** Leader epoch that the next opening for writing has. */
  get nextLeaderEpoch(): number {
    return this.#openings.length === 0 ? 0 : this.leaderEpoch + 1;
  }

  covers(id: string, topic: string, number: number, offset: bigint): boolean {
    const opening = this.#openings.lastIndexOf(id);
    const partition = this.#topics.get(topic)?.partitions[number];
    if (opening < 0 || partition === undefined) return false;
    const next = partition.openings.find((other) => other.opening > opening);
    return offset <= (next?.start ?? partition.end);
  }

  #topicOf(id: string): TopicState | undefined {
    return [...this.#topics.values()].find((topic) => topic.id === id);
  }

  #addTopic(entry: TopicEntry): void {
    const existing = this.#topics.get(entry.name);
    // Only where the commit that deleted it is lost.
    if (existing !== undefined) this.#dropTopic(existing);
    this.#topics.set(entry.name, new TopicState(entry, this.#options));
  }

  #dropTopic(topic: TopicState): void {
    this.#topics.delete(topic.name);
    for (const partition of topic.partitions) this.recentBytes -= partition.drop();
    this.deleted.push(topic);
  }
}
