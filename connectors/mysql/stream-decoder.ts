/**
 * Turns the events of the binary log into rows of the output. Invariant 4: a position is given only at the end of a
 * transaction; Invariant 5: what is not understood stops the source.
 */
import { type SourceOutput, TailraceError } from '../../src/sdk/index.ts';
import * as event from './binlog-event.ts';
import { EventType } from './binlog-event.ts';
import { Checksums } from './checksums.ts';
import type { TableCoverage } from './coverage.ts';
import type { CutOffs } from './cut-off.ts';
import { type GtidSet, gtidText, parseGtidSet } from './gtid.ts';
import { FileSequence } from './log-files.ts';
import type { Wait } from './packet-socket.ts';
import { payloadEvents } from './payload.ts';
import { type FilePlace, fileNumber, type MysqlPosition } from './position.ts';
import { RowsEvents } from './rows-event.ts';
import { gap, need, unsupported } from './source-errors.ts';
import type { SourceProgress } from './source-progress.ts';
import type { StatementEvents } from './statement-events.ts';
import type { Statement, StatementTexts } from './statement-text.ts';
import type { StreamTable, StreamTables } from './stream-tables.ts';
import { type PreparedPlace, readXaPrepare, type XaPrepare, XaTransactions, xaEnd } from './xa-transactions.ts';

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
const WORD = 2 ** 32;

interface OpenTransaction extends event.TransactionStart {
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

export class StreamDecoder {
  readonly #output: SourceOutput;
  readonly #tables: StreamTables;
  readonly #texts: StatementTexts;
  readonly #statements: StatementEvents;
  readonly #failpoint: (name: string) => void;
  readonly #mariadb: boolean;
  readonly #executed: GtidSet | null;
  readonly #rows: RowsEvents;
  readonly #progress: SourceProgress;
  /** Where the stream is now. */
  #file: string;
  #pos: number;
  #begun: number;
  readonly #checksums = new Checksums();
  readonly #files = new FileSequence(null);
  readonly #xa = new XaTransactions();
  /** By number: those that were prepared before the position, and are to be sent again. */
  readonly #awaited: Map<string, PreparedPlace>;
  readonly #cutOffs: CutOffs;
  readonly #crashed: (file: string) => void;
  readonly #known: number;
  #transaction: OpenTransaction | null = null;

  constructor(options: StreamDecoderOptions) {
    const { output, tables, statements, progress, known, failpoint } = options;
    const { position } = progress;
    this.#crashed = options.crashed;
    this.#cutOffs = options.cutOffs;
    this.#known = fileNumber(known);
    this.#output = output;
    this.#tables = tables;
    this.#texts = options.texts;
    this.#statements = statements;
    this.#failpoint = failpoint;
    this.#progress = progress;
    this.#file = position.file;
    this.#pos = position.pos;
    this.#begun = position.begun;
    this.#mariadb = position.flavor === 'mariadb';
    this.#awaited = new Map(position.prepared.map((place) => [place.gtid, place]));
    this.#executed = position.gtid === null ? null : parseGtidSet(position.gtid, this.#mariadb);
    this.#rows = new RowsEvents((label) => this.#open(label));
  }

  get inTransaction(): boolean {
    return this.#transaction !== null;
  }

  /** Where the stream is. */
  get at(): FilePlace {
    return { file: this.#file, pos: this.#pos };
  }

  /** One event, as it stands in the file, at buf[from, to). */
  take(buf: Buffer, from: number, to: number): Wait {
    const end = this.#checksums.end(buf, from, to);
    this.#advance(buf, from);
    return this.#event(buf[from + 4]!, buf, from, end);
  }

  /** Moves on in the file; positions of events have 32 bits, files may be longer. */
  #advance(buf: Buffer, from: number): void {
    const flags = buf.readUInt16LE(from + 17);
    const end = buf.readUInt32LE(from + 13);
    // Zero stands for no position, unless the event ends just there.
    const isNone = end === 0 && (this.#pos + buf.readUInt32LE(from + 9)) % WORD !== 0;
    // A heartbeat says up to where there was nothing to send.
    if (isNone || (flags & event.ARTIFICIAL) !== 0 || buf[from + 4] === EventType.HEARTBEAT_V2) return;
    const pos = this.#pos;
    let reached = Math.floor(pos / WORD) * WORD + end;
    if (pos - reached > WORD / 2) reached += WORD;
    if (reached > pos) this.#pos = reached;
  }

  /** @param end without the checksum */
  #event(type: number, buf: Buffer, from: number, end: number): Wait {
    const body = from + event.HEADER_BYTES;
    switch (type) {
      case EventType.TABLE_MAP:
        need(body + 8 <= end && this.#transaction !== null);
        if (this.#transaction.skipped) return undefined;
        if (this.#xa.isOpen) this.#xa.keep(buf, from, end);
        return this.#tables.map(buf.readUIntLE(body, TABLE_ID_BYTES), buf, body + 8, end);
      case EventType.XID:
        return this.#end();
      case EventType.GTID:
      case EventType.ANONYMOUS_GTID:
        return this.#begin(event.readGtid(buf, body, end, type === EventType.ANONYMOUS_GTID), buf, from);
      case EventType.GTID_TAGGED:
        return this.#begin(event.readTaggedGtid(buf, body, end), buf, from);
      case EventType.MARIADB_GTID:
        return this.#begin(event.readMariadbGtid(buf, body, end, buf.readUInt32LE(from + 5)), buf, from);
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
      need(body + 8 <= end && this.#transaction !== null);
      const id = buf.readUIntLE(body, TABLE_ID_BYTES);
      if (id === DUMMY_TABLE_ID) return undefined;
      if (this.#transaction.cutOff || this.#transaction.skipped) return undefined;
      const table = this.#tables.get(id);
      need(table !== undefined);
      if (table === null) return undefined;
      if (this.#xa.isOpen) return void this.#xa.keep(buf, from, end);
      return this.#rows.take(form, table, this.#coverage(table), buf, body, end);
    }
    switch (type) {
      case EventType.ROTATE:
        return this.#rotate(buf, from, end);
      case EventType.STOP:
        this.#files.stop();
        return undefined;
      case EventType.FORMAT_DESCRIPTION:
        return this.#format(buf, from, end);
      case EventType.HEARTBEAT:
      case EventType.HEARTBEAT_V2:
        return this.#idle();
      case EventType.XA_PREPARE:
        return this.#prepared(readXaPrepare(buf, body, end));
      default:
        if (event.WITHOUT_CHANGE.has(type)) return this.#idle();
        return this.#unknown(type, buf.readUInt16LE(from + 17));
    }
  }

  #unknown(type: number, flags: number): undefined {
    // A later kind of event may say of itself that it can be left out.
    if ((flags & event.IGNORABLE) !== 0) return undefined;
    const found = UNREADABLE[type];
    const message = found?.[0] ?? `an event of the unknown type ${type}`;
    throw unsupported(`the binary log has ${message}`, found?.[1] ?? 'this server may need a newer Tailrace');
  }

  #format(buf: Buffer, from: number, end: number): undefined {
    need(end - from >= event.HEADER_BYTES + 57);
    if (this.#transaction?.begun === true) this.#cutOff(this.#transaction);
    this.#transaction = null;
    this.#xa.forget();
    this.#begun = buf.readUInt32LE(from);
    return this.#idle();
  }

  /** When the next file was begun says its first event, before anything of it is given out as a position. */
  #rotate(buf: Buffer, from: number, end: number): undefined {
    const first = this.#files.file === '';
    const crashed = this.#files.rotate(buf, from, end);
    if (crashed !== null) this.#crashed(crashed);
    const { file, pos } = event.rotateEvent(buf, from, end);
    if (first && fileNumber(file) > this.#known) {
      throw new TailraceError('source.unreachable', `the server began ${file} while the reading was prepared`);
    }
    this.#file = file;
    this.#pos = pos;
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
  #idle(): undefined {
    if (this.#transaction === null) this.#output.heartbeat(this.#passed());
    return undefined;
  }

  #begin(start: event.TransactionStart, buf: Buffer, from: number): undefined {
    need(this.#transaction === null);
    const position = `${this.#file}:${this.#pos}`;
    // Files are of one name again after a RESET.
    const begin = `${this.#begun} ${position}`;
    const id = start.gtid === null ? position : gtidText(start.gtid, this.#mariadb);
    const second = buf.readUInt32LE(from);
    // MariaDB's says that a transaction begins; MySQL writes a BEGIN.
    const grouped = this.#mariadb && !start.standalone;
    const cutOff = this.#cutOffs.has(begin);
    // What was executed is sent again because of what was prepared before it.
    const skipped = start.gtid !== null && this.#executed?.has(start.gtid) === true && this.#awaited.has(id) === false;
    this.#transaction = { ...start, id, position, begin, second, grouped, begun: false, cutOff, skipped };
    if (start.prepares) this.#xa.begin();
    return undefined;
  }

  #query(query: event.QueryBytes): Wait {
    // A server before GTIDs begins with nothing: none that can be captured does so.
    need(this.#transaction !== null);
    if (this.#transaction.skipped) return this.#skip(query.bytes.toString('latin1'));
    const statement = this.#texts.read(query);
    return statement instanceof Promise ? statement.then((read) => this.#statement(read)) : this.#statement(statement);
  }

  #statement(statement: Statement): Wait {
    need(this.#transaction !== null);
    const { sql } = statement;
    const effect = this.#statements.effect(statement);
    switch (effect.kind) {
      case 'begin':
        this.#transaction.grouped = true;
        if (/^XA\s/i.test(sql) && !this.#xa.isOpen) this.#xa.begin();
        return undefined;
      case 'commit':
        return this.#end();
      case 'xa-end':
        return this.#xaEnded(sql);
      case 'rollback':
      case 'rollback-to':
        return this.#rollback(effect.kind === 'rollback');
      case 'truncate': {
        const { label } = effect.table;
        return this.#truncate(label).then(() => this.#ended());
      }
      case 'altered':
        this.#tables.altered(effect.table.label);
        this.#progress.coverage(effect.table.label)?.spoil();
        return this.#ended();
      default:
        return this.#ended();
    }
  }

  /** A statement that stands alone is its own transaction. */
  #ended(): undefined {
    return this.#transaction?.grouped === true ? undefined : this.#end();
  }

  async #truncate(label: string): Promise<void> {
    const table = await this.#tables.registered(this.#statements.captured(label));
    const coverage = this.#progress.coverage(label);
    coverage?.spoil();
    // Nothing of it is known yet that could go.
    if (coverage?.isUntouched === true) return;
    this.#open(label);
    this.#output.marker({ op: 'truncate', table });
  }

  #rollback(whole: boolean): undefined {
    if (this.#transaction?.begun === true) {
      throw unsupported(
        'a transaction with changes of captured tables was rolled back in the binary log (of several engines)',
      );
    }
    return whole ? this.#end() : undefined;
  }

  /** Of a transaction that was executed already: nothing of it counts but its end. */
  #skip(sql: string): undefined {
    if (/^(BEGIN|XA\s+START|XA\s+END)\b/i.test(sql)) this.#transaction!.grouped = true;
    else if (/^(COMMIT|ROLLBACK(?!.*\bTO\b)|XA\s)/i.test(sql) || !this.#transaction!.grouped) return this.#end();
    return undefined;
  }

  #prepared({ onePhase, xid }: XaPrepare): Wait {
    const transaction = this.#transaction;
    need(transaction !== null);
    if (onePhase) return this.#replay(this.#xa.take()).then(() => this.#end());
    if (transaction.skipped) {
      this.#xa.forget();
      return this.#end();
    }
    if (transaction.gtid === null || this.#executed === null) return this.#preparedUnnumbered(xid);
    const before = this.#awaited.get(transaction.id)?.before ?? this.#executed.toString();
    this.#awaited.delete(transaction.id);
    this.#xa.prepare(xid, transaction.gtid, before);
    this.#transaction = null;
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
    return this.#end();
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
    return this.#replay(ended.commits ? prepared!.events : []).then(() => {
      if (prepared?.gtid != null && !this.#mariadb) this.#executed?.add(prepared.gtid);
      return this.#end();
    });
  }

  async #replay(events: readonly Buffer[]): Promise<void> {
    for (const bytes of events) {
      await this.#event(bytes[4]!, bytes, 0, bytes.length);
      await this.#output.drain();
    }
  }

  #payload(header: event.PayloadHeader, buf: Buffer): Wait {
    need(this.#transaction !== null);
    return payloadEvents(header, buf, {
      take: (bytes, from, to) => this.#event(bytes[from + 4]!, bytes, from, to),
      drain: () => this.#output.drain(),
    });
  }

  #end(): undefined {
    const transaction = this.#transaction;
    need(transaction !== null && !transaction.cutOff);
    this.#transaction = null;
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

  #passed(): MysqlPosition {
    const gtid = this.#executed === null ? null : this.#executed.toString();
    const prepared = this.#mariadb ? [...this.#awaited.values(), ...this.#xa.places(true)] : [];
    return this.#progress.moved({ gtid, file: this.#file, pos: this.#pos, begun: this.#begun, prepared });
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

  /** Before each row. */
  #open(_label: string): void {
    const transaction = this.#transaction;
    need(transaction !== null);
    if (transaction.begun) {
      this.#failpoint('source.mid-transaction');
      return;
    }
    transaction.begun = true;
    const { id, position, second } = transaction;
    this.#output.begin({ id, kind: 'stream', timeUs: transaction.timeUs ?? second * 1_000_000, position });
  }
}

const UNREADABLE: Readonly<Record<number, readonly [what: string, remedy: string]>> = {
  [EventType.INCIDENT]: [
    'an incident: the server could not write a change',
    'look into the server log; then set `on_gap: resnapshot` on the source',
  ],
  [EventType.BEGIN_LOAD_QUERY]: [
    'a LOAD DATA as statement',
    'SET GLOBAL binlog_format = ROW; then set `on_gap: resnapshot` on the source',
  ],
  [EventType.EXECUTE_LOAD_QUERY]: [
    'a LOAD DATA as statement',
    'SET GLOBAL binlog_format = ROW; then set `on_gap: resnapshot` on the source',
  ],
};
