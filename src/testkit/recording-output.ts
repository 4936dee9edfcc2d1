/** A source's output that keeps what it is given, as text. */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { RowOp, RowWriter } from '../contracts/row.ts';
import type { TableDescription, TableSchema } from '../contracts/schema.ts';
import type { Position, SourceMarker, SourceOutput, SourceTransaction } from '../contracts/source.ts';

export type Recorded = string | null | undefined;

export interface RecordedRow {
  readonly table: string;
  readonly op: RowOp;
  /** By column name; undefined: not sent. Texts as `text` got them (`bytes:` and hexadecimal when not
   * UTF-8), JSON (arrays) with a leading `json:`. */
  readonly before: Record<string, Recorded> | null;
  readonly after: Record<string, Recorded> | null;
}

export interface RecordedTransaction extends SourceTransaction {
  readonly rows: RecordedRow[];
  readonly markers: string[];
  /** Where to go on after it. */
  resume: Position | null;
}

export class RecordingOutput implements SourceOutput {
  /** Ended transactions, in order. */
  readonly transactions: RecordedTransaction[] = [];
  readonly schemas: TableSchema[] = [];
  readonly heartbeats: Position[] = [];
  lastPosition: Position | null = null;
  /** Called after each transaction and heartbeat; to acknowledge, to stop. */
  onPosition: (position: Position) => void = () => {};
  /** What `drain` answers. */
  onDrain: () => Promise<void> | undefined = () => undefined;
  #open: RecordedTransaction | null = null;
  readonly #waiting: { condition: () => boolean; resolve: () => void }[] = [];

  register(table: TableDescription): TableSchema {
    const id = createHash('sha256').update(JSON.stringify(table)).digest('hex').slice(0, 16);
    const known = this.schemas.find((schema) => schema.id === id);
    if (known !== undefined) return known;
    const schema = { ...table, id };
    this.schemas.push(schema);
    return schema;
  }

  writer(table: TableSchema): RowWriter {
    return new RecordingWriter(table, (row) => {
      if (this.#open === null) throw new Error('a row outside of a transaction');
      this.#open.rows.push(row);
    });
  }

  marker(marker: SourceMarker): void {
    if (this.#open === null) throw new Error('a marker outside of a transaction');
    this.#open.markers.push(`${marker.op} ${marker.table.schema}.${marker.table.table}`);
  }

  begin(transaction: SourceTransaction): void {
    if (this.#open !== null) throw new Error('begin inside a transaction');
    this.#open = { ...transaction, rows: [], markers: [], resume: null };
  }

  end(position: Position): void {
    if (this.#open === null) throw new Error('end outside of a transaction');
    this.#open.resume = structuredClone(position);
    this.transactions.push(this.#open);
    this.lastPosition = this.#open.resume;
    this.#open = null;
    this.onPosition(position);
    this.#check();
  }

  get isOpen(): boolean {
    return this.#open !== null;
  }

  /** Of the transaction that has not ended. */
  get openRows(): number {
    return this.#open?.rows.length ?? 0;
  }

  heartbeat(position: Position): void {
    if (this.#open !== null) throw new Error('heartbeat inside a transaction');
    this.heartbeats.push(structuredClone(position));
    this.lastPosition = structuredClone(position);
    this.onPosition(position);
    this.#check();
  }

  drain(): Promise<void> | undefined {
    return this.onDrain();
  }

  /** Resolves once the condition holds, asked after each transaction and heartbeat. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ condition, resolve }));
  }

  rows(): RecordedRow[] {
    return this.transactions.flatMap(({ rows }) => rows);
  }

  #check(): void {
    for (const { condition, resolve } of this.#waiting) if (condition()) resolve();
  }
}

class RecordingWriter implements RowWriter {
  readonly #table: TableSchema;
  readonly #done: (row: RecordedRow) => void;
  #op: RowOp = 'c';
  #before: Record<string, Recorded> | null = null;
  #after: Record<string, Recorded> | null = null;
  #side: Record<string, Recorded> = {};
  #next = 0;

  constructor(table: TableSchema, done: (row: RecordedRow) => void) {
    this.#table = table;
    this.#done = done;
  }

  begin(op: RowOp): void {
    this.#op = op;
    this.#before = null;
    this.#after = null;
    this.#next = this.#table.columns.length;
  }

  side(side: 'before' | 'after'): void {
    this.#complete();
    // A column may be named __proto__.
    this.#side = Object.create(null) as Record<string, Recorded>;
    this.#next = 0;
    if (side === 'before') this.#before = this.#side;
    else this.#after = this.#side;
  }

  text(column: number, buf: Uint8Array, from: number, to: number): void {
    const bytes = Buffer.from(buf.subarray(from, to));
    this.#set(column, isUtf8(bytes) ? bytes.toString() : `bytes:${bytes.toString('hex')}`);
  }

  json(column: number, buf: Uint8Array, from: number, to: number): void {
    this.#set(column, `json:${Buffer.from(buf.subarray(from, to)).toString()}`);
  }

  null(column: number): void {
    this.#set(column, null);
  }

  unchanged(column: number): void {
    this.#set(column, undefined);
  }

  end(): void {
    this.#complete();
    const { schema, table } = this.#table;
    this.#done({ table: `${schema}.${table}`, op: this.#op, before: this.#before, after: this.#after });
  }

  #set(column: number, value: Recorded): void {
    if (column !== this.#next++) throw new Error('columns out of order');
    this.#side[this.#table.columns[column]!.name] = value;
  }

  #complete(): void {
    if (this.#next !== this.#table.columns.length) throw new Error('a side without all of its columns');
  }
}
