/** A checked pipeline file: what config hands to the runtime. */
import type { SinkManifest, SourceManifest } from './plugin.ts';
import type { StepSource } from './rules.ts';

export interface SourcePlan {
  /** Key in `sources:`, or the pipeline's name for a single source. */
  readonly name: string;
  readonly manifest: SourceManifest;
  readonly config: unknown;
  readonly tables: readonly string[];
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

export interface SinkPlan {
  /** Key in `sinks:`, or `sink`. */
  readonly name: string;
  readonly manifest: SinkManifest;
  readonly config: unknown;
  /** Tables this sink takes (`table` or `schema.table`); null: all tables of the pipeline. */
  readonly from: readonly string[] | null;
  readonly transform: readonly StepSource[];
  readonly batch: BatchPlan;
  /** Dead letters per minute above which the sink pauses. */
  readonly maxDeadLettersPerMinute: number;
  readonly path: readonly (string | number)[];
}

export interface PipelinePlan {
  readonly name: string;
  readonly file: string;
  readonly sources: readonly SourcePlan[];
  readonly transform: readonly StepSource[];
  readonly sinks: readonly SinkPlan[];
}

/** tailrace.yaml, with defaults applied. */
export interface InstancePlan {
  readonly instance: string;
  /** Absolute. */
  readonly dataDir: string;
  readonly http: { readonly host: string; readonly port: number } | null;
  /** Where Kafka clients are served, or null. */
  readonly kafka: { readonly host: string; readonly port: number } | null;
  /** Budget of all buffers of the process, in bytes (Invariant 10). */
  readonly memoryBytes: number;
  readonly maskKey: string | null;
}
