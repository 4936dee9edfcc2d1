/**
 * The transaction that is open in the stream, and what was executed before it. Invariant 4: a position is given only at the
 * end of a transaction.
 */
import { type SourceOutput, TailraceError } from '../../src/sdk/index.ts';
import type { TransactionStart } from './binlog-event.ts';
import type { CutOffs } from './cut-off.ts';
import { type Gtid, type GtidSet, gtidText, parseGtidSet } from './gtid.ts';
import type { MysqlPosition } from './position.ts';
import { gap, need, unsupported } from './source-errors.ts';
import type { SourceProgress } from './source-progress.ts';
import type { StreamPlace } from './stream-place.ts';
import type { PreparedPlace, XaTransactions } from './xa-transactions.ts';

export interface StreamTransactionsOptions {
  readonly output: SourceOutput;
  readonly progress: SourceProgress;
  readonly place: StreamPlace;
  readonly xa: XaTransactions;
  readonly cutOffs: CutOffs;
  readonly failpoint: (name: string) => void;
}

export interface OpenTransaction extends TransactionStart {
  readonly id: string;
  readonly position: string;
  /** Position, and when its file was begun. */
  readonly begin: string;
  readonly second: number;
  /** A BEGIN came: it ends with a commit of its own. */
  grouped: boolean;
  /** Something of it was written to the output. */
  begun: boolean;
  /** Its end is not in the log. */
  readonly cutOff: boolean;
  /** It was executed before the position. */
  readonly skipped: boolean;
}

export class StreamTransactions {
  readonly #output: SourceOutput;
  readonly #progress: SourceProgress;
  readonly #place: StreamPlace;
  readonly #xa: XaTransactions;
  readonly #cutOffs: CutOffs;
  readonly #failpoint: (name: string) => void;
  readonly #mariadb: boolean;
  readonly #executed: GtidSet | null;
  /** By number: those that were prepared before the position, and are to be sent again. */
  readonly #awaited: Map<string, PreparedPlace>;
  #open: OpenTransaction | null = null;

  constructor({ output, progress, place, xa, cutOffs, failpoint }: StreamTransactionsOptions) {
    const { position } = progress;
    this.#output = output;
    this.#progress = progress;
    this.#place = place;
    this.#xa = xa;
    this.#cutOffs = cutOffs;
    this.#failpoint = failpoint;
    this.#mariadb = position.flavor === 'mariadb';
    this.#awaited = new Map(position.prepared.map((one) => [one.gtid, one]));
    this.#executed = position.gtid === null ? null : parseGtidSet(position.gtid, this.#mariadb);
  }

  get open(): OpenTransaction | null {
    return this.#open;
  }

  /** A file begins: what is open has no end. */
  fileBegan(): undefined {
    if (this.#open?.begun === true) this.#cutOff(this.#open);
    this.#open = null;
    this.#xa.forget();
    return undefined;
  }

  #cutOff({ begin }: OpenTransaction): never {
    this.#cutOffs.add(begin);
    throw new TailraceError(
      'source.unreachable',
      'the server crashed within a transaction: it is read again without it',
    );
  }

  /** Outside of transactions: everything before the position has been seen. */
  idle(): undefined {
    if (this.#open === null) this.#output.heartbeat(this.#passed());
    return undefined;
  }

  /** @param second of the event, since 1970 */
  begin(start: TransactionStart, second: number): undefined {
    need(this.#open === null);
    const position = `${this.#place.file}:${this.#place.pos}`;
    const begin = `${this.#place.begun} ${position}`;
    const id = start.gtid === null ? position : gtidText(start.gtid, this.#mariadb);
    // MariaDB's says that a transaction begins; MySQL writes a BEGIN.
    const grouped = this.#mariadb && !start.standalone;
    const cutOff = this.#cutOffs.has(begin);
    // What was executed is sent again because of what was prepared before it.
    const skipped = start.gtid !== null && this.#executed?.has(start.gtid) === true && this.#awaited.has(id) === false;
    this.#open = { ...start, id, position, begin, second, grouped, begun: false, cutOff, skipped };
    if (start.prepares) this.#xa.begin();
    return undefined;
  }

  /** Before each row. */
  writes(): void {
    const transaction = this.#open;
    need(transaction !== null);
    if (transaction.begun) {
      this.#failpoint('source.mid-transaction');
      return;
    }
    transaction.begun = true;
    const { id, position, second } = transaction;
    this.#output.begin({ id, kind: 'stream', timeUs: transaction.timeUs ?? second * 1_000_000, position });
  }

  rollback(whole: boolean): undefined {
    if (this.#open?.begun === true) {
      throw unsupported(
        'a transaction with changes of captured tables was rolled back in the binary log (of several engines)',
      );
    }
    return whole ? this.end() : undefined;
  }

  /** A statement that stands alone is its own transaction. */
  ended(): undefined {
    return this.#open?.grouped === true ? undefined : this.end();
  }

  end(): undefined {
    const transaction = this.#open;
    need(transaction !== null && !transaction.cutOff);
    this.#open = null;
    if (transaction.gtid !== null && this.#executed !== null && !transaction.skipped) {
      // A server that numbers out of order within a domain would be resumed at the wrong place.
      if (this.#mariadb && this.#executed.has(transaction.gtid))
        throw gap(`the transaction ${transaction.id} came out of order`);
      this.#executed.add(transaction.gtid);
    }
    const position = this.#passed();
    if (transaction.begun) this.#output.end(position);
    else this.#output.heartbeat(position);
    return undefined;
  }

  /** XA PREPARE of two phases. */
  prepared(xid: string): undefined {
    const transaction = this.#open;
    need(transaction !== null);
    if (transaction.skipped) {
      this.#xa.forget();
      return this.end();
    }
    if (transaction.gtid === null || this.#executed === null) return this.#preparedUnnumbered(xid);
    const before = this.#awaited.get(transaction.id)?.before ?? this.#executed.toString();
    this.#awaited.delete(transaction.id);
    this.#xa.prepare(xid, transaction.gtid, before);
    this.#open = null;
    // Numbers of MySQL may have holes: this one is in the set when the transaction is over.
    if (this.#mariadb && !this.#executed.has(transaction.gtid)) this.#executed.add(transaction.gtid);
    this.#output.heartbeat(this.#passed());
    return undefined;
  }

  /** Nothing could have it sent again. */
  #preparedUnnumbered(xid: string): undefined {
    if (this.#xa.hasRows) {
      throw unsupported(
        'an XA transaction of two phases changed a captured table, which needs transactions with numbers',
        'SET GLOBAL gtid_mode = ON, step by step as the manual has it; then set `on_gap: resnapshot` on the source',
      );
    }
    this.#xa.prepare(xid, null, '');
    return this.end();
  }

  /** XA COMMIT or XA ROLLBACK of what was prepared under this number. */
  endPrepared(gtid: Gtid | null): undefined {
    if (gtid !== null && !this.#mariadb) this.#executed?.add(gtid);
    return this.end();
  }

  #passed(): MysqlPosition {
    const gtid = this.#executed === null ? null : this.#executed.toString();
    const prepared = this.#mariadb ? [...this.#awaited.values(), ...this.#xa.places(true)] : [];
    const { file, pos, begun } = this.#place;
    return this.#progress.moved({ gtid, file, pos, begun, prepared });
  }
}
