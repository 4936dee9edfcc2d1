/**
 * Compares sinks with their sources again and again, slowly, as their `verify:` says. One round of a sink at a time; it goes on
 * after a restart where it was, and rests while its sink or a source of it is not at work.
 */
import type { Control } from '../../contracts/control.ts';
import { errorWords, TailraceError } from '../../contracts/errors.ts';
import type { Log } from '../../contracts/log.ts';
import type { PipelinePlan, SinkPlan } from '../../contracts/plan.ts';
import type { ConnectorContext } from '../../contracts/plugin.ts';
import type { VerificationStatus } from '../../contracts/verification.ts';
import { verifiedCheckpoint, verifyRoundCheckpoint } from '../checkpoint-names.ts';
import { labelOf } from '../stored-names.ts';
import type { Verifications } from './verifications.ts';
import { percentOf, type Round, readVerified, type Verified, verifiedText } from './verified.ts';

const LOOK_MS = 1_000;
/** After a round that could not go on. */
const AGAIN_MS = 60_000;

export interface BackgroundOptions {
  readonly log: Log;
  readonly context: Pick<ConnectorContext, 'clock' | 'log'>;
  /** Those that run now. */
  readonly pipelines: () => readonly PipelinePlan[];
  readonly running: Pick<Control, 'status'>;
  readonly verifications: Pick<Verifications, 'verifyAside'>;
  /** Between two looks at what is due. Absent: 1,000. */
  readonly lookMs?: number;
}

interface Place {
  readonly pipeline: PipelinePlan;
  readonly sink: SinkPlan;
}

interface Running extends Place {
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

export class BackgroundVerification {
  readonly #options: BackgroundOptions;
  readonly #abort = new AbortController();
  readonly #rounds = new Map<string, Running>();
  /** By sink: not before, in ms of the clock that never goes back. */
  readonly #again = new Map<string, number>();
  #looking: Promise<void> = Promise.resolve();

  constructor(options: BackgroundOptions) {
    this.#options = options;
  }

  begin(): void {
    this.#looking = this.#look();
  }

  /** Rounds under way stop, and go on at the next start. */
  async stop(): Promise<void> {
    this.#abort.abort(new TailraceError('instance.not_running', 'the instance is stopping'));
    await this.#looking;
    await Promise.all([...this.#rounds.values()].map(({ done }) => done));
  }

  async #look(): Promise<void> {
    const { signal } = this.#abort;
    const { lookMs = LOOK_MS, context } = this.#options;
    for (; !signal.aborted; await context.clock.sleep(lookMs, signal).catch(() => {})) {
      const places = this.#options
        .pipelines()
        .flatMap((pipeline) => pipeline.sinks.map((sink): Place => ({ pipeline, sink })));
      for (const place of places) if (this.#isDue(place)) this.#start(place);
      for (const round of this.#rounds.values()) {
        const isKept = places.some(({ sink, pipeline }) => sink === round.sink && pipeline === round.pipeline);
        if (!isKept || !this.#isAtWork(round)) round.abort.abort(new TailraceError('verify.changed', 'rests'));
      }
    }
  }

  #isDue(place: Place): boolean {
    const { pipeline, sink } = place;
    const { log, context } = this.#options;
    if (sink.verify === undefined || this.#rounds.has(nameOf(place)) || !this.#isAtWork(place)) return false;
    if (context.clock.monotonic() < (this.#again.get(nameOf(place)) ?? Number.NEGATIVE_INFINITY)) return false;
    const { last, roundMs } = readVerified(log, pipeline.name, sink.name);
    // A clock that was set back does not put it off for long.
    const age = last === null ? Number.POSITIVE_INFINITY : Math.abs(context.clock.now() - last.startedMs);
    return roundMs !== null || age >= sink.verify.everyMs;
  }

  /** The sink delivers, and every source streams: what a snapshot has not read yet is not missing. */
  #isAtWork({ pipeline, sink }: Place): boolean {
    const status = this.#options.running.status().pipelines.find(({ name }) => name === labelOf(pipeline));
    const state = status?.sinks.find(({ name }) => name === labelOf(sink))?.state;
    return state === 'running' && status!.sources.every((source) => source.state === 'streaming');
  }

  #start(place: Place): void {
    const abort = new AbortController();
    const done = this.#round(place, AbortSignal.any([abort.signal, this.#abort.signal])).finally(() =>
      this.#rounds.delete(nameOf(place)),
    );
    this.#rounds.set(nameOf(place), { ...place, abort, done });
  }

  /** Never rejects. */
  async #round(place: Place, signal: AbortSignal): Promise<void> {
    const { pipeline, sink } = place;
    const { log, context, verifications } = this.#options;
    try {
      const before = readVerified(log, pipeline.name, sink.name);
      const startedMs = before.roundMs ?? context.clock.now();
      const begun: Verified = { last: before.last, roundMs: startedMs, problem: null };
      await this.#save(place, begun);
      const round = { pipeline, sink, rate: sink.verify!.rate, place: verifyRoundCheckpoint(pipeline.name, sink.name) };
      const status = await verifications.verifyAside({ ...round, resume: before.roundMs !== null }, signal);
      if (status.state === 'done') await this.#end(place, startedMs, status);
      else if (status.state === 'failed') await this.#fail(place, { ...begun, problem: status.problem });
    } catch (error) {
      // The log has failed: whoever runs the instance sees that.
      const { code, message } = errorWords(error);
      context.log('warn', `comparison in the background: ${message}`, { sink: nameOf(place), code });
      this.#again.set(nameOf(place), context.clock.monotonic() + AGAIN_MS);
    }
  }

  async #end(
    place: Place,
    startedMs: number,
    { counts, repaired, unsettled, rows }: VerificationStatus,
  ): Promise<void> {
    const { context } = this.#options;
    const differing = counts.missing + counts.different + counts.extra - repaired;
    const last: Round = { startedMs, endedMs: context.clock.now(), rows, differing, unsettled };
    await this.#save(place, { last, roundMs: null, problem: null });
    const fields = { sink: nameOf(place), ...counts, unsettled, percent: percentOf(last) };
    if (differing === 0) context.log('info', 'compared with its source: equal', fields);
    else context.log('warn', `rows differ from the source: tailrace verify ${nameOf(place)} names them`, fields);
  }

  async #fail(place: Place, verified: Verified): Promise<void> {
    const { context } = this.#options;
    this.#again.set(nameOf(place), context.clock.monotonic() + AGAIN_MS);
    await this.#save(place, verified);
    const { code, message } = verified.problem!;
    context.log('warn', `comparison in the background: ${message}`, { sink: nameOf(place), code });
  }

  async #save({ pipeline, sink }: Place, verified: Verified): Promise<void> {
    const { log } = this.#options;
    const name = verifiedCheckpoint(pipeline.name, sink.name);
    const transaction = log.begin(name, await log.fence(name));
    transaction.checkpoint(name, verifiedText(verified));
    await transaction.commit();
  }
}

/** As people call it. */
const nameOf = ({ pipeline, sink }: Place) => `${labelOf(pipeline)}/${labelOf(sink)}`;
