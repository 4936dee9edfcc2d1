/** The sink that fills a target beside the one of another sink. */
import { TailraceError } from '../../contracts/errors.ts';
import type { SinkPlan } from '../../contracts/plan.ts';
import type { Clock } from '../../contracts/plugin.ts';
import type { SinkPositions } from '../../contracts/sink.ts';
import type { ControlledSink, ControlledSinks } from '../sink-control.ts';
import type { SinkTask } from '../sink-task.ts';
import { shadowName, tagOf } from './rebuild-state.ts';

const STEP_MS = 50;

/** The plan of the shadow of a sink that can have one. */
export function shadowPlan({ pipeline, plan }: Pick<ControlledSink, 'pipeline' | 'plan'>): SinkPlan {
  const config = plan.manifest.rebuild!.shadow(plan.config, tagOf(pipeline.name, plan.name));
  return { ...plan, name: shadowName(plan.name), config };
}

export class ShadowSink {
  readonly task: SinkTask;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  #ended: Promise<void> | null = null;
  #error: unknown = null;

  constructor(running: ControlledSinks, sink: ControlledSink, clock: Clock) {
    this.task = running.sinkBeside(sink.pipeline, shadowPlan(sink));
    this.#clock = clock;
  }

  begin(): void {
    this.#ended = this.task.run(this.#abort.signal).then((error) => {
      this.#error = error;
    });
  }

  /** Resolves when it has ended. Twice without error. */
  async end(): Promise<void> {
    this.#abort.abort(new TailraceError('internal.bug', 'the shadow is complete'));
    await this.#ended;
    this.task.release();
  }

  /** Resolves when the condition holds; throws what has stopped the sink, or the signal's reason. */
  async until(holds: () => boolean, signal: AbortSignal): Promise<void> {
    while (!holds()) {
      signal.throwIfAborted();
      if (this.#error !== null) throw this.#error;
      await this.#clock.sleep(STEP_MS, signal);
    }
  }

  /** Has it had everything up to there? Positions that the log does not reach do not count. */
  hasReached(positions: SinkPositions, endOf: (topic: string) => bigint): boolean {
    return positions.every(({ topic, next }) => {
      const own = this.task.positions.find((position) => position.topic === topic)?.next ?? 0n;
      return own >= next || own >= endOf(topic);
    });
  }
}
