/** A row as places in record bytes: a column costs something only when it is asked for. */
import { type ColumnTarget, NOT_SENT, type Row, type Value } from '../contracts/row.ts';
import type { Column } from '../contracts/schema.ts';
import { readValue } from './json-value.ts';

export class RowView implements Row {
  readonly columns: readonly Column[];
  readonly #bytes: Buffer;
  readonly #places: Int32Array;
  readonly #first: number;

  /**
   * @param places from `first` on start and end of each column's JSON text in `bytes`, in turn; start -1: not sent
   */
  constructor(columns: readonly Column[], bytes: Buffer, places: Int32Array, first: number) {
    this.columns = columns;
    this.#bytes = bytes;
    this.#places = places;
    this.#first = first;
  }

  /** @param values JSON texts; undefined: not sent */
  static of(columns: readonly Column[], values: readonly (Uint8Array | undefined)[]): RowView {
    const places: number[] = [];
    let at = 0;
    for (const value of values) {
      places.push(value === undefined ? -1 : at, value === undefined ? -1 : at + value.length);
      at += value?.length ?? 0;
    }
    const bytes = Buffer.concat(values.filter((value) => value !== undefined));
    return new RowView(columns, bytes, Int32Array.from(places), 0);
  }

  get(index: number): Value | typeof NOT_SENT {
    const from = this.#start(index);
    // Invariant 9: an absent column is not null.
    if (from < 0) return NOT_SENT;
    return readValue(this.columns[index]!, this.#bytes, from, this.#end(index));
  }

  bytes(index: number): Uint8Array | undefined {
    const from = this.#start(index);
    return from < 0 ? undefined : this.#bytes.subarray(from, this.#end(index));
  }

  has(index: number): boolean {
    return this.#start(index) >= 0;
  }

  copy(index: number, target: ColumnTarget, column: number): void {
    const from = this.#start(index);
    if (from < 0) target.unchanged(column);
    else target.json(column, this.#bytes, from, this.#end(index));
  }

  #start(index: number): number {
    return index < this.columns.length ? this.#places[this.#first + index * 2]! : -1;
  }

  #end(index: number): number {
    return this.#places[this.#first + index * 2 + 1]!;
  }

  toObject(): Record<string, Value> {
    const entries: [string, Value][] = [];
    for (let i = 0; i < this.columns.length; i++) {
      const value = this.get(i);
      if (value !== NOT_SENT) entries.push([this.columns[i]!.name, value]);
    }
    return Object.fromEntries(entries);
  }
}
