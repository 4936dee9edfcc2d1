/**
 * The listener's one writer of the log. Transactions are staged one after the other, in the order of the calls; once its
 * offsets are assigned a commit no longer holds up the next, and the log makes as many durable with one fsync as it can.
 */
import type { EndOffsets, Log, LogTransaction } from '../contracts/log.ts';

const WRITER = 'kafka';

/**
 * Appends and sets checkpoints. False: there is nothing to commit. No other call is between this and the assignment of its
 * offsets, so what calls leave in memory is seen by the next in log order.
 */
export type Stage = (transaction: LogTransaction) => boolean | Promise<boolean>;

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
  async commit(stage: Stage): Promise<EndOffsets> {
    const started = this.#turn.then(() => this.#start(stage));
    this.#turn = started.catch(() => {});
    const { durable } = await started;
    return durable;
  }

  /** Resolves when offsets are assigned; `durable` is in an object so that this does not wait for it. */
  async #start(stage: Stage): Promise<{ readonly durable: Promise<EndOffsets> }> {
    const transaction = this.#log.begin(WRITER, this.#epoch);
    let staged = false;
    try {
      staged = await stage(transaction);
    } finally {
      if (!staged) await transaction.abort();
    }
    if (!staged) return { durable: Promise.resolve([]) };
    const { promise: offsetsAssigned, resolve } = Promise.withResolvers<void>();
    const durable = transaction.commit(() => {
      resolve();
      return [];
    });
    // A commit that fails before that frees the writer too.
    durable.then(
      () => resolve(),
      () => resolve(),
    );
    await offsetsAssigned;
    return { durable };
  }
}
