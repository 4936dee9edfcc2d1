/** What a running (or stopped) instance tells of itself. Implemented by pipeline, shown by api and cli. No row values. */

import type { Measures } from './measures.ts';
import type { ReplayProgress } from './replay.ts';
import type { SnapshotCommand, SnapshotStatus, UpstreamStatus } from './upstream.ts';
import type { VerifiedStatus } from './verification.ts';

export type TaskState =
  | 'starting'
  | 'snapshot'
  | 'streaming'
  | 'running'
  | 'retrying'
  | 'paused'
  | 'stopped'
  | 'failed'
  | 'gap';

export interface TaskProblem {
  readonly code: string;
  readonly message: string;
  readonly remedy: string | null;
  /** ms since 1970. */
  readonly since: number;
}

export interface SourceStatus {
  readonly name: string;
  /** The name that its state, its topics and what it made at the source have, where that is another (`renamed_from`). */
  readonly storedAs?: string;
  readonly type: string;
  readonly state: TaskState;
  readonly problem: TaskProblem | null;
  /** Records of its tables written to the log since the process started: rows, markers, and for a delete also its tombstone. */
  readonly rows: number;
  readonly transactions: number;
  /** Last saved position as JSON, or null. */
  readonly position: unknown;
  /** Commit time of the last durable transaction, ms since 1970; null before the first. */
  readonly lastCommitMs: number | null;
  /** Of a source at work that tells of it. */
  readonly upstream?: UpstreamStatus;
}

export interface SinkStatus {
  readonly name: string;
  /** The name that its state and its group have, where that is another (`renamed_from`). */
  readonly storedAs?: string;
  readonly type: string;
  readonly state: TaskState;
  readonly problem: TaskProblem | null;
  /** Records applied since the process started. */
  readonly records: number;
  /** Dead letters that wait for somebody, or for another one of their row. */
  readonly deadLetters: number;
  /** Records that became dead letters since the process started. Absent: not known. */
  readonly refused?: number;
  /** First refusal of the oldest that waits, ms since 1970; null: none does. Absent: not known. */
  readonly oldestDeadLetterMs?: number | null;
  /** Of `consistency: transactional`: a snapshot is under way, until whose end the target is in no state that the source had. */
  readonly notYetTransactional?: true;
  /** Of a replay that is under way. */
  readonly replay?: ReplayProgress;
  /** Of a sink that is compared with its source in the background. */
  readonly verified?: VerifiedStatus;
  /** Records in the log that this sink has not applied. */
  readonly lagRecords: number;
  /** Age of the oldest record not applied, ms; 0 when none. */
  readonly lagMs: number;
}

/** Of the steps that look at other rows, which run between the topics of the sources and those that the sinks read. */
export interface StageStatus {
  readonly state: TaskState;
  readonly problem: TaskProblem | null;
  /** Records read, and changes written, since the process started. */
  readonly records: number;
  readonly sent: number;
  /** Rows left out because they repeat another. */
  readonly repeats: number;
  /** Failures since the process started, and those of them after which it tried again. */
  readonly errors: number;
  readonly retries: number;
  /** Records of its sources that it has not read. */
  readonly lagRecords: number;
  /** Age of the oldest of them, ms; 0 when none. */
  readonly lagMs: number;
}

export interface PipelineStatus {
  readonly name: string;
  readonly sources: readonly SourceStatus[];
  /** Absent: no step of the pipeline looks at other rows. */
  readonly stage?: StageStatus;
  readonly sinks: readonly SinkStatus[];
}

export interface InstanceStatus {
  readonly instance: string;
  /** False when read from the data directory of a stopped instance. */
  readonly running: boolean;
  readonly pid: number | null;
  readonly startedMs: number | null;
  readonly pipelines: readonly PipelineStatus[];
}

export interface TopicStatus {
  readonly name: string;
  readonly cleanup: 'compact' | 'delete';
  readonly partitions: readonly {
    readonly partition: number;
    /** Decimal strings: offsets do not fit a JSON number. */
    readonly startOffset: string;
    readonly endOffset: string;
    readonly sizeBytes: number;
  }[];
}

export interface Control {
  status(): InstanceStatus;
  topics(): readonly TopicStatus[];
  /** Absent: nothing is counted. */
  measures?(): Measures;
}

/** Snapshots of running sources. */
export interface SnapshotControl {
  /**
   * Resolves when the command is durable: it outlives whatever happens next.
   * @throws `source.not_ready` when there is no such source at work, or it cannot do that now
   */
  snapshots(source: string, command: SnapshotCommand): Promise<void>;
}

/** What a source is reading, or is to read. */
export interface SourceSnapshots {
  readonly pipeline: string;
  readonly source: string;
  readonly state: TaskState;
  readonly snapshots: readonly SnapshotStatus[];
}

/** Snapshots by the names that people use. Implemented by pipeline, called by api. */
export interface SnapshotPlaces {
  /** @param place of a source, or of a pipeline: all its sources. @throws `pipeline.not_found` */
  list(place: string | null): readonly SourceSnapshots[];
  /**
   * Tables stand in it as `schema.table`, or as `table` where that is the name of one only. Resolves as
   * `SnapshotControl.snapshots`, with what is to be read then.
   * @throws `pipeline.not_found`, `source.not_ready`: nothing was done then, or with several sources by those before
   */
  tell(place: string, command: SnapshotCommand): Promise<readonly SourceSnapshots[]>;
}
