/**
 * Transactions that are sent while they still run. Their changes are put aside, each transaction's in the order in which they
 * came; what a subtransaction has done is cut off when it is aborted. At the commit they are read like those of any other
 * transaction: between a Begin and a Commit, so in commit order, and with the position of the commit (Invariant 4).
 */
import type { Pause } from './message-socket.ts';
import { need, ORIGIN } from './pgoutput.ts';
import {
  framesOf,
  isInBlock,
  readStreamAbort,
  readStreamCommit,
  readStreamStart,
  STREAM_ABORT,
  STREAM_COMMIT,
  STREAM_START,
  STREAM_STOP,
  XID_BYTES,
} from './pgoutput-streaming.ts';
import type { Spill, SpillSpace } from './spill-space.ts';
import { SubtransactionOffsets } from './subtransaction-offsets.ts';

export interface StreamedTransactionsOptions {
  readonly space: SpillSpace;
  /** Takes the messages of a transaction that has committed, as if it had not been streamed. */
  readonly deliver: (buf: Buffer, from: number, to: number) => Pause | undefined;
  readonly drain: () => Promise<void> | undefined;
  /** After it nothing is delivered any more. */
  readonly signal: AbortSignal;
}

interface Running {
  readonly xid: number;
  readonly spill: Spill;
  readonly subtransactions: SubtransactionOffsets;
}

export class StreamedTransactions {
  readonly #options: StreamedTransactionsOptions;
  readonly #running = new Map<number, Running>();
  /** Whose block is being read. */
  #block: Running | null = null;

  constructor(options: StreamedTransactionsOptions) {
    this.#options = options;
  }

  /** Whether a message is of a streamed transaction, by its type. */
  takes(kind: number): boolean {
    return (
      this.#block !== null ||
      kind === STREAM_START ||
      kind === STREAM_COMMIT ||
      kind === STREAM_ABORT ||
      kind === STREAM_STOP
    );
  }

  /** One message of the plugin that `takes` has claimed. */
  take(buf: Buffer, from: number, to: number): Pause | undefined {
    const kind = buf[from]!;
    if (this.#block !== null) return this.#inBlock(this.#block, kind, buf, from + 1, to);
    switch (kind) {
      case STREAM_START:
        return this.#start(buf, from + 1, to);
      case STREAM_ABORT:
        return this.#abort(buf, from + 1, to);
      case STREAM_COMMIT:
        return this.#commit(buf, from + 1, to);
    }
    need(false);
  }

  #start(buf: Buffer, from: number, to: number): undefined {
    const { xid, isFirst } = readStreamStart(buf, from, to);
    const known = this.#running.get(xid);
    need((known === undefined) === isFirst);
    this.#block = known ?? this.#begin(xid);
    return undefined;
  }

  #begin(xid: number): Running {
    const running = { xid, spill: this.#options.space.create(), subtransactions: new SubtransactionOffsets(xid) };
    this.#running.set(xid, running);
    return running;
  }

  #inBlock(running: Running, kind: number, buf: Buffer, from: number, to: number): Pause | undefined {
    if (kind === STREAM_STOP) {
      need(from === to);
      this.#block = null;
      return undefined;
    }
    if (kind === ORIGIN) return undefined;
    need(isInBlock(kind) && from + XID_BYTES <= to);
    const { spill, subtransactions, xid } = running;
    const subxid = buf.readUInt32BE(from);
    if (subxid !== xid) subtransactions.changed(subxid, spill.bytes);
    return pause(spill.append(kind, buf, from + XID_BYTES, to));
  }

  #abort(buf: Buffer, from: number, to: number): Pause | undefined {
    const { xid, subxid } = readStreamAbort(buf, from, to);
    const running = this.#running.get(xid);
    // Nothing of it was sent.
    if (running === undefined) return undefined;
    const { spill, subtransactions } = running;
    if (subxid === xid) {
      this.#running.delete(xid);
      return pause(spill.remove());
    }
    const offset = subtransactions.abort(subxid);
    return offset === null ? undefined : pause(spill.truncate(offset));
  }

  /** The Begin is delivered at once, so that from here on nobody takes the stream for standing between two transactions. */
  #commit(buf: Buffer, from: number, to: number): Pause | undefined {
    const commit = readStreamCommit(buf, from, to);
    const running = this.#running.get(commit.xid);
    need(running !== undefined);
    this.#running.delete(commit.xid);
    const frames = framesOf(commit);
    const { begin } = frames;
    const waiting = this.#deliver(begin, 0, begin.length);
    return pause(this.#publish(running!.spill, frames.commit, waiting));
  }

  async #publish(spill: Spill, commit: Buffer, begun: Promise<void> | undefined): Promise<void> {
    const { drain, signal } = this.#options;
    const rest = async () => {
      await drain();
      signal.throwIfAborted();
    };
    await begun;
    await spill.replay((buf, from, to) => this.#deliver(buf, from, to), rest);
    await this.#deliver(commit, 0, commit.length);
    await spill.remove();
  }

  #deliver(buf: Buffer, from: number, to: number): Promise<void> | undefined {
    const waiting = this.#options.deliver(buf, from, to);
    return waiting === undefined ? undefined : this.#waitFor(waiting, buf, from, to);
  }

  /** Until the message is taken, or the next one may follow. */
  async #waitFor(first: Pause, buf: Buffer, from: number, to: number): Promise<void> {
    for (let waiting: Pause | undefined = first; waiting !== undefined; ) {
      await waiting.until;
      this.#options.signal.throwIfAborted();
      waiting = waiting.again ? this.#options.deliver(buf, from, to) : undefined;
    }
  }
}

function pause(until: Promise<void> | undefined): Pause | undefined {
  return until === undefined ? undefined : { until, again: false };
}
