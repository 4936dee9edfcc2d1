/** A row as places in record bytes: a column costs something only when it is asked for. */
import { type ColumnTarget, NOT_SENT, type Row, type Value } from '../contracts/row.ts';
import type { Column } from '../contracts/schema.ts';
import { readValue } from './json-value.ts';

export class RowView implements Row {
  readonly columns: readonly Column[];
  readonly #bytes: Buffer;
  readonly #places: readonly number[];

  /** @param places start and end of each column's JSON text in `bytes`, in turn; start -1: not sent */
  constructor(columns: readonly Column[], bytes: Buffer, places: readonly number[]) {
    this.columns = columns;
    this.#bytes = bytes;
    this.#places = places;
  }

  /** @param values JSON texts; undefined: not sent */
  static of(columns: readonly Column[], values: readonly (Uint8Array | undefined)[]): RowView {
    const places: number[] = [];
    let at = 0;
    for (const value of values) {
      places.push(value === undefined ? -1 : at, value === undefined ? -1 : at + value.length);
      at += value?.length ?? 0;
    }
    return new RowView(columns, Buffer.concat(values.filter((value) => value !== undefined)), places);
  }

  get(index: number): Value | typeof NOT_SENT {
    const from = this.#places[index * 2] ?? -1;
    // Invariant 9: an absent column is not null.
    if (from < 0) return NOT_SENT;
    return readValue(this.columns[index]!, this.#bytes, from, this.#places[index * 2 + 1]!);
  }

  bytes(index: number): Uint8Array | undefined {
    const from = this.#places[index * 2] ?? -1;
    return from < 0 ? undefined : this.#bytes.subarray(from, this.#places[index * 2 + 1]!);
  }

  has(index: number): boolean {
    return (this.#places[index * 2] ?? -1) >= 0;
  }

  copy(index: number, target: ColumnTarget, column: number): void {
    const from = this.#places[index * 2] ?? -1;
    if (from < 0) target.unchanged(column);
    else target.json(column, this.#bytes, from, this.#places[index * 2 + 1]!);
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

/** Places of a row of which nothing was sent. */
export function noPlaces(columns: number): number[] {
  return new Array<number>(columns * 2).fill(-1);
}
