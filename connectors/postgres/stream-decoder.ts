/**
 * Turns the messages of the replication stream into rows of the output. Invariant 4: a position is given only at the end of
 * a transaction; Invariant 5: what is not understood stops the source.
 */
import { type SourceOutput, TailraceError } from '../../src/sdk/index.ts';
import type { Judgement, TableCoverage } from './coverage.ts';
import { type LogicalMessage, type MessageTaker, readLogicalMessage } from './logical-messages.ts';
import { formatLsn } from './lsn.ts';
import type { Pause } from './message-socket.ts';
import * as pgoutput from './pgoutput.ts';
import { Tuple, UNCHANGED_COLUMN } from './pgoutput.ts';
import type { SourceProgress } from './source-progress.ts';
import {
  type FetchedColumns,
  keyChanged,
  keyTexts,
  type StreamTable,
  type StreamTables,
  writeSide,
} from './stream-tables.ts';

export interface StreamDecoderOptions {
  readonly output: SourceOutput;
  readonly tables: StreamTables;
  readonly progress: SourceProgress;
  /** Logical messages that none of them wants are left out. */
  readonly messages: readonly MessageTaker[];
  /** ms since 1970. */
  readonly now: () => number;
  readonly failpoint: (name: string) => void;
}

export class StreamDecoder {
  readonly #output: SourceOutput;
  readonly #tables: StreamTables;
  readonly #messages: readonly MessageTaker[];
  readonly #now: () => number;
  readonly #failpoint: (name: string) => void;
  readonly #old = new Tuple();
  readonly #new = new Tuple();
  readonly #progress: SourceProgress;
  /** The transaction that is being read; `begun` once a change of it was written. */
  #transaction: pgoutput.Begin | null = null;
  #begun = false;
  /** For a changed key whose delete is written already. */
  #fetched: FetchedColumns | null = null;
  /** Table of the last row and whether its changes are left out of this transaction: all, or by their key. */
  #oid = -1;
  #table: StreamTable | null = null;
  #left = false;
  #byKey: { readonly coverage: TableCoverage; readonly judgement: Judgement } | null = null;

  constructor(options: StreamDecoderOptions) {
    this.#output = options.output;
    this.#tables = options.tables;
    this.#messages = options.messages;
    this.#now = options.now;
    this.#failpoint = options.failpoint;
    this.#progress = options.progress;
  }

  get inTransaction(): boolean {
    return this.#transaction !== null;
  }

  /** One message of the plugin at buf[from, to). */
  take(buf: Buffer, from: number, to: number): Pause | undefined {
    pgoutput.need(from < to);
    switch (buf[from]) {
      case pgoutput.INSERT:
        return this.#insert(buf, from + 1, to);
      case pgoutput.UPDATE:
        return this.#update(buf, from + 1, to);
      case pgoutput.DELETE:
        return this.#delete(buf, from + 1, to);
      case pgoutput.BEGIN:
        pgoutput.need(this.#transaction === null);
        this.#transaction = pgoutput.readBegin(buf, from + 1, to);
        this.#oid = -1;
        return undefined;
      case pgoutput.COMMIT:
        return this.#commit(pgoutput.readCommitEnd(buf, from + 1, to));
      case pgoutput.RELATION:
        return this.#relation(pgoutput.readRelation(buf, from + 1, to));
      case pgoutput.TRUNCATE:
        return this.#truncate(pgoutput.readTruncate(buf, from + 1, to));
      case pgoutput.TYPE:
        this.#tables.nameType(pgoutput.readType(buf, from + 1, to));
        return undefined;
      case pgoutput.MESSAGE:
        return this.#message(buf, readLogicalMessage(buf, from + 1, to));
      case pgoutput.ORIGIN:
        return undefined;
      default:
        throw new TailraceError(
          'source.unsupported',
          `the replication stream has a message of unknown type ${buf[from]}`,
          {
            remedy: 'this server may need a newer Tailrace',
          },
        );
    }
  }

  /**
   * Outside of transactions: everything below `lsn` has been seen. The first ones of a connection may name the LSN that was
   * last acknowledged, which lies below the position read from: taken as a position, what follows it would come twice.
   */
  keepalive(lsn: bigint): void {
    if (this.#transaction === null && lsn >= this.#progress.lsn) this.#output.heartbeat(this.#progress.at(lsn));
  }

  /** A table is described when something of it is written: until its commit is seen that has to wait. */
  #relation(relation: pgoutput.Relation): undefined {
    pgoutput.need(this.#transaction !== null);
    this.#oid = -1;
    this.#tables.announce(relation);
    return undefined;
  }

  #describe(oid: number): Pause {
    this.#oid = -1;
    return { until: this.#tables.describe(oid, this.#transaction!.xid), again: true };
  }

  #commit(end: bigint): undefined {
    pgoutput.need(this.#transaction !== null);
    this.#transaction = null;
    const position = this.#progress.at(end);
    if (this.#begun) this.#output.end(position);
    else this.#output.heartbeat(position);
    this.#begun = false;
    return undefined;
  }

  /** The table of a change; null when it is not captured or the table's snapshot has seen the transaction. */
  #tableOf(buf: Buffer, at: number, end: number): StreamTable | Pause | null {
    pgoutput.need(at + 5 <= end && this.#transaction !== null);
    const oid = buf.readUInt32BE(at);
    if (oid !== this.#oid) {
      this.#oid = oid;
      const label = this.#tables.labelOf(oid);
      this.#judge(label);
      const table = label === null ? null : this.#tables.get(oid);
      if (table === undefined && !this.#left) return this.#describe(oid);
      this.#table = table ?? null;
    }
    return this.#left ? null : this.#table;
  }

  #judge(label: string | null): void {
    const { coverage, judgement } = this.#judgementOf(label);
    this.#left = judgement?.leftOut === 'all';
    this.#byKey = judgement?.leftOut === 'by key' ? { coverage: coverage!, judgement } : null;
  }

  /** What the table's snapshot has of the transaction. */
  #judgementOf(label: string | null): { coverage?: TableCoverage; judgement?: Judgement } {
    if (label === null || !this.#progress.covers) return {};
    const coverage = this.#progress.coverage(label);
    if (coverage === undefined) return {};
    const { commitLsn, xid } = this.#transaction!;
    this.#progress.touch(xid);
    return { coverage, judgement: coverage.judge(xid, commitLsn) };
  }

  /** Whether the change of that row is in the table's snapshot; a promise: ask again. */
  #isRead(table: StreamTable, buf: Buffer, tuple: Tuple, older: Tuple | null): boolean | Promise<void> {
    const { coverage, judgement } = this.#byKey!;
    return coverage.leavesOut(judgement, keyTexts(table, buf, tuple, older));
  }

  #open(): void {
    if (this.#begun) {
      this.#failpoint('source.mid-transaction');
      return;
    }
    this.#begun = true;
    const { xid, timeUs, commitLsn } = this.#transaction!;
    this.#output.begin({ id: String(xid), kind: 'stream', timeUs, position: formatLsn(commitLsn) });
  }

  #insert(buf: Buffer, at: number, end: number): Pause | undefined {
    const table = this.#tableOf(buf, at, end);
    if (table === null || 'until' in table) return table ?? undefined;
    pgoutput.need(buf[at + 4] === pgoutput.NEW_TUPLE);
    pgoutput.need(this.#new.read(buf, at + 5, end) === end);
    const left = this.#byKey !== null && this.#isRead(table, buf, this.#new, null);
    if (left !== false) return again(left);
    this.#open();
    table.writer.begin('c');
    table.writer.side('after');
    writeSide(table, buf, this.#new, false, null, null);
    table.writer.end();
    return undefined;
  }

  #delete(buf: Buffer, at: number, end: number): Pause | undefined {
    const table = this.#tableOf(buf, at, end);
    if (table === null || 'until' in table) return table ?? undefined;
    const kind = buf[at + 4];
    pgoutput.need(kind === pgoutput.KEY_TUPLE || kind === pgoutput.OLD_TUPLE);
    pgoutput.need(this.#old.read(buf, at + 5, end) === end);
    const left = this.#byKey !== null && this.#isRead(table, buf, this.#old, null);
    if (left !== false) return again(left);
    this.#open();
    this.#writeDelete(table, buf, kind === pgoutput.KEY_TUPLE);
    return undefined;
  }

  #writeDelete(table: StreamTable, buf: Buffer, keysOnly: boolean): void {
    table.writer.begin('d');
    table.writer.side('before');
    writeSide(table, buf, this.#old, keysOnly, null, null);
    table.writer.end();
  }

  #update(buf: Buffer, at: number, end: number): Pause | undefined {
    const table = this.#tableOf(buf, at, end);
    if (table === null || 'until' in table) return table ?? undefined;
    const kind = buf[at + 4]!;
    let next = at + 4;
    const hasOld = kind === pgoutput.KEY_TUPLE || kind === pgoutput.OLD_TUPLE;
    if (hasOld) next = this.#old.read(buf, next + 1, end);
    pgoutput.need(next < end && buf[next] === pgoutput.NEW_TUPLE);
    pgoutput.need(this.#new.read(buf, next + 1, end) === end);
    const keysOnly = kind === pgoutput.KEY_TUPLE;
    if (hasOld && keyChanged(table, buf, this.#old, this.#new)) return this.#changeKey(table, buf, keysOnly);
    const left = this.#byKey !== null && this.#isRead(table, buf, this.#new, hasOld ? this.#old : null);
    if (left !== false) return again(left);
    this.#open();
    table.writer.begin('u');
    if (kind === pgoutput.OLD_TUPLE) {
      table.writer.side('before');
      writeSide(table, buf, this.#old, false, null, null);
    }
    table.writer.side('after');
    writeSide(table, buf, this.#new, false, hasOld ? { tuple: this.#old, keysOnly } : null, null);
    table.writer.end();
    return undefined;
  }

  /** A changed key is a delete of the old and an insert of the new one; the insert must say all of the row. */
  #changeKey(table: StreamTable, buf: Buffer, keysOnly: boolean): Pause | undefined {
    pgoutput.need(this.#new.count === table.texts.length && this.#old.count === this.#new.count);
    const oldLeft = this.#byKey !== null && this.#isRead(table, buf, this.#old, null);
    const newLeft = this.#byKey !== null && this.#isRead(table, buf, this.#new, this.#old);
    if (oldLeft instanceof Promise || newLeft instanceof Promise) return again(Promise.all([oldLeft, newLeft]));
    if (oldLeft && newLeft) return undefined;
    const fetched = this.#fetched;
    this.#fetched = null;
    this.#open();
    if (!oldLeft && fetched === null) this.#writeDelete(table, buf, keysOnly);
    if (newLeft) return undefined;
    const missing = keysOnly && fetched === null ? this.#missing(table, oldLeft) : [];
    if (missing.length > 0) return { until: this.#fetch(table, buf, missing), again: true };
    table.writer.begin('c');
    table.writer.side('after');
    writeSide(table, buf, this.#new, false, { tuple: this.#old, keysOnly }, fetched);
    table.writer.end();
    return undefined;
  }

  /** Columns of the new row that neither tuple has, nor the row that was deleted, if it was. */
  #missing({ isKey, writer }: StreamTable, oldLeft: boolean): number[] {
    const missing: number[] = [];
    for (let i = 0; i < this.#new.count; i++) {
      if (this.#new.kinds[i] !== UNCHANGED_COLUMN || isKey[i]) continue;
      if (oldLeft || writer.moves?.(i) !== true) missing.push(i);
    }
    return missing;
  }

  async #fetch(table: StreamTable, buf: Buffer, missing: readonly number[]): Promise<void> {
    const key = table.keys.map((i) => {
      const { from, to } = this.#new.kinds[i] === UNCHANGED_COLUMN ? this.#old : this.#new;
      return Buffer.from(buf.subarray(from[i]!, to[i]!));
    });
    this.#fetched = await this.#tables.fetch(table, key, missing, this.#transaction!.xid);
  }

  #truncate(oids: readonly number[]): Pause | undefined {
    pgoutput.need(this.#transaction !== null);
    const undescribed = oids.find((oid) => this.#isTruncated(oid) && this.#tables.get(oid) === undefined);
    if (undescribed !== undefined) return this.#describe(undescribed);
    for (const oid of oids) {
      if (!this.#isTruncated(oid)) continue;
      const { label, schema } = this.#tables.get(oid)!;
      const { judgement } = this.#judgementOf(label);
      this.#open();
      this.#output.marker({ op: 'truncate', table: schema });
      // The marker also clears what was read after the truncate.
      if (judgement?.isMixed === true) this.#progress.readAfresh(label);
    }
    this.#oid = -1;
    return undefined;
  }

  /** One that is no part of a transaction has its own; it has no time but the one at which it is read. */
  #message(buf: Buffer, message: LogicalMessage): undefined {
    const { transactional, lsn } = message;
    pgoutput.need(transactional === (this.#transaction !== null));
    const taker = this.#messages.find((one) => one.wants(message));
    if (taker === undefined) return undefined;
    if (transactional) {
      this.#open();
      taker.write(message, buf);
      return undefined;
    }
    const timeUs = this.#now() * 1_000;
    this.#output.begin({ id: formatLsn(lsn), kind: 'stream', timeUs, position: formatLsn(lsn) });
    taker.write(message, buf);
    this.#output.end(this.#progress.at(lsn));
    return undefined;
  }

  #isTruncated(oid: number): boolean {
    const label = this.#tables.labelOf(oid);
    return label !== null && this.#judgementOf(label).judgement?.leftOut !== 'all';
  }
}

/** The same message once more, when it is known where its key belongs; or none of it. */
function again(left: true | Promise<unknown>): Pause | undefined {
  return left === true ? undefined : { until: left, again: true };
}
