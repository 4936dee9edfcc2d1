/** The tasks at work: each can be ended by itself. */

export interface Task {
  /** Resolves when the signal aborts (null) or the task stopped for good (the error). Never rejects. */
  run(signal: AbortSignal): Promise<unknown>;
}

interface AtWork {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

export class TaskSet<T extends Task> {
  readonly #atWork = new Map<T, AtWork>();
  /** Errors of those that stopped by themselves. */
  readonly #errors = new Map<T, unknown>();
  readonly #done = Promise.withResolvers<unknown>();
  /** While tasks are exchanged, none at work does not mean that all is over. */
  #isHeld = false;

  /** Resolves when no task is left at work: with the first error of those that are not forgotten, or null. */
  get done(): Promise<unknown> {
    return this.#done.promise;
  }

  /** @param onError called with the error of a task that stops by itself */
  begin(task: T, onError: (error: unknown) => void = () => {}): void {
    const abort = new AbortController();
    const ended = task.run(abort.signal).then((error) => {
      this.#atWork.delete(task);
      if (error !== null) {
        this.#errors.set(task, error);
        onError(error);
      }
      this.#settle();
    });
    this.#atWork.set(task, { abort, ended });
  }

  /** Ends the tasks and forgets them. Resolves when they have ended. */
  async end(tasks: readonly T[], reason: Error): Promise<void> {
    const ending = tasks.flatMap((task) => this.#atWork.get(task) ?? []);
    for (const { abort } of ending) abort.abort(reason);
    await Promise.all(ending.map(({ ended }) => ended));
    for (const task of tasks) this.#errors.delete(task);
  }

  /** Ends all, for ever. */
  async endAll(reason: Error): Promise<void> {
    for (const { abort } of this.#atWork.values()) abort.abort(reason);
    await Promise.all([...this.#atWork.values()].map(({ ended }) => ended));
    this.#settle();
  }

  /** Runs the exchange of tasks: the set is not over while it lasts. */
  async exchange(act: () => Promise<void>): Promise<void> {
    this.#isHeld = true;
    try {
      await act();
    } finally {
      this.#isHeld = false;
      // Emptied on purpose it is not over.
      if (this.#errors.size > 0) this.#settle();
    }
  }

  #settle(): void {
    if (this.#isHeld || this.#atWork.size > 0) return;
    const [first = null] = this.#errors.values();
    this.#done.resolve(first);
  }
}
