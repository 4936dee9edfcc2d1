/** State of one source or sink as `status` shows it, with the problem that explains it. */
import type { TaskProblem, TaskState } from '../contracts/control.ts';
import { classOf, errorWords, type TailraceError } from '../contracts/errors.ts';
import type { Clock, ConnectorContext, Logger } from '../contracts/plugin.ts';
import { backoffMs } from '../lib/backoff.ts';

export function problemOf(error: unknown, now: number): TaskProblem {
  return { ...errorWords(error), since: now };
}

/**
 * Whether trying again can help: passing trouble always; a wrong environment (password rotated, privilege revoked) only
 * where the task has worked before, so that a wrong set-up is reported at once and an incident heals by itself.
 */
export function mayPass(error: unknown, hasRun: boolean): boolean {
  const kind = classOf(error);
  return kind === 'retry' || (kind === 'environment' && hasRun && (error as TailraceError).code !== 'dlq.burst');
}

/** The state in which a task rests after an error that it does not retry. */
export function restingState(error: unknown): TaskState {
  switch (classOf(error)) {
    case 'gap':
      return 'gap';
    case 'environment':
    case 'fenced':
      return 'paused';
    default:
      return 'failed';
  }
}

/** Invariant 12: the message at the head of a stack may hold row values. */
function framesOf({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
}

export class TaskStateKeeper {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #label: { readonly [field: string]: string };
  #state: TaskState = 'starting';
  #problem: TaskProblem | null = null;
  /** Failures, and those of them after which it tries again. */
  errors = 0;
  retries = 0;
  /** Since it last got anything done: whoever works sets it to 0. */
  attempts = 0;
  /** True once the task has worked: a later failure is an incident, an earlier one a wrong set-up. */
  hasRun = false;

  constructor(log: Logger, clock: Clock, label: { readonly [field: string]: string }) {
    this.#log = log;
    this.#clock = clock;
    this.#label = label;
  }

  get state(): TaskState {
    return this.#state;
  }

  get problem(): TaskProblem | null {
    return this.#problem;
  }

  /** What the task is about to do; a problem stays until that works. */
  attempt(state: TaskState): void {
    if (this.#problem === null) this.#state = state;
  }

  enter(state: TaskState): void {
    const running = state === 'streaming' || state === 'running' || state === 'snapshot';
    if (running) this.hasRun = true;
    if (this.#state === state) return;
    if (running && this.#problem !== null) this.#log('info', 'recovered', { ...this.#label, state });
    this.#state = state;
    if (state !== 'retrying') this.#problem = null;
  }

  fail(state: TaskState, error: unknown): void {
    this.errors++;
    if (state === 'retrying') this.retries++;
    const known = this.#problem?.code;
    this.#problem = problemOf(error, this.#clock.now());
    this.#state = state;
    if (known === this.#problem.code && state === 'retrying') return;
    const { code, message, remedy } = this.#problem;
    const stack = code === 'internal.bug' && error instanceof Error ? { stack: framesOf(error) } : {};
    this.#log(state === 'retrying' ? 'warn' : 'error', message, { ...this.#label, state, code, remedy, ...stack });
  }

  /** Restores a problem that an earlier process recorded. */
  restore(state: TaskState, problem: TaskProblem): void {
    this.#state = state;
    this.#problem = problem;
    this.#log('error', problem.message, { ...this.#label, state, code: problem.code, remedy: problem.remedy });
  }
}

type Waiting = Pick<ConnectorContext, 'clock' | 'random'>;

/** After trouble that may pass: says so, and resolves when it is time to try again, or the signal aborts. */
export async function waitToRetry(
  keeper: TaskStateKeeper,
  { clock, random }: Waiting,
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  keeper.fail('retrying', error);
  await clock.sleep(backoffMs(keeper.attempts++, random), signal).catch(() => {});
}

/** Has `work` done again and again. Resolves when the signal aborts (null) or the task stopped for good (the error). Never rejects. */
export async function keepAtWork(
  keeper: TaskStateKeeper,
  waiting: Waiting,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<unknown> {
  while (!signal.aborted) {
    try {
      await work();
    } catch (error) {
      if (signal.aborted) break;
      if (!mayPass(error, keeper.hasRun)) {
        keeper.fail(restingState(error), error);
        return error;
      }
      await waitToRetry(keeper, waiting, error, signal);
    }
  }
  keeper.enter('stopped');
  return null;
}
