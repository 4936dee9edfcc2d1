/**
 * Turns the messages of the replication stream into rows of the output. Invariant 4: a position is given only at the end of
 * a transaction; Invariant 5: what is not understood stops the source.
 */
import { type SourceOutput, TailraceError } from '../../src/sdk/index.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import type { Pause } from './message-socket.ts';
import * as pgoutput from './pgoutput.ts';
import { Tuple, UNCHANGED_COLUMN } from './pgoutput.ts';
import { advanced, comparesSnapshots, type PostgresPosition } from './position.ts';
import { type FetchedColumns, keyChanged, type StreamTable, type StreamTables, writeSide } from './stream-tables.ts';

export interface StreamDecoderOptions {
  readonly output: SourceOutput;
  readonly tables: StreamTables;
  readonly position: PostgresPosition;
  readonly failpoint: (name: string) => void;
}

export class StreamDecoder {
  readonly #output: SourceOutput;
  readonly #tables: StreamTables;
  readonly #failpoint: (name: string) => void;
  readonly #old = new Tuple();
  readonly #new = new Tuple();
  #position: PostgresPosition;
  /** Of the last position given, or of the one read from. */
  #lsn: bigint;
  #comparing: boolean;
  /** The transaction that is being read; `begun` once a change of it was written. */
  #transaction: pgoutput.Begin | null = null;
  #begun = false;
  #fetched: FetchedColumns | null = null;
  /** Table of the last row and whether its changes are left out of this transaction. */
  #oid = -1;
  #table: StreamTable | null = null;
  #left = false;

  constructor(options: StreamDecoderOptions) {
    this.#output = options.output;
    this.#tables = options.tables;
    this.#failpoint = options.failpoint;
    this.#position = options.position;
    this.#lsn = parseLsn(options.position.lsn);
    this.#comparing = comparesSnapshots(options.position);
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
    if (this.#transaction === null && lsn >= this.#lsn) this.#output.heartbeat(this.#at(lsn));
  }

  #at(lsn: bigint): PostgresPosition {
    this.#lsn = lsn;
    if (this.#comparing) {
      this.#position = advanced(this.#position, lsn);
      this.#comparing = comparesSnapshots(this.#position);
      return this.#position;
    }
    return { ...this.#position, lsn: formatLsn(lsn) };
  }

  #relation(relation: pgoutput.Relation): Pause {
    pgoutput.need(this.#transaction !== null);
    this.#oid = -1;
    return { until: this.#tables.describe(relation, this.#transaction!.xid), again: false };
  }

  #commit(end: bigint): undefined {
    pgoutput.need(this.#transaction !== null);
    this.#transaction = null;
    const position = this.#at(end);
    if (this.#begun) this.#output.end(position);
    else this.#output.heartbeat(position);
    this.#begun = false;
    return undefined;
  }

  /** The table of a change, or null when it is not captured or the table's snapshot has seen the transaction. */
  #tableOf(buf: Buffer, at: number, end: number): StreamTable | null {
    pgoutput.need(at + 5 <= end && this.#transaction !== null);
    const oid = buf.readUInt32BE(at);
    if (oid !== this.#oid) {
      this.#oid = oid;
      this.#table = this.#tables.get(oid);
      this.#left = this.#table !== null && this.#isLeftOut(this.#table);
    }
    return this.#left ? null : this.#table;
  }

  #isLeftOut(table: StreamTable): boolean {
    const visibility = this.#comparing ? this.#tables.visibility(table) : undefined;
    const { commitLsn, xid } = this.#transaction!;
    return visibility !== undefined && commitLsn < visibility.until && visibility.sees(xid);
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

  #insert(buf: Buffer, at: number, end: number): undefined {
    const table = this.#tableOf(buf, at, end);
    if (table === null) return undefined;
    pgoutput.need(buf[at + 4] === pgoutput.NEW_TUPLE);
    pgoutput.need(this.#new.read(buf, at + 5, end) === end);
    this.#open();
    table.writer.begin('c');
    table.writer.side('after');
    writeSide(table, buf, this.#new, false, null, null);
    table.writer.end();
    return undefined;
  }

  #delete(buf: Buffer, at: number, end: number): undefined {
    const table = this.#tableOf(buf, at, end);
    if (table === null) return undefined;
    const kind = buf[at + 4];
    pgoutput.need(kind === pgoutput.KEY_TUPLE || kind === pgoutput.OLD_TUPLE);
    pgoutput.need(this.#old.read(buf, at + 5, end) === end);
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
    if (table === null) return undefined;
    const kind = buf[at + 4]!;
    let next = at + 4;
    const hasOld = kind === pgoutput.KEY_TUPLE || kind === pgoutput.OLD_TUPLE;
    if (hasOld) next = this.#old.read(buf, next + 1, end);
    pgoutput.need(next < end && buf[next] === pgoutput.NEW_TUPLE);
    pgoutput.need(this.#new.read(buf, next + 1, end) === end);
    const keysOnly = kind === pgoutput.KEY_TUPLE;
    if (hasOld && keyChanged(table, buf, this.#old, this.#new)) return this.#changeKey(table, buf, keysOnly);
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
    const fetched = this.#fetched;
    pgoutput.need(this.#new.count === table.texts.length && this.#old.count === this.#new.count);
    const missing = keysOnly && fetched === null ? this.#missing(table) : [];
    if (missing.length > 0) return { until: this.#fetch(table, buf, missing), again: true };
    this.#fetched = null;
    this.#open();
    this.#writeDelete(table, buf, keysOnly);
    table.writer.begin('c');
    table.writer.side('after');
    writeSide(table, buf, this.#new, false, { tuple: this.#old, keysOnly }, fetched);
    table.writer.end();
    return undefined;
  }

  /** Columns of the new row that neither tuple has. */
  #missing({ isKey }: StreamTable): number[] {
    const missing: number[] = [];
    for (let i = 0; i < this.#new.count; i++) if (this.#new.kinds[i] === UNCHANGED_COLUMN && !isKey[i]) missing.push(i);
    return missing;
  }

  async #fetch(table: StreamTable, buf: Buffer, missing: readonly number[]): Promise<void> {
    const key = table.keys.map((i) => {
      const { from, to } = this.#new.kinds[i] === UNCHANGED_COLUMN ? this.#old : this.#new;
      return Buffer.from(buf.subarray(from[i]!, to[i]!));
    });
    this.#fetched = await this.#tables.fetch(table, key, missing, this.#transaction!.xid);
  }

  #truncate(oids: readonly number[]): undefined {
    pgoutput.need(this.#transaction !== null);
    for (const oid of oids) {
      const table = this.#tables.get(oid);
      if (table === null || this.#isLeftOut(table)) continue;
      this.#open();
      this.#output.marker({ op: 'truncate', table: table.schema });
    }
    return undefined;
  }
}
