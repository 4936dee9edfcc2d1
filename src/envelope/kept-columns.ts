/**
 * Columns that updates may leave out, in the rows of one writer. Where such a column was not sent a gap is noted; when the row
 * is complete, what the row memory has is put there, and what stands behind moves back:
 *
 *     {"id":1,"b":2}   →   {"id":1,"a":"…","b":2}
 *            └ gap of a
 */
import type { RowOp } from '../contracts/row.ts';
import type { TableMemory, WrittenRow } from '../contracts/row-memory.ts';
import type { GrowingBuffer } from '../wire/record-batch.ts';
import type { TableTemplate } from './table-template.ts';

const OPEN = 0x7b;
const COMMA = 0x2c;
const NO_KEY = new Uint8Array();

/** What is being built, and where its value begins. */
export type RecordBuilder = GrowingBuffer & { readonly valueAt: number };

interface Found {
  readonly place: number;
  readonly at: number;
  readonly head: Uint8Array;
  readonly value: Uint8Array;
}

export class KeptColumns {
  readonly #memory: TableMemory;
  readonly #template: TableTemplate;
  /** Slots of the key come first. */
  readonly #firstSlot: number;
  /** By slot, from the start of the record's value; -1 when not sent. The writer's own. */
  readonly #from: number[];
  readonly #to: number[];
  /** Places of the columns that were not sent, and where they belong. */
  readonly #gaps: number[] = [];
  readonly #gapsAt: number[] = [];
  readonly #row: { -readonly [field in keyof WrittenRow]: WrittenRow[field] } & {
    from: number[];
    to: number[];
    recalled: boolean[];
  };
  #sideAt = 0;
  /** Places of columns that were recalled before the row was written. */
  recalledBefore: readonly number[] = [];

  constructor(memory: TableMemory, template: TableTemplate, from: number[], to: number[]) {
    const all = memory.columns.map(() => -1);
    this.#memory = memory;
    this.#template = template;
    this.#firstSlot = template.keyHeads.length;
    this.#from = from;
    this.#to = to;
    const recalled = memory.columns.map(() => false);
    this.#row = { op: 'c', isWhole: true, key: NO_KEY, bytes: NO_KEY, from: [...all], to: [...all], recalled };
  }

  /** @param at where the side's first column goes, from the start of the record's value */
  begin(at: number): void {
    this.#sideAt = at;
    if (this.#gaps.length === 0) return;
    this.#gaps.length = 0;
    this.#gapsAt.length = 0;
  }

  gap(column: number, at: number): void {
    const { slot } = this.#template.columns[column]!;
    if (slot < this.#firstSlot) return;
    this.#gaps.push(slot - this.#firstSlot);
    this.#gapsAt.push(at);
  }

  get hasGaps(): boolean {
    return this.#gaps.length > 0;
  }

  /** The side `after` is complete up to its closing brace; it holds at least the key. */
  fillIn(op: RowOp, key: Uint8Array, builder: RecordBuilder): void {
    const found = this.#gaps.flatMap((place, i): Found[] => {
      const recalled = this.#memory.recall(op, key, place);
      if (recalled === undefined) return [];
      const { head } = this.#template.columns[this.#memory.columns[place]!]!;
      return [{ place, at: this.#gapsAt[i]!, head, value: recalled }];
    });
    if (found.length > 0) this.#insert(found, builder);
  }

  #insert(found: readonly Found[], builder: RecordBuilder): void {
    const total = found.reduce((sum, { head, value }) => sum + head.length + value.length, 0);
    builder.reserve(total);
    const { bytes, valueAt } = builder;
    this.#shift(found);
    let end = builder.at;
    let to = end + total;
    builder.at = to;
    for (const { place, at, head, value } of found.toReversed()) {
      const from = valueAt + at;
      to -= end - from;
      bytes.copyWithin(to, from, end);
      to -= value.length;
      bytes.set(value, to);
      this.#from[this.#firstSlot + place] = to - valueAt;
      this.#to[this.#firstSlot + place] = to - valueAt + value.length;
      this.#row.recalled[place] = true;
      to -= head.length;
      bytes.set(head, to);
      end = from;
    }
    if (found[0]!.at === this.#sideAt) this.#openFirst(found, builder);
  }

  /** What was first of the side is so no more: its brace becomes a comma, and the other way round. */
  #openFirst(found: readonly Found[], { bytes, valueAt }: RecordBuilder): void {
    let former = valueAt + this.#sideAt;
    bytes[former] = OPEN;
    for (const { at, head, value } of found) if (at === this.#sideAt) former += head.length + value.length;
    bytes[former] = COMMA;
  }

  /** The columns that were sent stand behind what is put before them. */
  #shift(found: readonly Found[]): void {
    for (let slot = 0; slot < this.#from.length; slot++) {
      const from = this.#from[slot]!;
      if (from < 0) continue;
      let by = 0;
      for (const { at, head, value } of found) if (at <= from) by += head.length + value.length;
      this.#from[slot] = from + by;
      this.#to[slot]! += by;
    }
  }

  /** Whether the row that was deleted last has a value of the column. */
  moves(column: number): boolean {
    const place = this.#memory.columns.indexOf(column);
    return place >= 0 && this.#memory.recall('c', NO_KEY, place) !== undefined;
  }

  /**
   * The record is closed.
   * @param isWhole see `TableMemory.skips`
   */
  written(op: RowOp, isWhole: boolean, keyAt: number, keyBytes: number, { bytes, valueAt }: RecordBuilder): void {
    if (op === 'd') {
      if (!this.#memory.skips(0, true)) this.#memory.forget(bytes.subarray(keyAt, keyAt + keyBytes));
      return;
    }
    const isAsSent = this.#gaps.length === 0 && this.recalledBefore.length === 0;
    if (isAsSent && this.#memory.skips(keyBytes + this.#keptBytes(), isWhole)) return;
    const row = this.#row;
    for (const place of this.recalledBefore) row.recalled[place] = true;
    row.op = op;
    row.isWhole = isWhole;
    row.key = bytes.subarray(keyAt, keyAt + keyBytes);
    row.bytes = bytes;
    for (let place = 0; place < row.from.length; place++) {
      const from = this.#from[this.#firstSlot + place]!;
      row.from[place] = from < 0 ? -1 : from + valueAt;
      row.to[place] = from < 0 ? -1 : this.#to[this.#firstSlot + place]! + valueAt;
    }
    this.#memory.keep(row);
    row.recalled.fill(false);
  }

  #keptBytes(): number {
    let bytes = 0;
    for (let slot = this.#firstSlot; slot < this.#from.length; slot++) bytes += this.#to[slot]! - this.#from[slot]!;
    return bytes;
  }
}
