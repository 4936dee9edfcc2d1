/** The verifications of an instance: at most one of a sink at a time. */
import type { Control, SnapshotControl } from '../../contracts/control.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { PipelinePlan, SinkPlan } from '../../contracts/plan.ts';
import type {
  Difference,
  VerificationControl,
  VerificationStatus,
  VerifyRequest,
} from '../../contracts/verification.ts';
import { verifyCheckpoint } from '../checkpoint-names.ts';
import { isCalled } from '../stored-names.ts';
import type { Rereader } from './repair.ts';
import { Verification, type VerificationOptions } from './verification.ts';

export interface VerificationsOptions
  extends Pick<VerificationOptions, 'log' | 'envelope' | 'rules' | 'rulesContext' | 'context'> {
  readonly name: string;
  /** Those that run now. */
  readonly pipelines: () => readonly PipelinePlan[];
  readonly running: Pick<Control, 'status'> & SnapshotControl & { hasten(source: string): void };
}

/** A verification that nobody waits for at a terminal. */
export interface Aside extends Pick<VerificationOptions, 'pipeline' | 'sink' | 'place'> {
  /** Rows a second; null: no limit. */
  readonly rate: number | null;
  readonly resume: boolean;
}

interface Known {
  readonly pipeline: string;
  readonly sink: string;
  readonly verification: Verification;
  /** Resolves when it is over. */
  readonly done: Promise<void>;
}

export class Verifications implements VerificationControl {
  readonly #options: VerificationsOptions;
  readonly #known = new Map<string, Known>();
  #last: Promise<void> = Promise.resolve();

  constructor(options: VerificationsOptions) {
    this.#options = options;
  }

  verifications(): readonly VerificationStatus[] {
    return [...this.#known.values()].map(({ verification }) => verification.report.status);
  }

  async verify(request: VerifyRequest): Promise<readonly VerificationStatus[]> {
    const { pipeline, sinks } = this.#named(request.pipeline, request.sink);
    for (const label of request.tables ?? []) {
      if (pipeline.sources.some(({ tables }) => tables.includes(label))) continue;
      throw new TailraceError('verify.unsupported', `no source of ${pipeline.name} captures ${label}`, {
        remedy: 'name tables as `schema.table`, as they stand under tables: of the source',
      });
    }
    for (const sink of sinks) this.#refuseRunning(pipeline.name, sink.name);
    const { name, running, pipelines: _, ...options } = this.#options;
    const rereader = rereaderOf(running);
    const of = (sink: SinkPlan) => {
      const place = verifyCheckpoint(pipeline.name, sink.name);
      return new Verification({ ...options, instance: name, rereader, pipeline, sink, request, place });
    };
    return sinks.map((sink) => this.#start(of(sink), pipeline, sink));
  }

  /** Of a sink that stands in no file. */
  verifyBeside(pipeline: PipelinePlan, sink: SinkPlan, signal: AbortSignal): Promise<VerificationStatus> {
    const place = verifyCheckpoint(pipeline.name, sink.name);
    return this.verifyAside({ pipeline, sink, rate: null, resume: false, place }, signal);
  }

  /** To its end, without being listed, beside others that run. */
  async verifyAside({ pipeline, sink, rate, resume, place }: Aside, signal: AbortSignal): Promise<VerificationStatus> {
    const { name, running, pipelines: _, ...options } = this.#options;
    const request = { tables: null, rate, repair: false, resume };
    const rereader = rereaderOf(running);
    const verification = new Verification({ ...options, instance: name, rereader, pipeline, sink, request, place });
    const cancel = () => verification.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      await verification.run();
      return verification.report.status;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  cancelVerification(pipeline: string, sink: string | null): boolean {
    const running = this.#running().filter((one) => one.pipeline === pipeline && (sink ?? one.sink) === one.sink);
    for (const { verification } of running) verification.cancel();
    return running.length > 0;
  }

  differences(pipeline: string, sink: string): readonly Difference[] {
    return this.#known.get(placeOf(pipeline, sink))?.verification.report.differences ?? [];
  }

  /** Resolves when none runs any more. */
  async stop(): Promise<void> {
    const running = this.#running();
    for (const { verification } of running) verification.cancel();
    await Promise.all(running.map(({ done }) => done));
  }

  #running(): readonly Known[] {
    return [...this.#known.values()].filter(({ verification }) => verification.report.status.state === 'running');
  }

  /** One after the other: each reads the source with connections of its own. */
  #start(verification: Verification, { name }: PipelinePlan, sink: SinkPlan): VerificationStatus {
    const done = this.#last.then(() => verification.run());
    this.#last = done;
    this.#known.set(placeOf(name, sink.name), { pipeline: name, sink: sink.name, verification, done });
    return verification.report.status;
  }

  #named(name: string, sinkName: string | null): { pipeline: PipelinePlan; sinks: readonly SinkPlan[] } {
    const pipeline = this.#options.pipelines().find((one) => isCalled(one, name));
    const sinks = pipeline?.sinks.filter((sink) => sinkName === null || isCalled(sink, sinkName)) ?? [];
    if (pipeline !== undefined && sinks.length > 0) return { pipeline, sinks };
    const what = pipeline === undefined ? `no pipeline ${name}` : `no sink ${sinkName} in ${name}`;
    throw new TailraceError('verify.not_found', `there is ${what}`, { remedy: '`tailrace status` lists them' });
  }

  #refuseRunning(pipeline: string, sink: string): void {
    if (this.#known.get(placeOf(pipeline, sink))?.verification.report.status.state !== 'running') return;
    throw new TailraceError('verify.running', `${pipeline}/${sink} is being verified already`, {
      remedy: `wait for it, or \`tailrace verify ${pipeline}/${sink} --cancel\``,
    });
  }
}

function rereaderOf(running: VerificationsOptions['running']): Rereader {
  return {
    snapshots: (source, command) => running.snapshots(source, command),
    hasten: (source) => running.hasten(source),
    reading(name) {
      const sources = running.status().pipelines.flatMap(({ sources: all }) => all);
      return sources.find((source) => (source.storedAs ?? source.name) === name)?.upstream?.snapshots;
    },
  };
}

const placeOf = (pipeline: string, sink: string) => JSON.stringify([pipeline, sink]);
