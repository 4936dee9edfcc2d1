/** A checked pipeline file: what config hands to the runtime. */
import type { DeadLetterPolicy } from './dead-letters.ts';
import type { SinkManifest, SourceManifest } from './plugin.ts';
import type { StepSource } from './rules.ts';

export interface SourcePlan {
  /** Key in `sources:`, or the pipeline's name for a single source. */
  readonly name: string;
  /** What people call it, at work, where its state is kept under another name, which is then `name`. */
  readonly label?: string;
  /** What it was called before: it goes on from there. Absent: nothing else. */
  readonly renamedFrom?: string;
  readonly manifest: SourceManifest;
  readonly config: unknown;
  /** `schema.table`; as they stand in the file, `*` stands for any characters. At work: without patterns. */
  readonly tables: readonly string[];
  /** At work, of a source with patterns: what stands in the file. */
  readonly declared?: readonly string[];
  readonly snapshot: 'initial' | 'never';
  /** What happens when history is lost: stop in the durable state `gap`, or start over with a new snapshot and sweep. */
  readonly onGap: 'stop' | 'resnapshot';
  readonly transform: readonly StepSource[];
  readonly path: readonly (string | number)[];
}

export interface BatchPlan {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

export type Consistency = 'eventual' | 'transactional';

export interface SinkPlan {
  /** Key in `sinks:`, or `sink`. */
  readonly name: string;
  /** What people call it, at work, where its state is kept under another name, which is then `name`. */
  readonly label?: string;
  /** What it was called before: it goes on from there. Absent: nothing else. */
  readonly renamedFrom?: string;
  readonly manifest: SinkManifest;
  readonly config: unknown;
  /** Tables this sink takes (`table` or `schema.table`); null: all tables of the pipeline. */
  readonly from: readonly string[] | null;
  readonly transform: readonly StepSource[];
  readonly batch: BatchPlan;
  /** Dead letters per minute above which the sink pauses. */
  readonly maxDeadLettersPerMinute: number;
  /** Absent: `skip` where the target keeps the last value of a row, else `block_key`. */
  readonly deadLetters?: DeadLetterPolicy;
  /** Most records a second. Absent: no limit. */
  readonly rate?: number;
  /** `transactional`: the target goes from one state that the source had to another. Absent: `eventual`. */
  readonly consistency?: Consistency;
  /** Comparison in the background: a round begins so long after the last one began, at so many rows a second. Absent: none. */
  readonly verify?: { readonly everyMs: number; readonly rate: number };
  readonly path: readonly (string | number)[];
}

export interface PipelinePlan {
  readonly name: string;
  /** What people call it, at work, where its state is kept under another name, which is then `name`. */
  readonly label?: string;
  /** What it was called before: it goes on from there. Absent: nothing else. */
  readonly renamedFrom?: string;
  readonly file: string;
  readonly sources: readonly SourcePlan[];
  readonly transform: readonly StepSource[];
  /** So many of the first steps of `transform` run in a stage of their own: the last of them looks at other rows. Absent: none. */
  readonly staged?: number;
  readonly sinks: readonly SinkPlan[];
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** One line of the access control lists. */
export interface AclRule {
  /** Name of a user; `*`: every user. */
  readonly user: string;
  readonly resource: AclResource;
  /** The whole name, or what it begins with; empty and a prefix: every name. */
  readonly name: string;
  readonly isPrefix: boolean;
  readonly permission: 'allow' | 'deny';
  readonly operations: readonly AclOperation[];
  /** Address of the client; `*`: any. */
  readonly host: string;
}

export type AclResource = 'topic' | 'group' | 'transactional_id' | 'cluster';

/** Kafka's names, in lower case. */
export type AclOperation =
  | 'all'
  | 'read'
  | 'write'
  | 'create'
  | 'delete'
  | 'alter'
  | 'describe'
  | 'describe_configs'
  | 'alter_configs'
  | 'idempotent_write';

/** The Kafka listener. Not loopback without users is refused before it comes here. */
export interface KafkaPlan extends Endpoint {
  /** What clients are told to connect to; null: where it listens. */
  readonly advertise: Endpoint | null;
  /** PEM texts. Null: not encrypted. */
  readonly tls: { readonly certificate: string; readonly key: string } | null;
  /** Empty: clients need not say who they are. */
  readonly users: readonly { readonly name: string; readonly password: string }[];
  /** Users that may do everything. */
  readonly superUsers: readonly string[];
  /** Null: whoever is let in may do everything that outside clients may. */
  readonly acls: readonly AclRule[] | null;
  /** Of each user, and of those that have their own. */
  readonly quotas: { readonly byDefault: QuotaPlan; readonly users: ReadonlyMap<string, QuotaPlan> };
}

/** Bytes a second; null: no limit. */
export interface QuotaPlan {
  readonly produce: number | null;
  readonly fetch: number | null;
}

/** tailrace.yaml, with defaults applied. */
export interface InstancePlan {
  readonly instance: string;
  /** Absolute. */
  readonly dataDir: string;
  readonly http: { readonly host: string; readonly port: number } | null;
  /** Where and how Kafka clients are served, or null. */
  readonly kafka: KafkaPlan | null;
  /** Budget of all buffers of the process, in bytes (Invariant 10). */
  readonly memoryBytes: number;
  /** What sinks may keep in the log beyond the topics' own settings; `bytes` null: a fifth of the disk. Absent: 7 days. */
  readonly holdLimit?: { readonly ms: number; readonly bytes: number | null };
  readonly maskKey: string | null;
}
