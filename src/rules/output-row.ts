/** Rows as they leave the steps: views that read the input where a column only moved, and registers where it was computed. */
import { type ColumnTarget, NOT_SENT, type Row, type Value } from '../contracts/row.ts';
import type { Column } from '../contracts/schema.ts';
import { copyColumn, hasColumn } from './column-copy.ts';
import type { Register, RowImage } from './row-image.ts';

/** Where the columns of the output come from. */
export interface Projection {
  readonly columns: readonly Column[];
  /** Per column: index of an input column, or `~index` of a register. */
  readonly slots: readonly number[];
  readonly registers: readonly Register[];
}

export class OutputRow implements Row {
  readonly columns: readonly Column[];
  readonly #projection: Projection;
  readonly #image: RowImage;

  constructor(projection: Projection, image: RowImage) {
    this.columns = projection.columns;
    this.#projection = projection;
    this.#image = image;
  }

  get(index: number): Value | typeof NOT_SENT {
    const slot = this.#projection.slots[index]!;
    if (slot >= 0) {
      const value = this.#image.sent(slot);
      return value === undefined ? NOT_SENT : value;
    }
    const cell = this.#image.register(~slot);
    // Invariant 9: not sent is not null.
    if (cell === undefined) return NOT_SENT;
    return cell === null ? null : this.#projection.registers[~slot]!.codec.value(cell);
  }

  bytes(index: number): Uint8Array | undefined {
    const slot = this.#projection.slots[index]!;
    if (slot >= 0) return this.#image.bytes(slot);
    const cell = this.#image.register(~slot);
    if (cell === undefined) return undefined;
    return cell === null ? NULL : Buffer.from(this.#projection.registers[~slot]!.codec.json(cell));
  }

  has(index: number): boolean {
    const slot = this.#projection.slots[index]!;
    return slot >= 0 ? this.#image.has(slot) : this.#image.register(~slot) !== undefined;
  }

  copy(index: number, target: ColumnTarget, column: number): void {
    const slot = this.#projection.slots[index]!;
    if (slot >= 0) {
      this.#image.copy(slot, target, column);
      return;
    }
    const cell = this.#image.register(~slot);
    const { codec } = this.#projection.registers[~slot]!;
    if (cell === undefined) target.unchanged(column);
    else if (cell === null) target.jsonText(column, 'null');
    else if (codec.isText) target.string(column, cell as string);
    else target.jsonText(column, codec.json(cell));
  }

  toObject(): Record<string, Value> {
    const object: Record<string, Value> = {};
    for (let i = 0; i < this.columns.length; i++) {
      const value = this.get(i);
      if (value !== NOT_SENT) Object.defineProperty(object, this.columns[i]!.name, { ...FIELD, value });
    }
    return object;
  }
}

const NULL = Buffer.from('null');
/** Defined, not assigned: a column may be called `__proto__`. */
const FIELD = { writable: true, enumerable: true, configurable: true };

/** The key columns of a row, everything else not sent: what a delete made of a refused row says. */
export class KeyOnlyRow implements Row {
  readonly columns: readonly Column[];
  readonly #row: Row;

  constructor(row: Row) {
    this.columns = row.columns;
    this.#row = row;
  }

  get(index: number): Value | typeof NOT_SENT {
    return this.#isKey(index) ? this.#row.get(index) : NOT_SENT;
  }

  bytes(index: number): Uint8Array | undefined {
    return this.#isKey(index) ? this.#row.bytes(index) : undefined;
  }

  has(index: number): boolean {
    return this.#isKey(index) && hasColumn(this.#row, index);
  }

  copy(index: number, target: ColumnTarget, column: number): void {
    if (this.#isKey(index)) copyColumn(this.#row, index, target, column);
    else target.unchanged(column);
  }

  toObject(): Record<string, Value> {
    const keys = this.columns.filter((column) => column.keyOrdinal !== undefined).map(({ name }) => name);
    const whole = this.#row.toObject();
    return Object.fromEntries(keys.flatMap((name) => (Object.hasOwn(whole, name) ? [[name, whole[name]!]] : [])));
  }

  #isKey(index: number): boolean {
    return this.columns[index]!.keyOrdinal !== undefined;
  }
}
