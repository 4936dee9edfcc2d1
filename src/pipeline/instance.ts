/** A running instance: every source and sink of the given pipelines over one log. */
import type { Control, InstanceStatus, SnapshotControl, TopicStatus } from '../contracts/control.ts';
import type { Envelope } from '../contracts/envelope.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Log } from '../contracts/log.ts';
import type { InstancePlan, PipelinePlan, SinkPlan, SourcePlan } from '../contracts/plan.ts';
import type { ConnectorContext } from '../contracts/plugin.ts';
import type { Rules } from '../contracts/rules.ts';
import type { SnapshotCommand } from '../contracts/upstream.ts';
import { schemasTopic } from './checkpoint-names.ts';
import { sinkTakes } from './sink-tables.ts';
import { SinkTask } from './sink-task.ts';
import { SourceTask } from './source-task.ts';
import { tableRules } from './table-rules.ts';
import { topicStatus } from './topic-status.ts';

const MIN_BUFFER_BYTES = 1 << 20;
const MAX_BUFFER_BYTES = 8 << 20;
/** Rows are on their way to the disk while they are still in the processor's cache; more in one commit gains nothing. */
const MAX_SOURCE_BUFFER_BYTES = 3 << 20;

export interface InstanceOptions {
  readonly instance: InstancePlan;
  readonly pipelines: readonly PipelinePlan[];
  readonly log: Log;
  readonly envelope: Envelope;
  readonly rules: Rules;
  readonly context: ConnectorContext;
}

interface PipelineTasks {
  readonly name: string;
  readonly sources: readonly SourceTask[];
  readonly sinks: readonly SinkTask[];
}

export class Instance implements Control, SnapshotControl {
  readonly #options: InstanceOptions;
  readonly #startedMs: number;
  readonly #abort = new AbortController();
  readonly #tasks: readonly PipelineTasks[];
  #done: Promise<unknown> = Promise.resolve(null);

  private constructor(options: InstanceOptions) {
    this.#options = options;
    this.#startedMs = options.context.clock.now();
    this.#tasks = options.pipelines.map((pipeline) => this.#build(pipeline));
  }

  /** Creates the topics and starts every task. Errors of single tasks show in the status, not here. */
  static async start(options: InstanceOptions): Promise<Instance> {
    const instance = await Instance.prepare(options);
    instance.begin();
    return instance;
  }

  /** Creates the topics. Nothing is read or written before `begin`. */
  static async prepare(options: InstanceOptions): Promise<Instance> {
    for (const pipeline of options.pipelines) {
      for (const topic of pipelineTopics(options.envelope, pipeline)) {
        await options.log.topics.ensure(topic, { partitions: 1, cleanup: 'compact' });
      }
    }
    return new Instance(options);
  }

  begin(): void {
    this.#done = this.#run();
  }

  /**
   * Resolves with null after `stop`, or with the error when a task could not even start because the set-up is wrong, or
   * when no source and no sink is left at work.
   */
  get done(): Promise<unknown> {
    return this.#done;
  }

  async stop(): Promise<void> {
    this.#abort.abort(new TailraceError('internal.bug', 'stopping'));
    await this.#done;
  }

  status(): InstanceStatus {
    return {
      instance: this.#options.instance.instance,
      running: true,
      pid: process.pid,
      startedMs: this.#startedMs,
      pipelines: this.#tasks.map(({ name, sources, sinks }) => ({
        name,
        sources: sources.map((task) => task.status()),
        sinks: sinks.map((task) => task.status()),
      })),
    };
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

  async #run(): Promise<unknown> {
    const signal = this.#abort.signal;
    let wrongSetup: unknown = null;
    const all = this.#tasks.flatMap(({ sources, sinks }) => [...sources, ...sinks]);
    const errors = await Promise.all(
      all.map(async (task) => {
        const error = await task.run(signal);
        if (error !== null && !task.hasRun && isSetup(error)) {
          wrongSetup ??= error;
          this.#abort.abort(error);
        }
        return error;
      }),
    );
    return wrongSetup ?? errors.find((error) => error !== null) ?? null;
  }

  #build(pipeline: PipelinePlan): PipelineTasks {
    const { instance, log, envelope, rules, context } = this.#options;
    const rulesContext = { maskKey: instance.maskKey };
    const buffers = this.#options.pipelines.flatMap((p) => [...p.sources, ...p.sinks]).length;
    const share = Math.floor(instance.memoryBytes / 2 / Math.max(1, buffers));
    const maxBytes = Math.min(MAX_BUFFER_BYTES, Math.max(MIN_BUFFER_BYTES, share));
    const shared = { log, envelope, rules, rulesContext, context, maxBytes };
    const tableTopics = new Set(pipeline.sources.flatMap((source) => sourceTopics(envelope, source)));
    return {
      name: pipeline.name,
      sources: pipeline.sources.map(
        (plan) =>
          new SourceTask({
            ...shared,
            maxBytes: Math.min(MAX_SOURCE_BUFFER_BYTES, maxBytes),
            plan,
            instance: instance.instance,
            tableTopics,
            rulesOf: (tables) => tableRules(pipeline, plan, tables),
          }),
      ),
      sinks: pipeline.sinks.map(
        (plan) =>
          new SinkTask({
            ...shared,
            plan,
            pipeline: pipeline.name,
            pipelineTransform: pipeline.transform,
            sources: pipeline.sources.map((source) => source.name),
            topics: sinkTopics(envelope, pipeline, plan),
          }),
      ),
    };
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
  return pipeline.sources.flatMap((source) => [...sourceTopics(envelope, source), schemasTopic(source.name)]);
}

/** Topics of the tables that a source captures. */
function sourceTopics(envelope: Envelope, { name, tables }: SourcePlan): string[] {
  return tables.map((table) => tableTopic(envelope, name, table));
}

function sinkTopics(envelope: Envelope, pipeline: PipelinePlan, sink: SinkPlan): string[] {
  return pipeline.sources.flatMap((source) =>
    source.tables.filter((table) => sinkTakes(sink, table)).map((table) => tableTopic(envelope, source.name, table)),
  );
}

function tableTopic(envelope: Envelope, source: string, table: string): string {
  const dot = table.indexOf('.');
  return envelope.topicOf(source, table.slice(0, dot), table.slice(dot + 1));
}
