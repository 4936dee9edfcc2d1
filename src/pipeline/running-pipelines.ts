/** The pipelines of a running instance: their tasks, and how other pipelines take their place. */

import { randomBytes } from 'node:crypto';
import type { Envelope } from '../contracts/envelope.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Log } from '../contracts/log.ts';
import type { TopicAdmin } from '../contracts/log-admin.ts';
import type { InstancePlan, PipelinePlan, SinkPlan, SourcePlan } from '../contracts/plan.ts';
import type { ConnectorContext } from '../contracts/plugin.ts';
import type { Reloadable, Reloaded, ReloadPlan } from '../contracts/reload.ts';
import type { Rules } from '../contracts/rules.ts';
import type { TableSchema } from '../contracts/schema.ts';
import { schemaId } from '../lib/schema-id.ts';
import { pausedCheckpoint, schemasTopic } from './checkpoint-names.ts';
import { removeDerived } from './derived-database.ts';
import { planChanges, planHash, untouched } from './plan-changes.ts';
import { withEffects } from './plan-effects.ts';
import { checkRules } from './rules-check.ts';
import { sinkTakes } from './sink-tables.ts';
import { SinkTask } from './sink-task.ts';
import { plannedFilters } from './source-filters.ts';
import { SourceTask } from './source-task.ts';
import { isStaged, namesTable, readFrom, stepsOfSink, topicForSinks } from './stage/stage-plan.ts';
import { stageStorePath } from './stage/stage-store.ts';
import { StageTask } from './stage/stage-task.ts';
import { labelOf } from './stored-names.ts';
import type { TableDirectory } from './table-directory.ts';
import { tableRules } from './table-rules.ts';
import { tableTopic } from './table-topic.ts';
import { type WatchedPipelines, watchTables } from './table-watch.ts';
import { TaskSet } from './task-set.ts';

const MIN_BUFFER_BYTES = 1 << 20;
const MAX_BUFFER_BYTES = 8 << 20;
/** Rows are on their way to the disk while they are still in the processor's cache; more in one commit gains nothing. */
const MAX_SOURCE_BUFFER_BYTES = 3 << 20;

export interface InstanceOptions {
  readonly instance: InstancePlan;
  readonly pipelines: readonly PipelinePlan[];
  readonly log: Log;
  /** Absent: topics stay as they were made. */
  readonly topicAdmin?: TopicAdmin | undefined;
  readonly envelope: Envelope;
  readonly rules: Rules;
  readonly context: ConnectorContext;
}

export interface PipelineTasks {
  readonly name: string;
  /** What people call it. */
  readonly label: string;
  readonly sources: readonly SourceTask[];
  /** Null: its sinks read what the sources write. */
  readonly stage: StageTask | null;
  readonly sinks: readonly SinkTask[];
}

export type AnyTask = SourceTask | StageTask | SinkTask;

/** A source, stage or sink at work, with what was asked for. */
interface Part<P, T> {
  readonly plan: P;
  readonly task: T;
  readonly maxBytes: number;
}

interface PipelineParts {
  readonly plan: PipelinePlan;
  readonly sources: readonly Part<SourcePlan, SourceTask>[];
  readonly stage: Part<PipelinePlan, StageTask> | null;
  readonly sinks: readonly Part<SinkPlan, SinkTask>[];
}

export class RunningPipelines implements Reloadable {
  readonly #options: Omit<InstanceOptions, 'pipelines'>;
  readonly #tasks = new TaskSet<AnyTask>();
  readonly #salt = randomBytes(8).toString('hex');
  #parts: readonly PipelineParts[];
  #reloading: Promise<unknown> = Promise.resolve();
  #isStopping = false;
  /** Told of a sink that has stopped by itself. */
  onSinkStopped: (task: SinkTask, error: unknown) => void = () => {};
  readonly #directory: TableDirectory;
  readonly #watch = new AbortController();
  #watching: Promise<void> = Promise.resolve();
  /** Of a task that could not even begin. */
  #wrongSetup: unknown = null;

  /** @param directory has been asked for the tables of these pipelines */
  constructor(options: InstanceOptions, directory: TableDirectory) {
    this.#options = options;
    this.#directory = directory;
    this.#parts = this.#build(directory.apply(options.pipelines), []);
    this.#removeStores(this.#parts);
  }

  /** Of stages that pipelines had before. */
  #removeStores(all: readonly PipelineParts[]): void {
    const { dataDir } = this.#options.instance;
    for (const { plan, stage } of all) if (stage === null) removeDerived(stageStorePath(dataDir, plan.name));
  }

  get tasks(): readonly PipelineTasks[] {
    return this.#parts.map(({ plan, plan: { name }, sources, stage, sinks }) => ({
      name,
      label: labelOf(plan),
      sources: sources.map(({ task }) => task),
      stage: stage?.task ?? null,
      sinks: sinks.map(({ task }) => task),
    }));
  }

  get plans(): readonly PipelinePlan[] {
    return this.#parts.map(({ plan }) => plan);
  }

  /** Once. A task whose set-up is wrong ends all of them: nothing runs by halves from the beginning. */
  begin(): void {
    for (const task of named(this.#parts).values()) {
      this.#begin(task, (error) => {
        if (task.hasRun || !isSetup(error)) return;
        this.#wrongSetup ??= error;
        void this.#tasks.endAll(error as Error);
      });
    }
    this.#watching = watchTables(this.#watched(), this.#directory, this.#options.context, this.#watch.signal);
  }

  #watched(): WatchedPipelines {
    const plans = () => this.plans;
    return {
      get plans() {
        return plans();
      },
      tablesOf: (source) =>
        this.tasks
          .flatMap(({ sources }) => sources)
          .find(({ name }) => name === source)!
          .tables(),
      reload: (pipelines) => this.#next(() => this.#reload(pipelines)),
    };
  }

  #begin(task: AnyTask, onError: (error: unknown) => void = () => {}): void {
    if (!(task instanceof SourceTask) && this.isPaused(task)) {
      task.pause();
      return;
    }
    this.#tasks.begin(task, (error) => {
      onError(error);
      if (task instanceof SinkTask) this.onSinkStopped(task, error);
    });
  }

  /** Whether somebody has paused the sink, or the stage with its pipeline. */
  isPaused({ group }: { readonly group: string }): boolean {
    return this.#options.log.checkpoints.get(pausedCheckpoint(group)) !== undefined;
  }

  /**
   * Stops sources or sinks, acts while nobody writes to them or for them, and starts them again, those too that had stopped by
   * themselves; paused ones stay so. One at a time, and never beside a reload.
   */
  whileStopped<T>(tasks: readonly AnyTask[], act: () => Promise<T>): Promise<T> {
    const next = this.#reloading.then(async () => {
      if (this.#isStopping) throw new TailraceError('instance.not_running', 'the instance is stopping');
      let result: T | undefined;
      await this.#tasks.exchange(async () => {
        await this.#tasks.end(tasks, new TailraceError('internal.bug', 'stopping for a command'));
        try {
          result = await act();
        } finally {
          if (!this.#isStopping) for (const task of tasks) this.#begin(task);
        }
      });
      return result as T;
    });
    this.#reloading = next.catch(() => {});
    return next;
  }

  /**
   * Resolves with null after `stop`, or with the error when a task could not even start because the set-up is wrong, or
   * when no source and no sink is left at work.
   */
  get done(): Promise<unknown> {
    return this.#tasks.done.then((error) => this.#wrongSetup ?? error);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const reason = new TailraceError('internal.bug', 'stopping');
    this.#watch.abort();
    await this.#tasks.endAll(reason);
    await this.#watching;
    await this.#reloading;
    await this.#tasks.endAll(reason);
  }

  checkRules(others: readonly PipelinePlan[]): Promise<void> {
    const tasks = this.tasks.flatMap(({ sources }) => sources);
    const known = (source: string) => tasks.find(({ name }) => name === source)?.described ?? null;
    return checkRules(this.#directory.apply(others), known, this.#options);
  }

  withEffects(plan: ReloadPlan, others: readonly PipelinePlan[]): Promise<ReloadPlan> {
    const { instance, ...options } = this.#options;
    return withEffects(plan, this.plans, this.#directory.apply(others), {
      ...options,
      rulesContext: { maskKey: instance.maskKey },
      topics: (pipeline, sink) => sinkTopics(options.envelope, pipeline, sink),
      records: (pipeline, sink) => this.#recordsFor(pipeline, sink),
      rate: (type) => {
        const tasks = this.#parts
          .flatMap(({ sinks }) => sinks)
          .filter(({ plan: { manifest } }) => manifest.type === type);
        return tasks.map(({ task }) => task.rate).find((rate) => rate !== null) ?? null;
      },
      filters: (source) => plannedFilters(source, instance.instance, options.context, options.rules),
    });
  }

  planReload(others: readonly PipelinePlan[]): ReloadPlan {
    const pipelines = this.#directory.apply(others);
    const changes = planChanges(this.plans, pipelines, (pipeline, sink) => this.#recordsFor(pipeline, sink));
    return { hash: planHash(pipelines, changes, this.#salt), changes, untouched: untouched(pipelines, changes) };
  }

  /** @param begins called before anything is touched, when nothing is wrong with the rules */
  reload(pipelines: readonly PipelinePlan[], begins: () => Promise<void> = async () => {}): Promise<Reloaded> {
    return this.#next(async () => {
      await this.checkRules(pipelines);
      await this.#directory.refresh(pipelines);
      await begins();
      return this.#reload(pipelines);
    });
  }

  #next(act: () => Promise<Reloaded>): Promise<Reloaded> {
    const next = this.#reloading.then(act);
    this.#reloading = next.catch(() => {});
    return next;
  }

  async #reload(others: readonly PipelinePlan[]): Promise<Reloaded> {
    if (this.#isStopping) throw new TailraceError('instance.not_running', 'the instance is stopping');
    const pipelines = this.#directory.apply(others);
    const plan = this.planReload(others);
    await ensureTopics(this.#options, pipelines);
    const after = this.#build(pipelines, kept(this.#parts, plan));
    const [old, now] = [named(this.#parts), named(after)];
    const ended = [...old].filter(([name, task]) => now.get(name) !== task);
    const begun = [...now].filter(([name, task]) => old.get(name) !== task);
    await this.#tasks.exchange(async () => {
      const reason = new TailraceError('internal.bug', 'reloading');
      await this.#tasks.end(
        ended.map(([, task]) => task),
        reason,
      );
      for (const [, task] of ended) if (!(task instanceof SourceTask)) task.release();
      this.#parts = after;
      this.#removeStores(after);
      if (!this.#isStopping) for (const [, task] of begun) this.#begin(task);
    });
    return {
      plan,
      started: begun.flatMap(([name]) => (old.has(name) ? [] : [name])),
      restarted: begun.flatMap(([name]) => (old.has(name) ? [name] : [])),
      stopped: ended.flatMap(([name]) => (now.has(name) ? [] : [name])),
    };
  }

  /** @param running parts that go on as they are */
  #build(pipelines: readonly PipelinePlan[], running: readonly PipelineParts[]): PipelineParts[] {
    const total = pipelines.reduce(
      (sum, one) => sum + one.sources.length + one.sinks.length + Number(isStaged(one)),
      0,
    );
    const going = running.flatMap(({ sources, stage, sinks }) => [
      ...sources,
      ...(stage === null ? [] : [stage]),
      ...sinks,
    ]);
    const used = going.reduce((sum, { maxBytes }) => sum + maxBytes, 0);
    // Invariant 10: what goes on keeps its share, the others have what is left.
    const left = this.#options.instance.memoryBytes / 2 - used;
    const share = Math.floor(left / Math.max(1, total - going.length));
    const maxBytes = Math.min(MAX_BUFFER_BYTES, Math.max(MIN_BUFFER_BYTES, share));
    return pipelines.map((plan) => {
      const old = running.find((one) => one.plan.name === plan.name);
      const sourceOf = (name: string) => old?.sources.find((part) => part.plan.name === name);
      const sinkOf = (name: string) => old?.sinks.find((part) => part.plan.name === name);
      return {
        plan,
        stage: isStaged(plan) ? (old?.stage ?? this.#stage(plan, maxBytes)) : null,
        sources: plan.sources.map((source) => sourceOf(source.name) ?? this.#source(plan, source, maxBytes)),
        sinks: plan.sinks.map((sink) => sinkOf(sink.name) ?? this.#sink(plan, sink, maxBytes)),
      };
    });
  }

  #source(pipeline: PipelinePlan, plan: SourcePlan, share: number): Part<SourcePlan, SourceTask> {
    const { instance, log, envelope, rules, context, topicAdmin } = this.#options;
    // Invariant 10: what it keeps of its rows beside the log has a part of its share.
    const isKept = plan.manifest.rehydrates?.(plan.config) === true;
    const maxBytes = Math.min(MAX_SOURCE_BUFFER_BYTES, isKept ? share >> 1 : share);
    const cacheBytes = isKept ? share - maxBytes : 0;
    // The rules of the pipeline as they are when a table is seen.
    const current = () => this.plans.find(({ name }) => name === pipeline.name) ?? pipeline;
    const shared = { log, envelope, rules, context, maxBytes, rulesContext: { maskKey: instance.maskKey } };
    const task = new SourceTask({
      ...shared,
      plan,
      cacheBytes,
      instance: instance.instance,
      dataDir: instance.dataDir,
      ...(topicAdmin && { topicAdmin }),
      tableTopics: new Set(sourceTopics(envelope, plan)),
      rulesOf: (tables) => tableRules(current(), plan, tables),
    });
    return { plan, task, maxBytes: maxBytes + cacheBytes };
  }

  #stage(plan: PipelinePlan, maxBytes: number): Part<PipelinePlan, StageTask> {
    const { instance, log, envelope, rules, context } = this.#options;
    const rulesContext = { maskKey: instance.maskKey };
    const shared = { log, envelope, rules, context, maxBytes, rulesContext, dataDir: instance.dataDir };
    const topics = plan.sources.flatMap((source) => sourceTopics(envelope, source));
    const task = new StageTask({ ...shared, pipeline: plan, topics, described: (name) => this.#described(plan, name) });
    return { plan, task, maxBytes };
  }

  /** A table as it stands in the log, behind the steps of its source; null: its source has not been asked yet. */
  #described({ sources }: PipelinePlan, name: string): TableSchema | null {
    const { rules, instance } = this.#options;
    for (const { name: source, transform } of sources) {
      const task = this.tasks.flatMap((one) => one.sources).find((one) => one.name === source);
      const table = task?.described?.find((one) => namesTable(name, one));
      if (table === undefined) continue;
      const described = { ...table, source };
      return rules.compile(transform, { id: schemaId(described), ...described }, { maskKey: instance.maskKey }).output;
    }
    return null;
  }

  #sink(pipeline: PipelinePlan, plan: SinkPlan, maxBytes: number): Part<SinkPlan, SinkTask> {
    const { instance, log, envelope, rules, context } = this.#options;
    const shared = { log, envelope, rules, context, maxBytes, rulesContext: { maskKey: instance.maskKey } };
    const task = new SinkTask({
      ...shared,
      plan,
      pipeline: pipeline.name,
      label: labelOf(pipeline),
      steps: stepsOfSink(pipeline, plan),
      sources: pipeline.sources.map((source) => readFrom(pipeline, source.name)),
      topics: sinkTopics(envelope, pipeline, plan),
    });
    return { plan, task, maxBytes };
  }

  /** A sink beside those of its pipeline, with a share of its own of the memory. Whoever asks for it runs it. */
  sinkBeside(pipeline: PipelinePlan, plan: SinkPlan): SinkTask {
    return this.#sink(pipeline, plan, MIN_BUFFER_BYTES).task;
  }

  #recordsFor(pipeline: PipelinePlan, sink: SinkPlan): number {
    const { envelope, log } = this.#options;
    const partitions = sinkTopics(envelope, pipeline, sink).flatMap((topic) => log.topics.get(topic)?.partitions ?? []);
    return Number(partitions.reduce((sum, { startOffset, endOffset }) => sum + endOffset - startOffset, 0n));
  }
}

/** Tasks by `source NAME`, `stage PIPELINE` and `sink PIPELINE/NAME`. */
function named(all: readonly PipelineParts[]): Map<string, AnyTask> {
  return new Map<string, AnyTask>(
    all.flatMap(({ plan: { name }, sources, stage, sinks }) => [
      ...sources.map(({ plan, task }) => [`source ${plan.name}`, task] as const),
      ...(stage === null ? [] : [[`stage ${name}`, stage.task] as const]),
      ...sinks.map(({ plan, task }) => [`sink ${name}/${plan.name}`, task] as const),
    ]),
  );
}

/** What a plan leaves untouched. */
function kept(running: readonly PipelineParts[], { untouched: names }: ReloadPlan): PipelineParts[] {
  return running.map(({ plan, sources, stage, sinks }) => ({
    plan,
    stage: names.includes(`stage ${plan.name}`) ? stage : null,
    sources: sources.filter((source) => names.includes(`source ${source.plan.name}`)),
    sinks: sinks.filter((sink) => names.includes(`sink ${plan.name}/${sink.plan.name}`)),
  }));
}

export async function ensureTopics(
  { envelope, log }: Pick<InstanceOptions, 'envelope' | 'log'>,
  pipelines: readonly PipelinePlan[],
): Promise<void> {
  for (const pipeline of pipelines) {
    for (const topic of pipelineTopics(envelope, pipeline)) {
      await log.topics.ensure(topic, { partitions: 1, cleanup: 'compact' });
    }
  }
}

function isSetup(error: unknown): boolean {
  return (
    error instanceof TailraceError &&
    /^(source|sink|config)\./.test(error.code) &&
    !error.code.endsWith('.gap') &&
    error.code !== 'sink.other_log' &&
    error.code !== 'source.unsupported'
  );
}

function pipelineTopics(envelope: Envelope, pipeline: PipelinePlan): string[] {
  const prefixes = (source: string) => new Set([source, readFrom(pipeline, source)]);
  return pipeline.sources.flatMap(({ name, tables }) =>
    [...prefixes(name)].flatMap((prefix) => [
      ...tables.map((table) => tableTopic(envelope, prefix, table)),
      schemasTopic(prefix),
    ]),
  );
}

/** Topics of the tables that a source captures. */
function sourceTopics(envelope: Envelope, { name, tables }: SourcePlan): string[] {
  return tables.map((table) => tableTopic(envelope, name, table));
}

function sinkTopics(envelope: Envelope, pipeline: PipelinePlan, sink: SinkPlan): string[] {
  return pipeline.sources.flatMap((source) =>
    source.tables
      .filter((table) => sinkTakes(sink, table))
      .map((table) => topicForSinks(envelope, pipeline, source.name, table)),
  );
}
