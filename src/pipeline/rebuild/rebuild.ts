/**
 * Builds the target of a sink anew: a shadow is filled from the log beside it, compared with the source, and takes its place.
 *
 * A crash before the swap leaves the shadow, which is filled on at the next start. The swap is one act of the target and one
 * commit of the log; between them the target holds positions of a generation that the log has not come to, which no sink obeys
 * (`sink.other_log`), and the next start does both again.
 */
import type { Envelope } from '../../contracts/envelope.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { Log } from '../../contracts/log.ts';
import type { ConnectorContext } from '../../contracts/plugin.ts';
import type { ReplayProgress } from '../../contracts/replay.ts';
import type { SinkOpenOptions } from '../../contracts/sink.ts';
import type { VerificationStatus } from '../../contracts/verification.ts';
import {
  generationCheckpoint,
  groupBeganCheckpoint,
  groupCheckpoint,
  groupCheckpointPrefix,
  rebuildCheckpoint,
  replayCheckpoint,
  sinkGroup,
  verifyCheckpoint,
} from '../checkpoint-names.ts';
import { serviceCommit } from '../service-commit.ts';
import type { ControlledSink, ControlledSinks } from '../sink-control.ts';
import { endLetters, moveLetters } from './move-letters.ts';
import { type RebuildState, shadowName, tagOf } from './rebuild-state.ts';
import { ShadowSink, shadowPlan } from './shadow-sink.ts';

export interface RebuildOptions {
  readonly log: Log;
  readonly envelope: Envelope;
  readonly context: ConnectorContext;
  readonly running: ControlledSinks;
  /** Compares a sink that is no sink of the pipeline's file with the source; to its end. */
  readonly verify: (
    sink: Pick<ControlledSink, 'pipeline' | 'plan'>,
    signal: AbortSignal,
  ) => Promise<VerificationStatus>;
}

/** Behind by so much it is caught up: the rest comes while the old one stands still. */
const NEAR_RECORDS = 5_000;

export class Rebuild {
  readonly #options: RebuildOptions;
  readonly #sink: ControlledSink;
  readonly #shadow: ShadowSink;
  readonly #signal: AbortSignal;
  readonly #log: Log;
  #state: RebuildState;
  step = 'starting';
  notes: string[] = [];

  constructor(options: RebuildOptions, sink: ControlledSink, state: RebuildState, signal: AbortSignal) {
    this.#options = options;
    this.#log = options.log;
    this.#sink = sink;
    this.#state = state;
    this.#signal = signal;
    this.#shadow = new ShadowSink(options.running, sink, options.context.clock);
  }

  get isSwapping(): boolean {
    return this.#state.phase === 'swap';
  }

  get progress(): ReplayProgress | null {
    if (this.isSwapping) return null;
    const { lagRecords } = this.#shadow.task.status();
    const total = this.#shadow.task.positions.reduce((sum, { topic }) => {
      const info = this.#log.topics.get(topic)?.partitions[0];
      return sum + Number((info?.endOffset ?? 0n) - (info?.startOffset ?? 0n));
    }, 0);
    const done = Math.max(0, total - lagRecords);
    const percent = total === 0 ? 100 : Math.floor((done * 100) / total);
    return {
      startedMs: this.#state.startedMs,
      rate: this.#sink.plan.rate ?? null,
      done,
      total,
      percent,
      etaSeconds: null,
    };
  }

  async run(): Promise<void> {
    try {
      if (!this.isSwapping) await this.#fill();
      await this.#swap();
    } finally {
      await this.#shadow.end();
    }
  }

  /** Removes what a rebuild that is given up has left. */
  async drop(): Promise<void> {
    await this.#shadow.end();
    const { pipeline, plan } = this.#sink;
    await plan.manifest.rebuild!.drop(this.#openOptions(), this.#names());
    await endLetters(this.#shadow.task.deadLetters.store, this.#options.context.clock);
    const group = sinkGroup(pipeline.name, shadowName(plan.name));
    await serviceCommit(this.#log, rebuildCheckpoint(pipeline.name, plan.name), (transaction) => {
      for (const name of this.#checkpointsOf(group)) transaction.checkpoint(name, null);
      transaction.checkpoint(rebuildCheckpoint(pipeline.name, plan.name), null);
    });
  }

  async #fill(): Promise<void> {
    const { pipeline, plan } = this.#sink;
    // What an earlier one could not remove.
    if (this.#log.checkpoints.get(rebuildCheckpoint(pipeline.name, plan.name)) === undefined) {
      await plan.manifest.rebuild!.drop(this.#openOptions(), this.#names());
      await this.#save(this.#state);
    }
    this.step = 'filling the new target from the log';
    this.#shadow.begin();
    const { task } = this.#shadow;
    await this.#shadow.until(() => task.hasRun && task.status().lagRecords <= NEAR_RECORDS, this.#signal);
    if (this.#state.verify) await this.#verify();
  }

  async #verify(): Promise<void> {
    this.step = 'comparing it with the source';
    const shown = { pipeline: this.#sink.pipeline, plan: shadowPlan(this.#sink) };
    const { counts, problem, state, unsettled } = await this.#options.verify(shown, this.#signal);
    this.#signal.throwIfAborted();
    if (problem?.code === 'verify.unsupported') {
      this.notes.push(`not compared with the source: ${problem.message}`);
      return;
    }
    if (problem !== null)
      throw new TailraceError('verify.waits', problem.message, { remedy: problem.remedy ?? NO_VERIFY });
    const differing = counts.missing + counts.different + counts.extra;
    if (state === 'done' && differing === 0) {
      this.notes.push(
        unsettled === 0 ? 'equal to the source' : `equal to the source but for ${unsettled} rows that kept changing`,
      );
      return;
    }
    throw new TailraceError('verify.different', `the new target differs from the source in ${differing} rows`, {
      remedy: `dead letters are the usual cause: tailrace dlq ls ${this.#sink.pipeline.name}; ${NO_VERIFY}`,
    });
  }

  async #swap(): Promise<void> {
    const { running } = this.#options;
    await running.whileStopped([this.#sink.task], async () => {
      if (!this.isSwapping) {
        this.step = 'waiting for the last records';
        const endOf = (topic: string) => this.#log.topics.get(topic)?.partitions[0]?.endOffset ?? 0n;
        const { positions } = this.#sink.task;
        await this.#shadow.until(() => this.#shadow.hasReached(positions, endOf), this.#signal);
        await this.#shadow.end();
        await this.#save({ ...this.#state, phase: 'swap' });
      }
      this.step = 'taking the place of the old target';
      this.#options.context.failpoint('rebuild.before-swap');
      const { rebuild } = this.#sink.plan.manifest;
      const swap = { ...this.#names(), generation: this.#generation };
      this.notes.push(...(await rebuild!.swap(this.#openOptions(), swap)));
      this.#options.context.failpoint('rebuild.after-swap');
      await moveLetters(
        this.#sink.task.deadLetters.store,
        this.#shadow.task.deadLetters.store,
        this.#options.context.clock,
      );
      await this.#commit();
    });
    this.step = 'done';
  }

  /** The sink goes on where the shadow was. */
  async #commit(): Promise<void> {
    const { pipeline, plan, task } = this.#sink;
    const shadow = sinkGroup(pipeline.name, shadowName(plan.name));
    const { checkpoints } = this.#log;
    await serviceCommit(this.#log, task.group, (transaction) => {
      for (const { topic, partition } of task.positions) {
        const next = checkpoints.get(groupCheckpoint(shadow, topic, partition));
        transaction.checkpoint(groupCheckpoint(task.group, topic, partition), next ?? null);
        const began = checkpoints.get(groupBeganCheckpoint(shadow, topic, partition));
        transaction.checkpoint(groupBeganCheckpoint(task.group, topic, partition), began ?? null);
      }
      for (const name of this.#checkpointsOf(shadow)) transaction.checkpoint(name, null);
      transaction.checkpoint(generationCheckpoint(task.group), String(this.#generation));
      transaction.checkpoint(replayCheckpoint(task.group), null);
      transaction.checkpoint(rebuildCheckpoint(pipeline.name, plan.name), null);
    });
  }

  /** The next one; the same until it is committed. */
  get #generation(): number {
    return Number(this.#log.checkpoints.get(generationCheckpoint(this.#sink.task.group)) ?? 0) + 1;
  }

  #checkpointsOf(group: string): string[] {
    const { checkpoints } = this.#log;
    const prefixes = [groupCheckpointPrefix(group), `began/${group}/`];
    const saved = verifyCheckpoint(this.#sink.pipeline.name, shadowName(this.#sink.plan.name));
    return [saved, ...prefixes.flatMap((prefix) => checkpoints.list(prefix).map(([name]) => name))];
  }

  async #save(state: RebuildState): Promise<void> {
    const name = rebuildCheckpoint(this.#sink.pipeline.name, this.#sink.plan.name);
    await serviceCommit(this.#log, name, (transaction) => transaction.checkpoint(name, JSON.stringify(state)));
    this.#state = state;
  }

  #names() {
    const { pipeline, plan } = this.#sink;
    return { tag: tagOf(pipeline.name, plan.name), shadowId: `${pipeline.name}.${shadowName(plan.name)}` };
  }

  #openOptions(): SinkOpenOptions<unknown> {
    const { pipeline, plan } = this.#sink;
    const { context } = this.#options;
    const names = { id: `${pipeline.name}.${plan.name}`, pipeline: pipeline.name, generation: this.#generation };
    return { ...names, config: plan.config, lineage: this.#log.lineage, maxBytes: 1 << 20, context };
  }
}

const NO_VERIFY = '--no-verify takes it without a comparison';
