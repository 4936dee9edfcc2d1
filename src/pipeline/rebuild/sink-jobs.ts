/** The rebuilds of an instance: at most one of a sink at a time. */
import { errorWords, TailraceError } from '../../contracts/errors.ts';
import type { RebuildRequest, SinkJob, SinkJobs } from '../../contracts/replay.ts';
import { rebuildPrefix } from '../checkpoint-names.ts';
import type { ControlledSink } from '../sink-control.ts';
import { isCalled, labelOf } from '../stored-names.ts';
import { Rebuild, type RebuildOptions } from './rebuild.ts';
import { type RebuildState, readState } from './rebuild-state.ts';

interface Known {
  readonly pipeline: string;
  readonly sink: string;
  readonly startedMs: number;
  readonly rebuild: Rebuild;
  readonly abort: AbortController;
  state: SinkJob['state'];
  endedMs: number | null;
  error: unknown;
  done: Promise<void>;
}

export class Rebuilds implements SinkJobs {
  readonly #options: RebuildOptions;
  readonly #known = new Map<string, Known>();
  #isStopping = false;

  constructor(options: RebuildOptions) {
    this.#options = options;
  }

  /** Goes on with those that an earlier process had begun. */
  resume(): void {
    for (const [name, value] of this.#options.log.checkpoints.list(rebuildPrefix)) {
      const [pipeline, sink] = name.slice(rebuildPrefix.length).split('/');
      const found = this.#options.running
        .sinks()
        .find((one) => one.pipeline.name === pipeline && one.plan.name === sink);
      const state = readState(value);
      if (found !== undefined && refusalOf(found) === null && state !== null) this.#start(found, state);
    }
  }

  /** Those under way stop, and go on at the next start. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const all = [...this.#known.values()];
    for (const { abort } of all) abort.abort(new TailraceError('instance.not_running', 'the instance is stopping'));
    await Promise.all(all.map(({ done }) => done));
  }

  jobs(): readonly SinkJob[] {
    return [...this.#known.values()].map(jobOf);
  }

  async rebuild({ pipeline, sink, verify }: RebuildRequest): Promise<SinkJob> {
    const all = this.#options.running.sinks();
    const found = all.find((one) => isCalled(one.pipeline, pipeline) && isCalled(one.plan, sink));
    if (found === undefined) {
      throw new TailraceError('pipeline.not_found', `there is no sink ${pipeline}/${sink}`, {
        remedy: '`tailrace status` lists them',
      });
    }
    const refusal = refusalOf(found);
    if (refusal !== null) {
      throw new TailraceError('rebuild.unsupported', refusal, {
        remedy: `add a sink with another target to the pipeline, which is filled from the log, and let its readers change over; or tailrace replay ${pipeline}/${sink} --from start`,
      });
    }
    if (this.#called(pipeline, sink)?.state === 'running') {
      throw new TailraceError('rebuild.running', `${pipeline}/${sink} is being rebuilt already`, {
        remedy: `wait for it, or tailrace rebuild ${pipeline}/${sink} --cancel`,
      });
    }
    const startedMs = this.#options.context.clock.now();
    return jobOf(this.#start(found, { v: 1, startedMs, verify, phase: 'fill' }));
  }

  async cancelJob(pipeline: string, sink: string): Promise<boolean> {
    const known = this.#called(pipeline, sink);
    if (known?.state !== 'running' || known.rebuild.isSwapping) return false;
    known.abort.abort(new TailraceError('rebuild.running', 'cancelled'));
    await known.done;
    return this.jobs().some(
      (job) => job.pipeline === known.pipeline && job.sink === known.sink && job.state === 'cancelled',
    );
  }

  /** Of a sink by any name that people may use. */
  #called(pipeline: string, sink: string): Known | undefined {
    const all = this.#options.running.sinks();
    const found = all.find((one) => isCalled(one.pipeline, pipeline) && isCalled(one.plan, sink));
    return this.#known.get(
      found === undefined ? `${pipeline}/${sink}` : `${labelOf(found.pipeline)}/${labelOf(found.plan)}`,
    );
  }

  #start(sink: ControlledSink, state: RebuildState): Known {
    const abort = new AbortController();
    const rebuild = new Rebuild(this.#options, sink, state, abort.signal);
    const names = { pipeline: labelOf(sink.pipeline), sink: labelOf(sink.plan) };
    const known: Known = {
      ...names,
      startedMs: state.startedMs,
      rebuild,
      abort,
      state: 'running',
      endedMs: null,
      error: null,
      done: Promise.resolve(),
    };
    this.#known.set(`${names.pipeline}/${names.sink}`, known);
    known.done = this.#run(known);
    return known;
  }

  async #run(known: Known): Promise<void> {
    const { rebuild, abort, pipeline, sink } = known;
    const { context } = this.#options;
    const name = `${pipeline}/${sink}`;
    try {
      await rebuild.run();
      known.state = 'done';
      context.log('info', 'rebuilt', { sink: name, notes: rebuild.notes.join('; ') });
    } catch (error) {
      known.state = abort.signal.aborted ? 'cancelled' : 'failed';
      known.error = abort.signal.aborted ? null : error;
      // What is half swapped is finished at the next start; what stops with the instance goes on then.
      if (!this.#isStopping && !rebuild.isSwapping) await this.#drop(known);
      if (known.error !== null) {
        const { code, message } = errorWords(error);
        context.log('error', `rebuild: ${message}`, { sink: name, code });
      }
    } finally {
      known.endedMs = context.clock.now();
    }
  }

  async #drop({ rebuild, pipeline, sink }: Known): Promise<void> {
    try {
      await rebuild.drop();
    } catch (error) {
      const { code, message } = errorWords(error);
      const name = `${pipeline}/${sink}`;
      this.#options.context.log('warn', `what a rebuild has left could not be removed: ${message}`, {
        sink: name,
        code,
      });
    }
  }
}

function refusalOf({ plan: { manifest, config } }: ControlledSink): string | null {
  if (manifest.rebuild === undefined) return `a ${manifest.type} target cannot be built beside itself`;
  return manifest.rebuild.refusal?.(config) ?? null;
}

function jobOf({ pipeline, sink, state, startedMs, endedMs, rebuild, error }: Known): SinkJob {
  const problem = error === null ? null : errorWords(error);
  const progress = state === 'running' ? rebuild.progress : null;
  const { step, notes } = rebuild;
  return { pipeline, sink, kind: 'rebuild', state, step, startedMs, endedMs, progress, notes: [...notes], problem };
}
