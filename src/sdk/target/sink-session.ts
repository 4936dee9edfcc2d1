/** The life of a sink between open and close. */
import { TailraceError } from '../../contracts/errors.ts';

export class SinkSession {
  readonly #asError: (error: unknown) => unknown;
  #ended = false;

  /** @param asError makes any error of the target a typed one; default: they are typed where they are thrown */
  constructor(asError: (error: unknown) => unknown = (error) => error) {
    this.#asError = asError;
  }

  end(): void {
    this.#ended = true;
  }

  /** After any throw what was not flushed is given up and so is this session: the runtime opens another. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#ended) throw new TailraceError('sink.unreachable', 'the session of this sink has ended');
    try {
      return await work();
    } catch (error) {
      this.#ended = true;
      if (error instanceof Error && error.name === 'AbortError') throw error;
      throw this.#asError(error);
    }
  }
}
