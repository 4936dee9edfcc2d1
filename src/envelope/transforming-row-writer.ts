/**
 * Rows that pass the source's own steps before they are written: what the steps drop or mask never reaches the log. The row
 * is kept as JSON bytes with the places of its columns, shown to the steps as a change, and what they return is written.
 */
import { TailraceError } from '../contracts/errors.ts';
import type { RowCounts } from '../contracts/measures.ts';
import type { Change, Op, Row, RowOp, RowWriter } from '../contracts/row.ts';
import type { TableMemory } from '../contracts/row-memory.ts';
import type { RowTransform } from '../contracts/rules.ts';
import { GrowingBuffer } from '../wire/record-batch.ts';
import { ChangeWriter } from './change-writer.ts';
import { countRow } from './count-row.ts';
import { type DirectRowWriter, unreadable } from './direct-row-writer.ts';
import type { EncoderSession } from './encoder-session.ts';
import { writeValue } from './json-text.ts';
import type { MessageRecords } from './message-records.ts';
import { passedColumns } from './passed-columns.ts';
import { RowView } from './row-view.ts';
import type { TableTemplate } from './table-template.ts';

const OPS: Readonly<Record<RowOp, Op>> = { c: 'insert', u: 'update', d: 'delete', r: 'snapshot' };
const NULL = new TextEncoder().encode('null');
const NO_KEY = new Uint8Array();

export interface TransformingOptions {
  readonly session: EncoderSession;
  /** Of the table as the source sends it. */
  readonly input: TableTemplate;
  readonly transform: RowTransform;
  readonly output: TableTemplate;
  readonly writer: DirectRowWriter;
  /** Of the output. Null: nothing is filled in. */
  readonly memory: TableMemory | null;
  /** Null: nobody counts the rows. */
  readonly counts: RowCounts | null;
  /** Rows are messages, and go there. Null: they stay rows. */
  readonly messages: MessageRecords | null;
}

export class TransformingRowWriter implements RowWriter {
  readonly #options: TransformingOptions;
  readonly #scratch = new GrowingBuffer();
  readonly #keys: readonly number[];
  readonly #writer: ChangeWriter;
  /** Places in the memory, by input column. */
  readonly #passed: ReadonlyMap<number, number>;
  #op: RowOp = 'c';
  readonly #beforePlaces: Int32Array;
  readonly #afterPlaces: Int32Array;
  #before: Int32Array | null = null;
  #after: Int32Array | null = null;
  /** Places of the side being written. */
  #places: Int32Array;

  constructor(options: TransformingOptions) {
    const { columns, keyHeads } = options.input;
    this.#options = options;
    this.#beforePlaces = new Int32Array(columns.length * 2);
    this.#afterPlaces = new Int32Array(columns.length * 2);
    this.#places = this.#afterPlaces;
    this.#writer = new ChangeWriter(options.output, options.writer);
    const { memory, input, output } = options;
    this.#passed = memory === null ? new Map() : passedColumns(input.table, output.table, memory);
    this.#keys = keyHeads.map((_, i) => columns.findIndex(({ keyIndex }) => keyIndex === i));
  }

  begin(op: RowOp): void {
    this.#op = op;
    this.#scratch.at = 0;
    this.#before = null;
    this.#after = null;
  }

  side(side: 'before' | 'after'): void {
    if (side === 'before') this.#places = this.#before = this.#beforePlaces;
    else this.#places = this.#after = this.#afterPlaces;
    this.#places.fill(-1);
  }

  text(column: number, buf: Uint8Array, from: number, to: number): void {
    const { input } = this.#options;
    const template = input.columns[column]!;
    const start = this.#scratch.at;
    if (!writeValue(this.#scratch, template.form, buf, from, to)) throw unreadable(input, template);
    this.#place(column, start);
  }

  json(column: number, buf: Uint8Array, from: number, to: number): void {
    const start = this.#scratch.at;
    this.#scratch.write(buf.subarray(from, to));
    this.#place(column, start);
  }

  null(column: number): void {
    const start = this.#scratch.at;
    this.#scratch.write(NULL);
    this.#place(column, start);
  }

  /** Invariant 9: the place stays -1, which the row shows as not sent. */
  unchanged(): void {}

  end(): void {
    const { session, transform, writer, messages } = this.#options;
    const { transaction } = session;
    if (transaction === null) throw new TailraceError('internal.bug', 'a row was written outside a transaction');
    const key = this.#key();
    writer.recalledBefore = this.#fillIn(key);
    const isKnown = this.#isKnown(key);
    const change: Change = {
      op: OPS[this.#op],
      table: this.#options.input.table,
      version: session.clock.next(),
      timeUs: transaction.timeUs,
      key,
      before: this.#row(this.#before),
      after: this.#row(this.#after),
      position: transaction.position,
      transaction: session.streamed ? transaction.id : '',
      ...(isKnown && { isKnown: true as const }),
    };
    if (messages !== null) {
      this.#send(change, messages);
      return;
    }
    const results = transform.apply(change);
    this.#count(results);
    for (const changed of results) this.#writer.write(changed);
    writer.recalledBefore = [];
  }

  #send(change: Change, messages: MessageRecords): void {
    const { counts, transform, input } = this.#options;
    const made = transform.messages!(change);
    for (const message of made) messages.write(message);
    if (change.op === 'update') messages.warnOfUpdate(input.table);
    if (counts === null) return;
    countRow(counts, this.#op);
    if (change.op !== 'delete' && made.length === 0) counts.filtered++;
  }

  /** A row that a filter refused is a delete, or nothing at all. */
  #count(results: readonly Change[]): void {
    const { counts } = this.#options;
    if (counts === null) return;
    countRow(counts, this.#op);
    if (this.#op !== 'd' && results.every(({ op }) => op === 'delete')) counts.filtered++;
  }

  moves(column: number): boolean {
    const place = this.#passed.get(column);
    return place !== undefined && this.#options.memory?.recall('c', NO_KEY, place) !== undefined;
  }

  /** An update that leaves out columns, of a row of which the memory has any. */
  #isKnown(key: string): boolean {
    const { memory, input } = this.#options;
    const places = this.#after;
    if (memory === null || places === null || this.#op !== 'u') return false;
    const isWhole = input.table.columns.every((_, column) => places[column * 2]! >= 0);
    const keyBytes = Buffer.from(key);
    return !isWhole && memory.columns.some((_, place) => memory.recall('u', keyBytes, place) !== undefined);
  }

  /** What the steps need of what was not sent; the rest is filled in behind them. Returns the places in the memory. */
  #fillIn(key: string): readonly number[] {
    const places = this.#after;
    if (places === null) return [];
    let keyBytes: Buffer | null = null;
    const found: number[] = [];
    for (const [column, place] of this.#passed) {
      if (places[column * 2]! >= 0) continue;
      keyBytes ??= Buffer.from(key);
      const value = this.#options.memory!.recall(this.#op, keyBytes, place);
      if (value === undefined) continue;
      const start = this.#scratch.at;
      this.#scratch.write(value);
      places[column * 2] = start;
      places[column * 2 + 1] = this.#scratch.at;
      found.push(place);
    }
    return found;
  }

  #place(column: number, start: number): void {
    this.#places[column * 2] = start;
    this.#places[column * 2 + 1] = this.#scratch.at;
  }

  #row(places: Int32Array | null): Row | null {
    return places === null ? null : new RowView(this.#options.input.table.columns, this.#scratch.bytes, places, 0);
  }

  #key(): string {
    const { keyHeads } = this.#options.input;
    const places = this.#after ?? this.#before ?? [];
    if (keyHeads.length === 0) return 'null';
    const { bytes } = this.#scratch;
    const parts = this.#keys.map((column, i) => {
      const [from, to] = [places[column * 2] ?? -1, places[column * 2 + 1] ?? -1];
      if (from < 0) throw new TailraceError('source.unsupported', 'a row came without its key columns');
      return `${Buffer.from(keyHeads[i]!)}${bytes.toString('utf8', from, to)}`;
    });
    return `${parts.join('')}}`;
  }
}
