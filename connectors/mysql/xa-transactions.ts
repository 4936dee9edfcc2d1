/**
 * XA transactions in two phases: their rows come with XA PREPARE, and count when XA COMMIT comes, if it does: much later, and
 * maybe after a restart of the server or of the source. Until then they are kept here, and their place is kept in the position,
 * so that the server sends them again.
 */
import { EventType } from './binlog-event.ts';
import { type Gtid, gtidText } from './gtid.ts';
import { need, unsupported } from './source-errors.ts';

const TYPE_AT = 4;
/** Invariant 10. */
const MAX_KEPT_BYTES = 64 << 20;

export interface Prepared {
  /** Null: the server numbers none. */
  readonly gtid: Gtid | null;
  /** What was executed before it. */
  readonly before: string;
  /** Events of captured tables, without checksums. */
  readonly events: readonly Buffer[];
}

/** As the position has it, where numbers have no holes (MariaDB). */
export interface PreparedPlace {
  readonly gtid: string;
  readonly before: string;
}

export class XaTransactions {
  /** Of the transaction that is read. */
  #open: Buffer[] | null = null;
  readonly #prepared = new Map<string, Prepared>();
  #bytes = 0;

  /** The events that follow are of one. */
  begin(): void {
    this.#open = [];
  }

  get isOpen(): boolean {
    return this.#open !== null;
  }

  /** The transaction is not read to its end. */
  forget(): void {
    for (const event of this.#open ?? []) this.#bytes -= event.length;
    this.#open = null;
  }

  /** Keeps the event at buf[from, to). */
  keep(buf: Buffer, from: number, to: number): void {
    this.#bytes += to - from;
    if (this.#bytes > MAX_KEPT_BYTES) {
      throw unsupported('XA transactions that are prepared and not committed changed more than 64 MiB');
    }
    this.#open!.push(Buffer.from(buf.subarray(from, to)));
  }

  /** The one that is read changes captured tables. */
  get hasRows(): boolean {
    return this.#open?.some((event) => event[TYPE_AT] !== EventType.TABLE_MAP) ?? false;
  }

  /** The events of the one that is read, which is at its end. */
  take(): readonly Buffer[] {
    const events = this.#open ?? [];
    this.forget();
    return events;
  }

  prepare(xid: string, gtid: Gtid | null, before: string): void {
    this.#prepared.set(xid, { gtid, before, events: this.#open ?? [] });
    this.#open = null;
  }

  /** It is over; undefined when its XA PREPARE was not seen. */
  finish(xid: string): Prepared | undefined {
    const found = this.#prepared.get(xid);
    this.#prepared.delete(xid);
    for (const event of found?.events ?? []) this.#bytes -= event.length;
    return found;
  }

  places(mariadb: boolean): PreparedPlace[] {
    return [...this.#prepared.values()].flatMap(({ gtid, before }) =>
      gtid === null ? [] : [{ gtid: gtidText(gtid, mariadb), before }],
    );
  }
}

export interface XaPrepare {
  /** It is committed at once. */
  readonly onePhase: boolean;
  readonly xid: string;
}

/** XA_PREPARE: one phase (1), format (4), lengths of both parts (4, 4), the parts. */
export function readXaPrepare(buf: Buffer, from: number, to: number): XaPrepare {
  need(from + 13 <= to);
  const [first, second] = [buf.readUInt32LE(from + 5), buf.readUInt32LE(from + 9)];
  const at = from + 13;
  need(at + first + second <= to);
  const part = (start: number, end: number) => buf.toString('hex', start, end);
  const xid = xidText(buf.readUInt32LE(from + 1), part(at, at + first), part(at + first, at + first + second));
  return { onePhase: buf[from] === 1, xid };
}

/** Of XA COMMIT and XA ROLLBACK, as servers write them into their logs; null for other statements. */
export function xaEnd(sql: string): { readonly commits: boolean; readonly xid: string } | null {
  const found = /^XA\s+(COMMIT|ROLLBACK)\s+X'([0-9a-f]*)'\s*,\s*X'([0-9a-f]*)'\s*,\s*(\d+)\s*$/i.exec(sql);
  if (found === null) return null;
  const [, verb, first, second, format] = found;
  return { commits: verb!.toUpperCase() === 'COMMIT', xid: xidText(Number(format), first!, second!) };
}

const xidText = (format: number, first: string, second: string): string =>
  `${format >>> 0}:${first.toLowerCase()}:${second.toLowerCase()}`;
