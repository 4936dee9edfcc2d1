/** Sending what the log has to a sink once more. Implemented by pipeline, called by api and cli. Offsets are decimal text. */
import type { ErrorCode } from './errors.ts';

/** How far a replay is: counted in offsets of the log, compacted ones included. */
export interface ReplayProgress {
  /** ms since 1970. */
  readonly startedMs: number;
  /** Records a second; null: as the sink is set. */
  readonly rate: number | null;
  readonly done: number;
  readonly total: number;
  readonly percent: number;
  /** At the rate since it began; null before anything was read. */
  readonly etaSeconds: number | null;
}

/**
 * A place in the log. `position`: a commit position of the source, as records show it (`source.lsn`); the first record of
 * that transaction or, when the log has none of it, of the first one behind it.
 */
export type ReplayPlace =
  | { readonly at: 'start' }
  | { readonly at: 'offset'; readonly offset: string }
  | { readonly at: 'time'; readonly ms: number }
  | { readonly at: 'position'; readonly position: string };

export interface ReplayRequest {
  readonly pipeline: string;
  readonly sink: string;
  readonly from: ReplayPlace;
  /** Not included; null: where the sink stands now. */
  readonly to: ReplayPlace | null;
  /** `table` or `schema.table`; null: all that the sink takes. */
  readonly tables: readonly string[] | null;
  /** Records a second; null: as the sink is set. */
  readonly rate: number | null;
  /** Null: the same target. Else the name of the new one, beside it. */
  readonly into: string | null;
}

export interface ReplayedRange {
  readonly topic: string;
  readonly from: string;
  readonly until: string;
}

export interface ReplayPlan {
  readonly ranges: readonly ReplayedRange[];
  readonly records: number;
  /** What the result will not be, in words: history that the log has no more. */
  readonly notes: readonly string[];
}

export type SinkJobState = 'running' | 'done' | 'cancelled' | 'failed';

/** A replay into a new target, or a rebuild. */
export interface SinkJob {
  readonly pipeline: string;
  readonly sink: string;
  readonly kind: 'replay' | 'rebuild';
  readonly state: SinkJobState;
  /** In words, what is being done. */
  readonly step: string;
  /** ms since 1970. */
  readonly startedMs: number;
  readonly endedMs: number | null;
  readonly progress: ReplayProgress | null;
  /** Where the result is, or where the old one is kept; in words. */
  readonly notes: readonly string[];
  readonly problem: { readonly code: ErrorCode; readonly message: string; readonly remedy: string | null } | null;
}

/** Acts on sinks of a running instance. Durable when they resolve. All throw `pipeline.not_found`. */
export interface SinkCommands {
  /** Of one sink, or of all of a pipeline: until `resume`, over restarts. Resolves to `pipeline/sink` of each. */
  pause(pipeline: string, sink: string | null): Promise<readonly string[]>;
  /** Starts what was paused, and what has stopped by itself: it tries once more. */
  resume(pipeline: string, sink: string | null): Promise<readonly string[]>;
  /** What a replay would read. Changes nothing. @throws `replay.invalid`, `log.offset_out_of_range` */
  planReplay(request: ReplayRequest): Promise<ReplayPlan>;
  /** Begins; the sink's status tells how far it is. In place of one that is under way. Throws as `planReplay`. */
  replay(request: ReplayRequest): Promise<ReplayPlan>;
  /** The sink goes on where it was before. False: none was under way. */
  cancelReplay(pipeline: string, sink: string): Promise<boolean>;
  /**
   * Takes over a target that another log has fed (`sink.other_log`): versions go on above those that it holds, and every table
   * is read at the source once more and swept. Resolves when that is on its way, and durable. @throws `adopt.refused`
   */
  adopt(pipeline: string, sink: string): Promise<Adopted>;
}

export interface RebuildRequest {
  readonly pipeline: string;
  readonly sink: string;
  /** Compare the new target with the source before it takes the old one's place. */
  readonly verify: boolean;
}

/** Targets that are built beside the one of a sink. At most one of a sink at a time; they go on over restarts. */
export interface SinkJobs {
  /** The last of each sink, under way or not. */
  jobs(): readonly SinkJob[];
  /**
   * Builds the target anew from the log, with the rules as they are, compares it with the source and puts it in the old one's
   * place, which is kept. Resolves when it has begun. @throws `pipeline.not_found`, `rebuild.unsupported`, `rebuild.running`
   */
  rebuild(request: RebuildRequest): Promise<SinkJob>;
  /** What was built is removed. False: nothing was under way, or it is too late. */
  cancelJob(pipeline: string, sink: string): Promise<boolean>;
}

export interface Adopted {
  /** Highest version that the target held; null: none. */
  readonly held: string | null;
  /** `schema.table`, read once more. */
  readonly tables: readonly string[];
}
