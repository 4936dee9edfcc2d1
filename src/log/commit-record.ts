/** What a commit says besides its record batches: the JSON part of a frame. */
import { TailraceError } from '../contracts/errors.ts';
import type { TopicSettings } from '../contracts/log.ts';
import type { TopicConfig } from '../contracts/log-admin.ts';

/** `[topic, partition, base offset, offset after the last, bytes]`; offsets as decimal text. */
export type BatchEntry = readonly [topic: string, partition: number, base: string, next: string, bytes: number];

/** Offset as decimal text. */
export type StartEntry = readonly [topic: string, partition: number, start: string];

export interface DirectEntry {
  /** Base offset of the segment, decimal. */
  readonly segment: string;
  readonly position: number;
  /** All of one partition. */
  readonly batches: readonly BatchEntry[];
}

/** A topic as it is created, and as the snapshot keeps it. */
export interface TopicEntry {
  readonly name: string;
  readonly partitions: number;
  /** 32 hex digits. Formats 1 and 2 had no ids, and `cleanup` in the place of `config`. */
  readonly id?: string;
  readonly config?: TopicConfig;
  readonly cleanup?: TopicSettings['cleanup'];
}

export interface TopicChange {
  readonly id: string;
  /** The new total. */
  readonly partitions?: number;
  /** Null: back to the default. */
  readonly config?: Readonly<Record<string, string | null>>;
}

export interface CommitRecord {
  /** Batches in the frame's data, in order. */
  readonly batches?: readonly BatchEntry[];
  /** Batches that are in a segment already, `position` bytes from its start, in order. */
  readonly direct?: readonly DirectEntry[];
  /** A staged file that this commit adopts, with its batches in order. */
  readonly staged?: { readonly file: string; readonly batches: readonly BatchEntry[] };
  /** Checkpoints set, or removed with null. */
  readonly checkpoints?: Readonly<Record<string, string | null>>;
  /** Epochs of writers. */
  readonly fences?: Readonly<Record<string, number>>;
  /** Topics that are made. */
  readonly topics?: readonly TopicEntry[];
  readonly changedTopics?: readonly TopicChange[];
  /** Ids of topics that are deleted. */
  readonly deletedTopics?: readonly string[];
  /** Offsets below which the records of a partition are deleted. */
  readonly starts?: readonly StartEntry[];
  /** An id of the log's lineage, from here on (DESIGN § 6). */
  readonly opened?: string;
  /** Leader epoch of the batches from here on. Formats 1 and 2 had 0 in all of them. */
  readonly leaderEpoch?: number;
}

export function encodeRecord(record: CommitRecord): Buffer {
  return Buffer.from(JSON.stringify(record));
}

export function decodeRecord(bytes: Buffer): CommitRecord {
  try {
    return JSON.parse(bytes.toString()) as CommitRecord;
  } catch (cause) {
    throw new TailraceError('log.damaged', 'a frame with a right checksum does not hold a commit', { cause });
  }
}
