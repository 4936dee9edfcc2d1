/** Changing the pipelines of a running instance. Implemented by pipeline and main, called by api and cli. */
import type { PipelinePlan } from './plan.ts';

/** Of a pipeline, source or sink: what another set of pipeline files changes, and what comes of it. No secrets in it. */
export interface PlanChange {
  readonly change: 'added' | 'removed' | 'changed';
  readonly pipeline: string;
  readonly kind: 'pipeline' | 'source' | 'stage' | 'sink';
  /** Of the source or sink; of a pipeline, and of its stage, that of the pipeline. */
  readonly name: string;
  /** Which keys are others. */
  readonly fields: readonly ChangedField[];
  /** In words, the weightiest first. */
  readonly consequences: readonly string[];
  /** A command that mends what stays behind, or null. */
  readonly remedy: string | null;
}

export interface ChangedField {
  /** `tables`, `transform`, or a key of the connector. */
  readonly name: string;
  /** As text; null: not there, or a connector's own key, whose value may be a secret. */
  readonly before: string | null;
  readonly after: string | null;
}

export interface ReloadPlan {
  /** Names exactly these changes of exactly this process, whatever comes of them: 12 hex digits. */
  readonly hash: string;
  readonly changes: readonly PlanChange[];
  /** `pipeline`, `pipeline/source`, `pipeline/sink`, as in `kind name`: what goes on untouched. */
  readonly untouched: readonly string[];
}

/** What became of the tasks. */
export interface Reloaded {
  readonly plan: ReloadPlan;
  /** `source shop`, `sink shop/search`. */
  readonly started: readonly string[];
  readonly restarted: readonly string[];
  readonly stopped: readonly string[];
}

/** A problem that a file has: as `lint` shows it, without the lines around it. */
export interface FileProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly level: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
}

/** The pipeline files as they are now. */
export interface LoadedFiles {
  /** With an error the plans are not to be run. */
  readonly problems: readonly FileProblem[];
  readonly pipelines: readonly PipelinePlan[];
}

/** Pipelines of a running instance. */
export interface Reloadable {
  /** What another set of pipelines would change. Changes nothing. */
  planReload(pipelines: readonly PipelinePlan[]): ReloadPlan;
  /** The same plan with numbers: rows that come out otherwise, records that are sent again and about how long that takes. */
  withEffects(plan: ReloadPlan, pipelines: readonly PipelinePlan[]): Promise<ReloadPlan>;
  /**
   * Holds the rules against the tables of the sources that run: one that does not fit would send every row to the dead letters.
   * @throws `config.invalid`
   */
  checkRules(pipelines: readonly PipelinePlan[]): Promise<void>;
  /**
   * Runs these pipelines instead of those before; what is the same in both goes on untouched. Positions are kept by the names
   * of sources and sinks. Resolves when what had to stop has stopped and the rest was started. One at a time.
   * @throws as `checkRules`, before anything is touched
   */
  reload(pipelines: readonly PipelinePlan[]): Promise<Reloaded>;
}

/** The same with the files of the instance, for whoever asks over the API. */
export interface FileReloader {
  /** @throws `config.invalid` with the first problem: what runs goes on */
  plan(): Promise<ReloadPlan>;
  /** @param hash of the plan that was shown; null: whatever it is. @throws `config.invalid`, `plan.changed` */
  apply(hash: string | null): Promise<Reloaded>;
}
