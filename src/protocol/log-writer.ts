/**
 * The listener's one writer of the log. Transactions are staged one after the other, in the order of the calls, and their
 * commits are then under way together: the log makes them durable in call order, as many as it can with one fsync.
 */
import type { EndOffsets, Log, LogTransaction } from '../contracts/log.ts';

const WRITER = 'kafka';

export interface CommitSteps {
  /**
   * Appends and sets checkpoints. False: there is nothing to commit. No other call is between its `stage` and its commit,
   * so what calls leave in memory here is seen by the next in log order.
   */
  stage(transaction: LogTransaction): boolean | Promise<boolean>;
  /** Called when offsets are assigned and nothing is durable yet; may set checkpoints of the same commit. */
  assigned?(ends: EndOffsets, transaction: LogTransaction): void;
}

export class LogWriter {
  readonly #log: Log;
  readonly #epoch: number;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(log: Log, epoch: number) {
    this.#log = log;
    this.#epoch = epoch;
  }

  static async open(log: Log): Promise<LogWriter> {
    return new LogWriter(log, await log.fence(WRITER));
  }

  /** Resolves when durable and visible; to no ends when there was nothing to commit. */
  async commit(steps: CommitSteps): Promise<EndOffsets> {
    const started = this.#turn.then(() => this.#start(steps));
    this.#turn = started.catch(() => {});
    const { durable } = await started;
    return durable;
  }

  /** Resolves when the commit has been called; `durable` is in an object so that this does not wait for it. */
  async #start({ stage, assigned }: CommitSteps): Promise<{ readonly durable: Promise<EndOffsets> }> {
    const transaction = this.#log.begin(WRITER, this.#epoch);
    let staged = false;
    try {
      staged = await stage(transaction);
    } finally {
      if (!staged) await transaction.abort();
    }
    if (!staged) return { durable: Promise.resolve([]) };
    const durable = transaction.commit((ends) => {
      assigned?.(ends, transaction);
      return [];
    });
    return { durable };
  }
}
