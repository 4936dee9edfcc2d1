/** What the writers of one source share: the open transaction and the version clock. */
import { TailraceError } from '../contracts/errors.ts';
import type { SourceTransaction } from '../contracts/source.ts';
import { TransactionPart } from './transaction-part.ts';
import { VersionClock } from './version-clock.ts';

export interface SessionOptions {
  readonly version: string | null;
  /** ms since 1970. */
  readonly now: () => number;
  readonly warn: (message: string) => void;
}

export class EncoderSession {
  readonly clock: VersionClock;
  /** Number of the open transaction in this session; 0 while none is open. */
  serial = 0;
  /** Records get ordinals: the transaction is streamed. */
  streamed = false;
  /** Records of the open transaction so far. */
  records = 0;
  /** Time of the records, ms since 1970. */
  timestampMs = 0;
  /** End of the records' values, up to the ordinals. */
  part: Uint8Array = new Uint8Array();
  transaction: SourceTransaction | null = null;
  readonly #options: SessionOptions;
  readonly #part = new TransactionPart();
  #transactions = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.clock = new VersionClock(options.version);
  }

  begin(transaction: SourceTransaction): void {
    if (this.transaction !== null) throw new TailraceError('internal.bug', 'a source transaction began inside another');
    if (!Number.isSafeInteger(transaction.timeUs) || transaction.timeUs < 0) {
      throw new TailraceError('internal.bug', 'a source transaction has no time');
    }
    const now = Math.floor(this.#options.now());
    this.transaction = transaction;
    this.serial = ++this.#transactions;
    this.streamed = transaction.kind === 'stream';
    this.records = 0;
    this.timestampMs = now;
    this.part = this.#part.write(transaction, now);
    if (this.clock.observe(transaction.timeUs, now)) {
      this.#options.warn('the clock of the source is more than a day ahead of ours: set one of them right');
    }
  }

  end(): void {
    if (this.transaction === null)
      throw new TailraceError('internal.bug', 'a source transaction ended that had not begun');
    this.transaction = null;
    this.serial = 0;
  }
}
