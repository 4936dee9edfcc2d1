/**
 * What people do with topics and consumer groups, over the API or on the data directory of a stopped instance. Implemented
 * by `operations`, called by `api` and `cli`. Offsets are decimal strings: they do not fit a JSON number. Refusals are
 * errors with the codes `topic.*`, `group.*` and `log.*`.
 */
import type { TopicStatus } from './control.ts';
import type { BackupControl } from './log-backup.ts';

/** Text, or base64 of bytes that are no UTF-8 text; null where there is none. */
export type ShownBytes = string | { readonly $bytes: string } | null;

/** Holds a row's values: given to whoever asks for records, and to nobody else (Invariant 12). */
export interface ShownRecord {
  readonly partition: number;
  readonly offset: string;
  /** ms since 1970. */
  readonly timestamp: number;
  readonly key: ShownBytes;
  readonly value: ShownBytes;
  readonly headers: readonly { readonly key: string; readonly value: ShownBytes }[];
}

export interface TopicDescription extends TopicStatus {
  /** Effective settings, by Kafka's names. */
  readonly settings: readonly { readonly name: string; readonly value: string; readonly isDefault: boolean }[];
  /** False: only Tailrace itself writes to it, changes and deletes it. */
  readonly isOpen: boolean;
}

/** Where in every partition to begin; `last`: that many records before the end of each. */
export type ReadFrom =
  | { readonly at: 'start' }
  | { readonly at: 'end' }
  | { readonly at: 'offset'; readonly offset: string }
  | { readonly at: 'time'; readonly ms: number }
  | { readonly at: 'last'; readonly count: number };

/** Where to end, not included; without it at the end that each partition has when the reading begins. */
export type ReadUntil =
  | { readonly at: 'offset'; readonly offset: string }
  | { readonly at: 'time'; readonly ms: number };

export interface ReadRequest {
  readonly topic: string;
  /** Null: all. */
  readonly partitions: readonly number[] | null;
  readonly from: ReadFrom;
  readonly until: ReadUntil | null;
  /** Only records whose key is this text. */
  readonly key: string | null;
  /** Most records to give. */
  readonly limit: number | null;
  /** Go on with what is written after that, as it comes. */
  readonly follow: boolean;
}

export interface TopicReader {
  list(): readonly TopicStatus[];
  describe(topic: string): TopicDescription;
  /**
   * Records in the order of each partition, one partition after the other, in lists of bounded size. Reads on as the
   * caller takes. Control records are left out. Ends when the signal aborts.
   */
  read(request: ReadRequest, signal?: AbortSignal): AsyncIterable<readonly ShownRecord[]>;
}

export interface NewRecord {
  readonly key: ShownBytes;
  readonly value: ShownBytes;
  readonly headers?: readonly { readonly key: string; readonly value: ShownBytes }[];
  /** ms since 1970; without it the time of writing. */
  readonly timestamp?: number;
}

export interface WriteRequest {
  readonly topic: string;
  /** Null: by the key, as Kafka's clients do it; without a key the partitions in turn. */
  readonly partition: number | null;
  readonly records: readonly NewRecord[];
}

/** What was written where; `offset` is that of the first record. */
export interface Written {
  readonly partition: number;
  readonly offset: string;
  readonly records: number;
}

export interface Compacted {
  readonly partition: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

export interface TopicChange {
  readonly partitions: number | null;
  readonly settings: Readonly<Record<string, string | null>>;
}

/** Everything here is durable when it resolves. */
export interface TopicWriter {
  create(
    topic: string,
    options: { readonly partitions: number; readonly settings: Readonly<Record<string, string>> },
  ): Promise<TopicDescription>;
  /** Changes settings (null: back to the default) and adds partitions (the new total). Throws `topic.invalid`. */
  alter(topic: string, change: TopicChange): Promise<TopicDescription>;
  /** With what consumer groups of outside clients had committed there. */
  delete(topic: string): Promise<void>;
  /** All records of one request become visible at once (Invariant 3). */
  write(request: WriteRequest): Promise<readonly Written[]>;
  compact(topic: string): Promise<readonly Compacted[]>;
}

export interface GroupMember {
  readonly id: string;
  readonly clientId: string;
  readonly host: string;
}

export interface GroupSummary {
  readonly name: string;
  /** Kafka's words: Empty, PreparingRebalance, CompletingRebalance, Stable; `Sink` for a sink of Tailrace. */
  readonly state: string;
  readonly members: number;
  /** Records between its offsets and the ends, over all partitions. */
  readonly lag: string;
}

export interface GroupOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  /** Of the partition; null when it is gone. */
  readonly start: string | null;
  readonly end: string | null;
  readonly lag: string | null;
}

export interface GroupDescription {
  readonly name: string;
  readonly state: string;
  readonly members: readonly GroupMember[];
  readonly offsets: readonly GroupOffset[];
}

export interface GroupReader {
  list(): readonly GroupSummary[];
  describe(group: string): GroupDescription;
  /**
   * When the oldest record was written that a group has not read, about, ms since 1970: of consumer groups with a lag, sinks apart.
   * Of very many some are left out.
   */
  oldest?(): Promise<ReadonlyMap<string, number>>;
}

export type SeekTo =
  | { readonly to: 'earliest' | 'latest' }
  | { readonly to: 'time'; readonly ms: number }
  | { readonly to: 'offset'; readonly offset: string }
  | { readonly to: 'group'; readonly group: string };

export interface SeekRequest {
  readonly group: string;
  readonly seek: SeekTo;
  /** Null: those that the group (for `group`: the other one) has offsets of. */
  readonly topics: readonly string[] | null;
  /** Null: all. */
  readonly partitions: readonly number[] | null;
}

export interface SeekMove {
  readonly topic: string;
  readonly partition: number;
  /** Null: the group has none yet. */
  readonly from: string | null;
  readonly to: string;
}

export interface SeekPlan {
  readonly group: string;
  /** While there are any it is refused. */
  readonly members: number;
  readonly moves: readonly SeekMove[];
}

export interface GroupSeeker {
  /** What a seek would do. Changes nothing. */
  plan(request: SeekRequest): Promise<SeekPlan>;
  /**
   * Does exactly the moves of a plan, durably and all at once. Throws `group.active` while the group has members and
   * `group.changed` when its offsets are no longer those of the plan.
   */
  apply(plan: Pick<SeekPlan, 'group' | 'moves'>): Promise<void>;
}

/** Of a log that is looked at: a running instance's, or a stopped one's. */
export interface LogReader {
  readonly topics: TopicReader;
  readonly groups: GroupReader;
}

export interface Operations extends LogReader {
  readonly topicWriter: TopicWriter;
  readonly seeker: GroupSeeker;
  readonly backups: BackupControl;
}

/** Who is in which consumer group: what the Kafka listener knows of them. */
export interface GroupMembership {
  /** Groups with members, or that had some a short time ago. */
  names(): readonly string[];
  get(group: string): { readonly state: string; readonly members: readonly GroupMember[] } | undefined;
  /**
   * Commits offsets as an outsider. Null when the group has members; otherwise it resolves when they are durable, and who
   * joins from the call on gets the new ones.
   */
  setOffsets(
    group: string,
    offsets: readonly { readonly topic: string; readonly partition: number; readonly offset: bigint }[],
  ): Promise<void> | null;
  /** What groups and producers had in a topic that was deleted: one of that name made later is another. Durable. */
  forgetTopic(topic: string): Promise<void>;
}
