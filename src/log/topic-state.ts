/** A topic in memory: what it is called and configured, and its partitions. */
import { join } from 'node:path';
import { TailraceError } from '../contracts/errors.ts';
import type { PartitionInfo, TopicInfo, TopicSettings } from '../contracts/log.ts';
import type { TopicConfig, TopicDetails } from '../contracts/log-admin.ts';
import type { Files } from '../lib/files.ts';
import type { TopicChange, TopicEntry } from './commit-record.ts';
import type { OpenFiles } from './open-files.ts';
import { Partition, type StoredPartition } from './partition.ts';
import { rulesOf } from './topic-rules.ts';

const POLICY = 'cleanup.policy';
const HISTORY_MS = 7 * 86_400_000;
/** Of a topic's name in the name of a directory, which has 255 bytes at most. */
const NAME_CHARACTERS = 200;

/** What the snapshot keeps of a topic. */
export interface StoredTopic extends TopicEntry {
  /** Its directories have no id in their names, as formats 1 and 2 made them. */
  readonly plainDirectories?: true;
  readonly stored: readonly StoredPartition[];
}

export interface TopicOptions {
  readonly files: Files;
  readonly open: OpenFiles;
  readonly topicsDir: string;
  /** Where a topic's configuration does not say. */
  readonly segmentBytes: number;
}

export class TopicState {
  readonly name: string;
  readonly partitions: Partition[] = [];
  readonly #options: TopicOptions;
  /** Empty while a log of an older format is only looked at. */
  #id: string;
  readonly #plainDirectories: boolean;
  #config: TopicConfig;

  constructor(entry: TopicEntry & Pick<StoredTopic, 'plainDirectories'>, options: TopicOptions) {
    const { name, id, cleanup, plainDirectories } = entry;
    this.name = name;
    this.#options = options;
    this.#id = id ?? '';
    this.#plainDirectories = id === undefined || plainDirectories === true;
    this.#config = entry.config ?? configOf(cleanup ?? 'delete');
    this.#grow(entry.partitions);
  }

  static restored(stored: StoredTopic, options: TopicOptions): TopicState {
    const topic = new TopicState({ ...stored, partitions: stored.stored.length }, options);
    for (const [i, partition] of stored.stored.entries()) Partition.restored(partition, topic.partitions[i]!);
    return topic;
  }

  get id(): string {
    return this.#id;
  }

  /** Settings that differ from the default. */
  get config(): TopicConfig {
    return this.#config;
  }

  get settings(): TopicSettings {
    const compacts = this.#config[POLICY]?.includes('compact') === true;
    return { partitions: this.partitions.length, cleanup: compacts ? 'compact' : 'delete' };
  }

  info(): TopicInfo {
    return { name: this.name, settings: this.settings, partitions: this.partitions.map(partitionInfo) };
  }

  details(): TopicDetails {
    return { ...this.info(), id: this.#id, config: this.#config };
  }

  /** To a topic of an older format. */
  giveId(id: string): void {
    this.#id = id;
  }

  /** Twice the same changes nothing more: the snapshot may have it already. */
  change({ partitions = 0, config = {} }: TopicChange): void {
    const changed = Object.entries({ ...this.#config, ...config });
    this.#config = Object.fromEntries(changed.filter((entry): entry is [string, string] => entry[1] !== null));
    const { segmentBytes } = rulesOf('', this.#config, this.#options.segmentBytes);
    for (const partition of this.partitions) partition.segmentBytes = segmentBytes;
    this.#grow(partitions);
  }

  stored(): StoredTopic {
    return {
      name: this.name,
      ...(this.#id === '' ? {} : { id: this.#id }),
      partitions: this.partitions.length,
      config: this.#config,
      ...(this.#plainDirectories ? { plainDirectories: true as const } : {}),
      stored: this.partitions.map((partition) => partition.stored()),
    };
  }

  #grow(partitions: number): void {
    const { files, open, segmentBytes } = this.#options;
    const bytes = rulesOf('', this.#config, segmentBytes).segmentBytes;
    for (let i = this.partitions.length; i < partitions; i++) {
      this.partitions.push(new Partition(this.name, i, this.#directory(i), files, open, bytes));
    }
  }

  /** Never one that another topic has had: what a deleted one left behind cannot show. */
  #directory(partition: number): string {
    const { name } = this;
    const directory = this.#plainDirectories
      ? `${name}-${partition}`
      : `${name.slice(0, NAME_CHARACTERS)}-${partition}.${this.#id}`;
    return join(this.#options.topicsDir, directory);
  }
}

/** Of a topic of which no more than the cleanup is asked for: all changes of seven days, then the last of each key (DESIGN § 6). */
export function configOf(cleanup: TopicSettings['cleanup']): TopicConfig {
  return cleanup === 'compact' ? { [POLICY]: 'compact', 'min.compaction.lag.ms': String(HISTORY_MS) } : {};
}

export function noSuchTopic(topic: string, partition?: number): TailraceError {
  const what = partition === undefined ? '' : `partition ${partition} of a `;
  return new TailraceError('log.no_such_topic', `there is no ${what}topic ${topic}`);
}

function partitionInfo({ partition, start, end, sizeBytes, compactedTo, deletesRemovedTo }: Partition): PartitionInfo {
  return { partition, startOffset: start, endOffset: end, sizeBytes, compactedTo, deletesRemovedTo };
}
