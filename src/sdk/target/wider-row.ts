/** A row with columns of the sink's own behind those of the source. */
import { type ColumnTarget, NOT_SENT, type Row, type Value } from '../../contracts/row.ts';
import type { Column } from '../../contracts/schema.ts';
import { hasColumn } from './row-image.ts';

const NULL = Buffer.from('null');

export interface WiderRowParts {
  /** Those of `row`, then the added ones. */
  readonly columns: readonly Column[];
  /** Null: all of its columns are NULL. */
  readonly row: Row | null;
  /** Of the added columns. */
  readonly added: readonly (string | bigint | null)[];
  /** What was not sent is NULL here; the caller says elsewhere that it was not sent (Invariant 9). */
  readonly fills: boolean;
}

export class WiderRow implements Row {
  readonly columns: readonly Column[];
  readonly #row: Row | null;
  readonly #added: WiderRowParts['added'];
  readonly #fills: boolean;
  readonly #first: number;

  constructor({ columns, row, added, fills }: WiderRowParts) {
    this.columns = columns;
    this.#row = row;
    this.#added = added;
    this.#fills = fills;
    this.#first = columns.length - added.length;
  }

  get(index: number): Value | typeof NOT_SENT {
    if (index >= this.#first) return this.#added[index - this.#first]!;
    const value = this.#row === null ? null : this.#row.get(index);
    return value === NOT_SENT && this.#fills ? null : value;
  }

  bytes(index: number): Uint8Array | undefined {
    if (index >= this.#first) return Buffer.from(jsonOf(this.#added[index - this.#first]!));
    if (this.#row === null) return NULL;
    return this.#row.bytes(index) ?? (this.#fills ? NULL : undefined);
  }

  has(index: number): boolean {
    return this.#fills || index >= this.#first || this.#row === null || hasColumn(this.#row, index);
  }

  copy(index: number, target: ColumnTarget, column: number): void {
    const row = this.#row;
    if (index < this.#first && row?.copy !== undefined && (!this.#fills || hasColumn(row, index))) {
      row.copy(index, target, column);
      return;
    }
    const json = this.bytes(index);
    if (json === undefined) target.unchanged(column);
    else target.json(column, json, 0, json.length);
  }

  toObject(): Record<string, Value> {
    const sent = this.columns.flatMap(({ name }, i) => (this.has(i) ? [[name, this.get(i) as Value] as const] : []));
    return Object.fromEntries(sent);
  }
}

function jsonOf(value: string | bigint | null): string {
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value);
}
