/** A running instance: every source and sink of the given pipelines over one log. */
import type { Control, InstanceStatus, SnapshotControl, TopicStatus } from '../contracts/control.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Measures } from '../contracts/measures.ts';
import type { PipelinePlan, SinkPlan } from '../contracts/plan.ts';
import type { Reloadable, Reloaded, ReloadPlan } from '../contracts/reload.ts';
import type { SnapshotCommand } from '../contracts/upstream.ts';
import type { DeskSink } from './dead-letters/desk.ts';
import {
  type AnyTask,
  ensureTopics,
  type InstanceOptions,
  type PipelineTasks,
  RunningPipelines,
} from './running-pipelines.ts';
import type { ControlledSink, ControlledSinks } from './sink-control.ts';
import type { SinkTask } from './sink-task.ts';
import type { SourceTask } from './source-task.ts';
import type { StageTask } from './stage/stage-task.ts';
import { recordNames, type StoredNames, withStoredNames } from './stored-names.ts';
import { TableDirectory } from './table-directory.ts';
import { topicStatus } from './topic-status.ts';

export type { InstanceOptions } from './running-pipelines.ts';

export interface InstanceSink extends ControlledSink, DeskSink {}

export class Instance implements Control, SnapshotControl, Reloadable, ControlledSinks {
  readonly #options: InstanceOptions;
  readonly #startedMs: number;
  readonly #running: RunningPipelines;

  private constructor(options: InstanceOptions, directory: TableDirectory) {
    this.#options = options;
    this.#startedMs = options.context.clock.now();
    this.#running = new RunningPipelines(options, directory);
  }

  /** Creates the topics and starts every task. Errors of single tasks show in the status, not here. */
  static async start(options: InstanceOptions): Promise<Instance> {
    const instance = await Instance.prepare(options);
    instance.begin();
    return instance;
  }

  /** Creates the topics. Nothing is read or written before `begin`. */
  static async prepare(options: InstanceOptions): Promise<Instance> {
    const { instance, context, log, pipelines } = options;
    const directory = new TableDirectory({ instance: instance.instance, context, log });
    const names = withStoredNames(pipelines, log.checkpoints);
    await directory.refresh(names.pipelines);
    await ensureTopics(options, directory.apply(names.pipelines));
    await recordNames(log, names);
    return new Instance({ ...options, pipelines: names.pipelines }, directory);
  }

  begin(): void {
    this.#running.begin();
  }

  /**
   * Resolves with null after `stop`, or with the error when a task could not even start because the set-up is wrong, or
   * when no source and no sink is left at work.
   */
  get done(): Promise<unknown> {
    return this.#running.done;
  }

  async stop(): Promise<void> {
    await this.#running.stop();
  }

  /** Those that run now. */
  get plans(): readonly PipelinePlan[] {
    return this.#running.plans;
  }

  /** Every sink, at work or not. */
  sinks(): readonly InstanceSink[] {
    return this.plans.flatMap((pipeline) => {
      const tasks = this.#tasks.find(({ name }) => name === pipeline.name)?.sinks ?? [];
      return pipeline.sinks.flatMap((plan) => {
        const task = tasks.find(({ name }) => name === plan.name);
        return task === undefined ? [] : [{ pipeline, plan, task, ...task.deadLetters }];
      });
    });
  }

  /** A sink beside those of its pipeline; whoever asks for it runs it. */
  sinkBeside(pipeline: PipelinePlan, plan: SinkPlan): SinkTask {
    return this.#running.sinkBeside(pipeline, plan);
  }

  watchSinks(stopped: (task: SinkTask, error: unknown) => void): void {
    this.#running.onSinkStopped = stopped;
  }

  /** Tasks of the sources of a pipeline. */
  sources(pipeline: string): readonly SourceTask[] {
    return this.#tasks.find(({ name }) => name === pipeline)?.sources ?? [];
  }

  /** Null: the sinks of the pipeline read what its sources write. */
  stage(pipeline: string): StageTask | null {
    return this.#tasks.find(({ name }) => name === pipeline)?.stage ?? null;
  }

  /** Stops sources or sinks, acts, and starts them again. One at a time. */
  whileStopped<T>(tasks: readonly AnyTask[], act: () => Promise<T>): Promise<T> {
    return this.#running.whileStopped(tasks, act);
  }

  planReload(pipelines: readonly PipelinePlan[]): ReloadPlan {
    return this.#running.planReload(this.#names(pipelines).pipelines);
  }

  withEffects(plan: ReloadPlan, pipelines: readonly PipelinePlan[]): Promise<ReloadPlan> {
    return this.#running.withEffects(plan, this.#names(pipelines).pipelines);
  }

  checkRules(pipelines: readonly PipelinePlan[]): Promise<void> {
    return this.#running.checkRules(this.#names(pipelines).pipelines);
  }

  async reload(pipelines: readonly PipelinePlan[]): Promise<Reloaded> {
    const names = this.#names(pipelines);
    return this.#running.reload(names.pipelines, () => recordNames(this.#options.log, names));
  }

  #names(pipelines: readonly PipelinePlan[]): StoredNames {
    return withStoredNames(pipelines, this.#options.log.checkpoints);
  }

  get #tasks(): readonly PipelineTasks[] {
    return this.#running.tasks;
  }

  status(): InstanceStatus {
    return {
      instance: this.#options.instance.instance,
      running: true,
      pid: process.pid,
      startedMs: this.#startedMs,
      pipelines: this.#tasks.map(({ label: name, sources, stage, sinks }) => ({
        name,
        sources: sources.map((task) => task.status()),
        ...(stage === null ? {} : { stage: stage.status() }),
        sinks: sinks.map((task) => task.status()),
      })),
    };
  }

  measures(): Measures {
    return {
      sources: this.#tasks.flatMap(({ label: pipeline, sources }) =>
        sources.map((task) => ({ pipeline, ...task.measures() })),
      ),
      sinks: this.#tasks.flatMap(({ label: pipeline, sinks }) =>
        sinks.map((task) => ({ pipeline, ...task.measures() })),
      ),
    };
  }

  /** Of a source at work: has its position saved soon, though nothing changes there. */
  hasten(source: string): void {
    for (const task of this.#tasks.flatMap(({ sources }) => sources)) if (task.name === source) task.hasten();
  }

  async snapshots(source: string, command: SnapshotCommand): Promise<void> {
    const task = this.#tasks.flatMap(({ sources }) => sources).find((one) => one.name === source);
    if (task !== undefined) return task.snapshots(command);
    throw new TailraceError('source.not_ready', `there is no source ${source}`, {
      remedy: '`tailrace status` lists them',
    });
  }

  topics(): readonly TopicStatus[] {
    return this.#options.log.topics.list().map(topicStatus);
  }
}
