/** What people do with the sinks of a running instance. */
import type { SnapshotControl } from '../contracts/control.ts';
import type { Envelope } from '../contracts/envelope.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Log, LogTransaction } from '../contracts/log.ts';
import type { PipelinePlan, SinkPlan } from '../contracts/plan.ts';
import type { ConnectorContext } from '../contracts/plugin.ts';
import type { Adopted, ReplayPlan, ReplayRequest, SinkCommands } from '../contracts/replay.ts';
import type { SinkPositions } from '../contracts/sink.ts';
import { adopt } from './adoption.ts';
import {
  generationCheckpoint,
  groupBeganCheckpoint,
  groupCheckpoint,
  pausedCheckpoint,
  rebuildCheckpoint,
  replayCheckpoint,
} from './checkpoint-names.ts';
import { planOf, type ReplayRanges, replayRanges } from './replay-ranges.ts';
import { type Replay, readReplay, writeReplay } from './replay-state.ts';
import { serviceCommit } from './service-commit.ts';
import type { SinkTask } from './sink-task.ts';
import type { SourceTask } from './source-task.ts';
import { readFrom, topicForSinks } from './stage/stage-plan.ts';
import type { StageTask } from './stage/stage-task.ts';
import { isCalled } from './stored-names.ts';

/** A sink of the instance, at work or not. */
export interface ControlledSink {
  readonly pipeline: PipelinePlan;
  readonly plan: SinkPlan;
  readonly task: SinkTask;
}

export interface ControlledSinks {
  /** As they are now. */
  readonly sinks: () => readonly ControlledSink[];
  /** Tasks of the sources of a pipeline. */
  sources(pipeline: string): readonly SourceTask[];
  /** Null: the sinks of the pipeline read what its sources write. */
  stage(pipeline: string): StageTask | null;
  /** As `RunningPipelines.whileStopped`. */
  whileStopped<T>(tasks: readonly (SinkTask | StageTask | SourceTask)[], act: () => Promise<T>): Promise<T>;
  snapshots: SnapshotControl['snapshots'];
  /** A sink beside those of its pipeline; whoever asks for it runs it. */
  sinkBeside(pipeline: PipelinePlan, plan: SinkPlan): SinkTask;
  /** Has a function told of every sink that stops by itself: one function. */
  watchSinks(stopped: (task: SinkTask, error: unknown) => void): void;
}

export interface SinkControlOptions {
  readonly log: Log;
  readonly envelope: Envelope;
  readonly context: ConnectorContext;
  readonly running: ControlledSinks;
}

export class SinkControl implements SinkCommands {
  readonly #options: SinkControlOptions;
  /** Names of sinks that are being taken over. */
  readonly #mending = new Set<string>();

  constructor(options: SinkControlOptions) {
    this.#options = options;
    options.running.watchSinks((task, error) => void this.#mend(task, error));
  }

  /** DESIGN § 6, Lineage: where sources start over by themselves, so does a sink before a target of another log. */
  async #mend(task: SinkTask, error: unknown): Promise<void> {
    if (!(error instanceof TailraceError) || error.code !== 'sink.other_log') return;
    const { log, running, context } = this.#options;
    const sink = running.sinks().find((one) => one.task === task);
    if (sink === undefined || sink.pipeline.sources.some(({ onGap }) => onGap !== 'resnapshot')) return;
    const name = `${sink.pipeline.name}/${sink.plan.name}`;
    const isRebuilt = log.checkpoints.get(rebuildCheckpoint(sink.pipeline.name, sink.plan.name)) !== undefined;
    if (isRebuilt || this.#mending.has(name)) return;
    this.#mending.add(name);
    try {
      const { held } = await adopt(this.#options, sink);
      context.log('warn', 'takes over a target that another log has fed, and reads its tables once more', {
        sink: name,
        held,
      });
    } catch (cause) {
      const { code, message } =
        cause instanceof TailraceError ? cause : { code: 'internal.bug', message: 'unexpected' };
      context.log('error', `the target of another log cannot be taken over: ${message}`, { sink: name, code });
    } finally {
      this.#mending.delete(name);
    }
  }

  async pause(pipeline: string, sink: string | null): Promise<readonly string[]> {
    const now = String(this.#options.context.clock.now());
    return this.#each(pipeline, sink, ({ group }, transaction) => transaction.checkpoint(pausedCheckpoint(group), now));
  }

  async resume(pipeline: string, sink: string | null): Promise<readonly string[]> {
    return this.#each(pipeline, sink, ({ group }, transaction) =>
      transaction.checkpoint(pausedCheckpoint(group), null),
    );
  }

  async planReplay(request: ReplayRequest): Promise<ReplayPlan> {
    return planOf(await this.#ranges(this.#one(request.pipeline, request.sink), request));
  }

  async replay(request: ReplayRequest): Promise<ReplayPlan> {
    const sink = this.#one(request.pipeline, request.sink);
    const { log, context, running } = this.#options;
    const wanted = await this.#ranges(sink, request);
    return running.whileStopped([sink.task], async () => {
      const ranges = onwardFrom(wanted, sink.task.positions, request.to === null);
      const replay: Replay = { startedMs: context.clock.now(), rate: request.rate, topics: ranges.topics };
      await serviceCommit(log, sink.task.group, (transaction) => {
        this.#move(sink, transaction, (topic) => ranges.topics[topic]?.from);
        transaction.checkpoint(replayCheckpoint(sink.task.group), writeReplay(replay));
      });
      return planOf(ranges);
    });
  }

  async cancelReplay(pipeline: string, sink: string): Promise<boolean> {
    const found = this.#one(pipeline, sink);
    const { log, running } = this.#options;
    return running.whileStopped([found.task], async () => {
      const name = replayCheckpoint(found.task.group);
      const replay = readReplay(log.checkpoints.get(name));
      if (replay === null) return false;
      await serviceCommit(log, found.task.group, (transaction) => {
        this.#move(found, transaction, (topic) => replay.topics[topic]?.onward);
        transaction.checkpoint(name, null);
      });
      return true;
    });
  }

  async adopt(pipeline: string, sink: string): Promise<Adopted> {
    return adopt(this.#options, this.#one(pipeline, sink));
  }

  /**
   * Sends a stopped sink elsewhere: what the target says of positions is not obeyed any more. It has had what lies below where
   * it stood, so deletes that compaction has removed there are no gap for it.
   */
  #move({ task }: ControlledSink, transaction: LogTransaction, to: (topic: string) => bigint | undefined): void {
    const { checkpoints } = this.#options.log;
    const { group } = task;
    for (const { topic, partition, next } of task.positions) {
      const target = to(topic) ?? next;
      transaction.checkpoint(groupCheckpoint(group, topic, partition), String(target));
      const began = groupBeganCheckpoint(group, topic, partition);
      if (next > BigInt(checkpoints.get(began) ?? 0)) transaction.checkpoint(began, String(next));
    }
    const generation = Number(checkpoints.get(generationCheckpoint(group)) ?? 0);
    transaction.checkpoint(generationCheckpoint(group), String(generation + 1));
  }

  async #ranges(sink: ControlledSink, { from, to, tables, into }: ReplayRequest): Promise<ReplayRanges> {
    const { log, envelope } = this.#options;
    const { pipeline, plan, task } = sink;
    if (into !== null) {
      throw new TailraceError('replay.invalid', 'a replay writes into the target of its sink', {
        remedy: 'add a sink with the new target to the pipeline: it is filled from the log',
      });
    }
    if (plan.consistency === 'transactional') {
      const name = `${pipeline.name}/${plan.name}`;
      throw new TailraceError('replay.invalid', `${name} is transactional: older states would be seen in between`, {
        remedy: `tailrace rebuild ${name} makes its target anew`,
      });
    }
    const everyChange = plan.manifest.keeps === 'append';
    if (everyChange && !task.hasRun) {
      throw new TailraceError('replay.invalid', `${pipeline.name}/${plan.name} has not run since the start`, {
        remedy: 'wait until it runs: only its target knows where it stands',
      });
    }
    const topics = tables === null ? null : topicsOf(envelope, pipeline, tables);
    const positions = task.positions.filter(({ topic }) => topics === null || topics.has(topic));
    if (positions.length === 0) {
      throw new TailraceError('replay.invalid', `${pipeline.name}/${plan.name} takes none of these tables`, {
        remedy: 'name tables as they stand under tables: of the source',
      });
    }
    const sources = pipeline.sources.map(({ name }) => readFrom(pipeline, name));
    return replayRanges({ log, envelope, sources, positions, everyChange }, from, to);
  }

  async #each(
    pipeline: string,
    sink: string | null,
    stage: (task: { readonly group: string }, transaction: LogTransaction) => void,
  ): Promise<readonly string[]> {
    const found = this.#named(pipeline, sink);
    const { log, running } = this.#options;
    const own = sink === null ? running.stage(pipeline) : null;
    const tasks = [...(own === null ? [] : [own]), ...found.map(({ task }) => task)];
    await running.whileStopped(tasks, () =>
      serviceCommit(log, `control/${pipeline}`, (transaction) => {
        for (const task of tasks) stage(task, transaction);
      }),
    );
    return found.map(({ plan }) => `${pipeline}/${plan.name}`);
  }

  #one(pipeline: string, sink: string): ControlledSink {
    return this.#named(pipeline, sink)[0]!;
  }

  #named(pipeline: string, sink: string | null): readonly ControlledSink[] {
    const all = this.#options.running.sinks().filter((one) => isCalled(one.pipeline, pipeline));
    const found = all.filter(({ plan }) => sink === null || isCalled(plan, sink));
    if (found.length > 0) return found;
    const what = all.length === 0 ? `there is no pipeline ${pipeline}` : `${pipeline} has no sink ${sink}`;
    throw new TailraceError('pipeline.not_found', what, { remedy: '`tailrace status` lists them' });
  }
}

/** The same ranges, of a sink that has moved on meanwhile. */
function onwardFrom(ranges: ReplayRanges, positions: SinkPositions, toTheEnd: boolean): ReplayRanges {
  const topics = Object.entries(ranges.topics).map(([topic, range]) => {
    const next = positions.find((position) => position.topic === topic)?.next ?? range.onward;
    return [topic, { ...range, until: toTheEnd ? next : range.until, onward: next }] as const;
  });
  return { ...ranges, topics: Object.fromEntries(topics) };
}

function topicsOf(envelope: Envelope, pipeline: PipelinePlan, tables: readonly string[]): ReadonlySet<string> {
  const isWanted = (table: string) => tables.includes(table) || tables.includes(table.slice(table.indexOf('.') + 1));
  return new Set(
    pipeline.sources.flatMap((source) =>
      source.tables.filter(isWanted).map((table) => topicForSinks(envelope, pipeline, source.name, table)),
    ),
  );
}
