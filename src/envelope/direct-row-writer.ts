/**
 * Rows straight into record bytes: templates of the table, values as the source sent them, one record per row. The key of the
 * record is put together from the values of the key columns, which are copied from where they stand in the value.
 */
import { TailraceError } from '../contracts/errors.ts';
import type { RowCounts } from '../contracts/measures.ts';
import type { ColumnTarget, RowOp, RowWriter } from '../contracts/row.ts';
import type { TableMemory } from '../contracts/row-memory.ts';
import type { RecordBatchBuilder } from '../wire/record-batch.ts';
import { countRow } from './count-row.ts';
import { writeValue } from './json-text.ts';
import { KeptColumns } from './kept-columns.ts';
import type { TableRecords } from './table-records.ts';
import type { ColumnTemplate, TableTemplate } from './table-template.ts';

const OPEN = 0x7b;
const CLOSE = 0x7d;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SHORT_BYTES = 32;
/** Of one UTF-16 unit as `\uXXXX`. */
const MAX_ESCAPED_BYTES = 6;
/** Of one UTF-16 unit. */
const MAX_UTF8_BYTES = 3;

const BEFORE = new TextEncoder().encode('{"before":');
const AFTER = new TextEncoder().encode(',"after":');
const ONLY_AFTER = new TextEncoder().encode('{"before":null,"after":');
const NO_BEFORE = new TextEncoder().encode('{"before":null');
const NO_AFTER = new TextEncoder().encode(',"after":null');
const NULL = new TextEncoder().encode('null');
const DROPPED = new TextEncoder().encode(',"dropped":true');

export class DirectRowWriter implements RowWriter, ColumnTarget {
  readonly #records: TableRecords;
  readonly #builder: RecordBatchBuilder;
  readonly #template: TableTemplate;
  /** Where values start and end by their slot, from the start of the record's value; -1 when not sent. */
  readonly #from: number[];
  readonly #to: number[];
  readonly #kept: KeptColumns | null;
  readonly #counts: RowCounts | null;
  #recordKey: Buffer = Buffer.alloc(0);
  #op: RowOp | null = null;
  #side: 'none' | 'before' | 'after' = 'none';
  #next = 0;
  /** What the next column's head starts with: a brace for the first. */
  #lead = OPEN;

  /**
   * @param memory of the columns that updates leave out; null: they stay absent
   * @param counts null: somebody else counts the rows
   */
  constructor(records: TableRecords, memory: TableMemory | null = null, counts: RowCounts | null = null) {
    this.#records = records;
    this.#counts = counts;
    this.#builder = records.builder;
    this.#template = records.template;
    this.#from = new Array<number>(records.template.slots).fill(-1);
    this.#to = new Array<number>(records.template.slots).fill(-1);
    this.#kept = memory === null ? null : new KeptColumns(memory, records.template, this.#from, this.#to);
  }

  begin(op: RowOp): void {
    if (this.#records.session.serial === 0) throw misuse(this.#template, 'a row outside a transaction');
    if (this.#op !== null) throw misuse(this.#template, 'a row inside a row');
    this.#op = op;
    this.#side = 'none';
    if (this.#counts !== null) countRow(this.#counts, op);
    this.#records.open();
  }

  side(side: 'before' | 'after'): void {
    if (this.#op === null || this.#side === 'after' || (side === 'before' && this.#side !== 'none')) {
      throw misuse(this.#template, `a side "${side}" out of turn`);
    }
    if (this.#side === 'before') this.#closeSide();
    this.#builder.write(side === 'before' ? BEFORE : this.#side === 'before' ? AFTER : ONLY_AFTER);
    this.#side = side;
    this.#next = 0;
    this.#lead = OPEN;
    for (let i = 0; i < this.#from.length; i++) this.#from[i] = this.#to[i] = -1;
    this.#kept?.begin(this.#builder.at - this.#builder.valueAt);
  }

  text(column: number, buf: Uint8Array, from: number, to: number): void {
    const template = this.#openColumn(column);
    const start = this.#builder.at;
    if (!writeValue(this.#builder, template.form, buf, from, to)) throw unreadable(this.#template, template);
    if (template.slot >= 0) this.#note(template.slot, start);
  }

  json(column: number, buf: Uint8Array, from: number, to: number): void {
    const template = this.#openColumn(column);
    const builder = this.#builder;
    const start = builder.at;
    const length = to - from;
    builder.reserve(length);
    const { bytes } = builder;
    // So short that a call to copy it costs more than copying it.
    if (length <= SHORT_BYTES) for (let i = 0; i < length; i++) bytes[start + i] = buf[from + i]!;
    else Buffer.prototype.copy.call(buf, bytes, start, from, to);
    builder.at = start + length;
    if (template.slot >= 0) this.#note(template.slot, start);
  }

  jsonText(column: number, text: string): void {
    const template = this.#openColumn(column);
    const builder = this.#builder;
    const start = builder.at;
    builder.reserve(text.length * MAX_UTF8_BYTES);
    builder.at = start + writeUtf8(builder.bytes, start, text);
    if (template.slot >= 0) this.#note(template.slot, start);
  }

  string(column: number, text: string): void {
    const template = this.#openColumn(column);
    const builder = this.#builder;
    const start = builder.at;
    builder.reserve(text.length * MAX_ESCAPED_BYTES + 2);
    builder.at = start + writeString(builder.bytes, start, text);
    if (template.slot >= 0) this.#note(template.slot, start);
  }

  null(column: number): void {
    const template = this.#openColumn(column);
    const start = this.#builder.at;
    this.#builder.write(NULL);
    if (template.slot >= 0) this.#note(template.slot, start);
  }

  unchanged(column: number): void {
    // Invariant 9: what the source did not send is absent, never null.
    if (column !== this.#next || this.#side === 'none') throw misuse(this.#template, `column ${column} out of turn`);
    this.#next = column + 1;
    if (this.#kept !== null && this.#side === 'after') this.#kept.gap(column, this.#builder.at - this.#builder.valueAt);
  }

  end(): void {
    if (this.#side === 'none' || (this.#op === 'd') !== (this.#side === 'before')) {
      throw misuse(this.#template, 'a row with the wrong sides');
    }
    const keyBytes = this.#keyBytes();
    if (this.#kept?.hasGaps === true) this.#fillIn(this.#kept, keyBytes);
    const keyAt = this.#close(keyBytes, false);
    if (keyBytes >= 0) this.#writeKey(this.#builder.bytes, keyAt);
    this.#finish(keyAt, keyBytes);
  }

  #fillIn(kept: KeptColumns, keyBytes: number): void {
    if (this.#recordKey.length < keyBytes) this.#recordKey = Buffer.allocUnsafeSlow(2 * keyBytes);
    this.#writeKey(this.#recordKey, 0);
    kept.fillIn(this.#op!, this.#recordKey.subarray(0, keyBytes), this.#builder);
  }

  /** Places in the row memory of columns that the rows written from now on have from there. */
  set recalledBefore(places: readonly number[]) {
    if (this.#kept !== null) this.#kept.recalledBefore = places;
  }

  moves(column: number): boolean {
    return this.#kept?.moves(column) ?? false;
  }

  /**
   * Ends a delete whose `before` side, if there is one, need not hold the key.
   * @param key JSON of the record key; null for a table without key
   * @param dropped `Change.dropped`
   */
  endDelete(key: Uint8Array | null, dropped: boolean): void {
    if (this.#op !== 'd' || this.#side === 'after') throw misuse(this.#template, 'a row as if it were a delete');
    const keyBytes = key?.length ?? -1;
    const keyAt = this.#close(keyBytes, dropped);
    if (key !== null) this.#builder.bytes.set(key, keyAt);
    this.#finish(keyAt, keyBytes);
  }

  #openColumn(column: number): ColumnTemplate {
    const template = this.#template.columns[column];
    if (column !== this.#next || template === undefined || this.#side === 'none') {
      throw misuse(this.#template, `column ${column} out of turn`);
    }
    this.#next = column + 1;
    const builder = this.#builder;
    const { head } = template;
    builder.reserve(head.length);
    const { bytes, at } = builder;
    bytes[at] = this.#lead;
    // So short that a call to copy it costs more than copying it.
    for (let i = 1; i < head.length; i++) bytes[at + i] = head[i]!;
    this.#lead = COMMA;
    builder.at = at + head.length;
    return template;
  }

  #note(slot: number, start: number): void {
    const { valueAt, at } = this.#builder;
    this.#from[slot] = start - valueAt;
    this.#to[slot] = at - valueAt;
  }

  #closeSide(): void {
    if (this.#next !== this.#template.columns.length) throw misuse(this.#template, 'a row without all its columns');
    const builder = this.#builder;
    builder.reserve(2);
    if (this.#lead === OPEN) builder.bytes[builder.at++] = OPEN;
    builder.bytes[builder.at++] = CLOSE;
  }

  #close(keyBytes: number, dropped: boolean): number {
    if (this.#op === null) throw misuse(this.#template, 'an end without a row');
    if (this.#side === 'none') this.#builder.write(NO_BEFORE);
    else this.#closeSide();
    if (this.#side !== 'after') this.#builder.write(NO_AFTER);
    if (dropped) this.#builder.write(DROPPED);
    return this.#records.close(this.#op.charCodeAt(0), keyBytes);
  }

  #finish(keyAt: number, keyBytes: number): void {
    const hasTombstone = this.#op === 'd' && keyBytes >= 0;
    if (this.#kept !== null) {
      const { streamed, transaction } = this.#records.session;
      this.#kept.written(this.#op!, streamed || transaction?.sendsAll === true, keyAt, keyBytes, this.#builder);
    }
    this.#op = null;
    if (hasTombstone) this.#records.doneWithTombstone(keyAt, keyBytes);
    else this.#records.done();
  }

  /** Length of the key, or -1 for a table without one. */
  #keyBytes(): number {
    const { keyHeads, keyFixedBytes } = this.#template;
    if (keyHeads.length === 0) return -1;
    let bytes = keyFixedBytes;
    for (let i = 0; i < keyHeads.length; i++) {
      if (this.#from[i]! < 0) throw keyMissing(this.#template);
      bytes += this.#to[i]! - this.#from[i]!;
    }
    return bytes;
  }

  #writeKey(target: Uint8Array, start: number): void {
    const { bytes, valueAt } = this.#builder;
    const { keyHeads } = this.#template;
    let at = start;
    for (let i = 0; i < keyHeads.length; i++) {
      const head = keyHeads[i]!;
      target.set(head, at);
      at += head.length;
      const to = valueAt + this.#to[i]!;
      for (let from = valueAt + this.#from[i]!; from < to; from++) target[at++] = bytes[from]!;
    }
    target[at] = CLOSE;
  }
}

/** Writes a JSON string. Number of bytes written. */
function writeString(bytes: Buffer, start: number, text: string): number {
  let at = start;
  bytes[at++] = QUOTE;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit >= 0x7f || unit === QUOTE || unit === BACKSLASH)
      return bytes.write(JSON.stringify(text), start);
    bytes[at++] = unit;
  }
  bytes[at++] = QUOTE;
  return at - start;
}

/** Number of bytes written. */
function writeUtf8(bytes: Buffer, at: number, text: string): number {
  if (text.length > SHORT_BYTES) return bytes.write(text, at);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return bytes.write(text, at);
    bytes[at + i] = unit;
  }
  return text.length;
}

function named({ table: { schema, table } }: TableTemplate): string {
  return `table ${schema}.${table}`;
}

function misuse(template: TableTemplate, what: string): TailraceError {
  return new TailraceError('internal.bug', `${named(template)}: ${what} was written`);
}

/** The text of a column is not of its kind. */
export function unreadable(template: TableTemplate, { name, form }: ColumnTemplate): TailraceError {
  return new TailraceError('source.unsupported', `${named(template)}: column ${name} holds what is not ${form}`, {
    remedy: 'leave the table out, and report the type of this column',
  });
}

function keyMissing(template: TableTemplate): TailraceError {
  return new TailraceError('source.unsupported', `${named(template)}: a row came without its key columns`, {
    remedy: 'give the table a primary key, or a replica identity that covers its key',
  });
}
