/** Requests that run side by side, a few at a time. */
export class InFlight<T> {
  readonly #limit: number;
  readonly #running: Promise<T>[] = [];
  readonly #results: T[] = [];

  /** @param limit of requests that are not answered yet */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Resolves when there is room for another one. Throws what a request threw. */
  async add(request: Promise<T>): Promise<void> {
    // Its failure is thrown by `add` or `drain`, in the order of the calls; until then somebody must have seen it.
    request.catch(() => {});
    this.#running.push(request);
    if (this.#running.length >= this.#limit) this.#results.push(await this.#running.shift()!);
  }

  /** Results of all, in the order of the calls. */
  async drain(): Promise<readonly T[]> {
    while (this.#running.length > 0) this.#results.push(await this.#running.shift()!);
    return this.#results.splice(0);
  }
}
