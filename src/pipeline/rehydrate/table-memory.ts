/**
 * The kept values of one table version, as its rows are written. A row's values are kept where the next update may leave them
 * out; those that it surely sends are removed, so that nothing outdated can ever be recalled (Invariant 9).
 */
import type { RowOp } from '../../contracts/row.ts';
import type { TableMemory, WrittenRow } from '../../contracts/row-memory.ts';
import { type KeptColumn, mayBeLeftOut, type UnsentColumns } from './unsent-columns.ts';

/** What all versions of a table share. */
export interface KeptRows {
  readonly isEmpty: boolean;
  get(key: Uint8Array, column: number): Uint8Array | undefined;
  put(key: Uint8Array, column: number, value: Uint8Array): void;
  remove(key: Uint8Array, column: number): void;
  removeRow(key: Uint8Array): void;
  clear(): void;
}

/** The last row that was forgotten, until another row follows: what it had may be recalled under its new key. */
export class LastForgotten {
  readonly #rows: KeptRows;
  #key: Uint8Array | null = null;

  constructor(rows: KeptRows) {
    this.#rows = rows;
  }

  get key(): Uint8Array | null {
    return this.#key;
  }

  forget(key: Uint8Array): void {
    this.settle();
    this.#key = Uint8Array.from(key);
  }

  /** It is gone for good. */
  settle(): void {
    if (this.#key !== null) this.#rows.removeRow(this.#key);
    this.#key = null;
  }
}

export class StoredTableMemory implements TableMemory {
  readonly columns: readonly number[];
  readonly #unsent: UnsentColumns;
  readonly #rows: KeptRows;
  readonly #forgotten: LastForgotten;
  /** Of the columns in the store, by place. */
  readonly #ids: readonly number[];

  /** @param forgotten one of all versions of the table */
  constructor(
    unsent: UnsentColumns,
    rows: KeptRows,
    forgotten: LastForgotten,
    idOf: (column: KeptColumn['column']) => number,
  ) {
    this.#unsent = unsent;
    this.#rows = rows;
    this.#forgotten = forgotten;
    this.columns = unsent.kept.map(({ index }) => index);
    this.#ids = unsent.kept.map(({ column }) => idOf(column));
  }

  skips(bytes: number, isWhole: boolean): boolean {
    if (!this.#rows.isEmpty || this.#forgotten.key !== null) return false;
    return isWhole ? this.#unsent.isSmallRow(bytes) : this.#unsent.isSent(bytes);
  }

  recall(op: RowOp, key: Uint8Array, place: number): Uint8Array | undefined {
    const of = op === 'c' ? this.#forgotten.key : key;
    return of === null ? undefined : this.#rows.get(of, this.#ids[place]!);
  }

  keep({ op, isWhole, key, bytes, from, to, recalled }: WrittenRow): void {
    this.#forgotten.settle();
    let together = key.length;
    for (let place = 0; place < from.length; place++) together += to[place]! - from[place]!;
    const isSmall = isWhole && this.#unsent.isSmallRow(together);
    if (isSmall && !recalled.includes(true) && !from.includes(-1)) {
      this.#rows.removeRow(key);
      return;
    }
    for (const [place, { rule }] of this.#unsent.kept.entries()) {
      const id = this.#ids[place]!;
      const [start, end] = [from[place]!, to[place]!];
      if (start < 0) {
        if (op !== 'u') this.#rows.remove(key, id);
        continue;
      }
      // What the source left out once it may leave out again, however small the row is by now.
      if (recalled[place] === true) {
        if (op === 'c') this.#rows.put(key, id, bytes.subarray(start, end));
      } else if (isSmall || !mayBeLeftOut(rule, bytes, start, end)) this.#rows.remove(key, id);
      else this.#rows.put(key, id, bytes.subarray(start, end));
    }
  }

  forget(key: Uint8Array): void {
    this.#forgotten.forget(key);
  }

  clear(): void {
    this.#forgotten.settle();
    this.#rows.clear();
  }
}
