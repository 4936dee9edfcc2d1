/**
 * Turns the events of the binary log into rows of the output. Invariant 5: what is not understood stops the
 * source.
 */
import type { SourceOutput } from '../../src/sdk/index.ts';
import * as event from './binlog-event.ts';
import { EventType } from './binlog-event.ts';
import { Checksums } from './checksums.ts';
import type { TableCoverage } from './coverage.ts';
import type { CutOffs } from './cut-off.ts';
import type { Wait } from './packet-socket.ts';
import { payloadEvents } from './payload.ts';
import type { FilePlace } from './position.ts';
import { RowsEvents } from './rows-event.ts';
import { gap, need } from './source-errors.ts';
import type { SourceProgress } from './source-progress.ts';
import type { StatementEvents } from './statement-events.ts';
import type { Statement, StatementTexts } from './statement-text.ts';
import { StreamPlace } from './stream-place.ts';
import type { StreamTable, StreamTables } from './stream-tables.ts';
import { type OpenTransaction, StreamTransactions } from './stream-transactions.ts';
import { unreadable } from './unreadable-events.ts';
import { readXaPrepare, type XaPrepare, XaTransactions, xaEnd } from './xa-transactions.ts';

export interface StreamDecoderOptions {
  readonly output: SourceOutput;
  readonly tables: StreamTables;
  readonly texts: StatementTexts;
  readonly statements: StatementEvents;
  readonly progress: SourceProgress;
  /** The file in which the stream begins at the latest; what is between it and a later one is not known. */
  readonly known: string;
  /** The server crashed while it wrote the file. Throws when that cannot be gone past. */
  readonly crashed: (file: string) => void;
  readonly cutOffs: CutOffs;
  readonly failpoint: (name: string) => void;
}

const TABLE_ID_BYTES = 6;
/** Of the event that only ends a statement. */
const DUMMY_TABLE_ID = 0xffffff;

export class StreamDecoder {
  readonly #output: SourceOutput;
  readonly #tables: StreamTables;
  readonly #texts: StatementTexts;
  readonly #statements: StatementEvents;
  readonly #progress: SourceProgress;
  readonly #rows: RowsEvents;
  readonly #checksums = new Checksums();
  readonly #xa = new XaTransactions();
  readonly #place: StreamPlace;
  readonly #transactions: StreamTransactions;

  constructor(options: StreamDecoderOptions) {
    const { output, tables, texts, statements, progress, known, crashed, cutOffs, failpoint } = options;
    this.#output = output;
    this.#tables = tables;
    this.#texts = texts;
    this.#statements = statements;
    this.#progress = progress;
    const place = new StreamPlace({ from: progress.position, known, crashed });
    this.#place = place;
    this.#transactions = new StreamTransactions({ output, progress, place, xa: this.#xa, cutOffs, failpoint });
    this.#rows = new RowsEvents(() => this.#transactions.writes());
  }

  get #open(): OpenTransaction | null {
    return this.#transactions.open;
  }

  get inTransaction(): boolean {
    return this.#open !== null;
  }

  /** Where the stream is. */
  get at(): FilePlace {
    return { file: this.#place.file, pos: this.#place.pos };
  }

  /** One event, as it stands in the file, at buf[from, to). */
  take(buf: Buffer, from: number, to: number): Wait {
    const end = this.#checksums.end(buf, from, to);
    this.#place.advance(buf, from);
    return this.#event(buf[from + 4]!, buf, from, end);
  }

  /** @param end without the checksum */
  #event(type: number, buf: Buffer, from: number, end: number): Wait {
    const body = from + event.HEADER_BYTES;
    switch (type) {
      case EventType.TABLE_MAP:
        need(body + 8 <= end && this.#open !== null);
        if (this.#open.skipped) return undefined;
        if (this.#xa.isOpen) this.#xa.keep(buf, from, end);
        return this.#tables.map(buf.readUIntLE(body, TABLE_ID_BYTES), buf, body + 8, end);
      case EventType.XID:
        return this.#transactions.end();
      case EventType.GTID:
      case EventType.ANONYMOUS_GTID:
        return this.#transactions.begin(
          event.readGtid(buf, body, end, type === EventType.ANONYMOUS_GTID),
          buf.readUInt32LE(from),
        );
      case EventType.GTID_TAGGED:
        return this.#transactions.begin(event.readTaggedGtid(buf, body, end), buf.readUInt32LE(from));
      case EventType.MARIADB_GTID:
        return this.#transactions.begin(
          event.readMariadbGtid(buf, body, end, buf.readUInt32LE(from + 5)),
          buf.readUInt32LE(from),
        );
      case EventType.QUERY:
      case EventType.QUERY_COMPRESSED:
        return this.#query(event.readQuery(buf, body, end, type === EventType.QUERY_COMPRESSED));
      case EventType.TRANSACTION_PAYLOAD:
        return this.#payload(event.readPayloadHeader(buf, body, end), buf);
      default:
        return this.#rarer(type, buf, from, end);
    }
  }

  #rarer(type: number, buf: Buffer, from: number, end: number): Wait {
    const body = from + event.HEADER_BYTES;
    const form = RowsEvents.form(type);
    if (form !== undefined) {
      need(body + 8 <= end && this.#open !== null);
      const id = buf.readUIntLE(body, TABLE_ID_BYTES);
      if (id === DUMMY_TABLE_ID) return undefined;
      if (this.#open.cutOff || this.#open.skipped) return undefined;
      const table = this.#tables.get(id);
      need(table !== undefined);
      if (table === null) return undefined;
      if (this.#xa.isOpen) return void this.#xa.keep(buf, from, end);
      return this.#rows.take(form, table, this.#coverage(table), buf, body, end);
    }
    switch (type) {
      case EventType.ROTATE:
        return this.#place.rotate(buf, from, end);
      case EventType.STOP:
        return this.#place.stop();
      case EventType.FORMAT_DESCRIPTION:
        return this.#format(buf, from, end);
      case EventType.HEARTBEAT:
      case EventType.HEARTBEAT_V2:
        return this.#transactions.idle();
      case EventType.XA_PREPARE:
        return this.#prepared(readXaPrepare(buf, body, end));
      default:
        if (event.WITHOUT_CHANGE.has(type)) return this.#transactions.idle();
        return unreadable(type, buf.readUInt16LE(from + 17));
    }
  }

  #format(buf: Buffer, from: number, end: number): undefined {
    need(end - from >= event.HEADER_BYTES + 57);
    this.#transactions.fileBegan();
    this.#place.begun = buf.readUInt32LE(from);
    return this.#transactions.idle();
  }

  #query(query: event.QueryBytes): Wait {
    // A server before GTIDs begins with nothing: none that can be captured does so.
    need(this.#open !== null);
    if (this.#open.skipped) return this.#skip(query.bytes.toString('latin1'));
    const statement = this.#texts.read(query);
    return statement instanceof Promise ? statement.then((read) => this.#statement(read)) : this.#statement(statement);
  }

  #statement(statement: Statement): Wait {
    need(this.#open !== null);
    const { sql } = statement;
    const effect = this.#statements.effect(statement);
    switch (effect.kind) {
      case 'begin':
        this.#open.grouped = true;
        if (/^XA\s/i.test(sql) && !this.#xa.isOpen) this.#xa.begin();
        return undefined;
      case 'commit':
        return this.#transactions.end();
      case 'xa-end':
        return this.#xaEnded(sql);
      case 'rollback':
      case 'rollback-to':
        return this.#transactions.rollback(effect.kind === 'rollback');
      case 'truncate': {
        const { label } = effect.table;
        return this.#truncate(label).then(() => this.#transactions.ended());
      }
      case 'altered':
        this.#tables.altered(effect.table.label);
        this.#progress.coverage(effect.table.label)?.spoil();
        return this.#transactions.ended();
      default:
        return this.#transactions.ended();
    }
  }

  async #truncate(label: string): Promise<void> {
    const table = await this.#tables.registered(this.#statements.captured(label));
    const coverage = this.#progress.coverage(label);
    coverage?.spoil();
    // Nothing of it is known yet that could go.
    if (coverage?.isUntouched === true) return;
    this.#transactions.writes();
    this.#output.marker({ op: 'truncate', table });
  }

  /** Of a transaction that was executed already: nothing of it counts but its end. */
  #skip(sql: string): undefined {
    if (/^(BEGIN|XA\s+START|XA\s+END)\b/i.test(sql)) this.#open!.grouped = true;
    else if (/^(COMMIT|ROLLBACK(?!.*\bTO\b)|XA\s)/i.test(sql) || !this.#open!.grouped) return this.#transactions.end();
    return undefined;
  }

  #prepared({ onePhase, xid }: XaPrepare): Wait {
    need(this.#open !== null);
    return onePhase
      ? this.#replay(this.#xa.take()).then(() => this.#transactions.end())
      : this.#transactions.prepared(xid);
  }

  #xaEnded(sql: string): Wait {
    const ended = xaEnd(sql);
    need(ended !== null);
    const prepared = this.#xa.finish(ended.xid);
    if (prepared === undefined && ended.commits) {
      throw gap(
        'an XA transaction was committed that was prepared before the source began to read: its rows are not known',
      );
    }
    return this.#replay(ended.commits ? prepared!.events : []).then(() =>
      this.#transactions.endPrepared(prepared?.gtid ?? null),
    );
  }

  async #replay(events: readonly Buffer[]): Promise<void> {
    for (const bytes of events) {
      await this.#event(bytes[4]!, bytes, 0, bytes.length);
      await this.#output.drain();
    }
  }

  #payload(header: event.PayloadHeader, buf: Buffer): Wait {
    need(this.#open !== null);
    return payloadEvents(header, buf, {
      take: (bytes, from, to) => this.#event(bytes[from + 4]!, bytes, from, to),
      drain: () => this.#output.drain(),
    });
  }

  /** Undefined where nothing is left to a snapshot. */
  #coverage({ label, keyNames }: StreamTable): TableCoverage | undefined {
    if (!this.#progress.covers) return undefined;
    const coverage = this.#progress.coverage(label);
    if (coverage?.hasKey(keyNames) !== false) return coverage;
    // What was read under another key says nothing of this one.
    this.#progress.readAfresh(label);
    return this.#progress.coverage(label);
  }
}
