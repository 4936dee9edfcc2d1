/** A row with what was looked up for it behind its own columns. */
import { type ColumnTarget, NOT_SENT, type Row, type Value } from '../../contracts/row.ts';
import type { Column } from '../../contracts/schema.ts';

const NULL = Buffer.from('null');

export class JoinedRow implements Row {
  readonly columns: readonly Column[];
  readonly #own: Row;
  readonly #found: Row | null | undefined;

  /** @param found null: there is nothing, the columns are NULL; undefined: it is not known what there is */
  constructor(columns: readonly Column[], own: Row, found: Row | null | undefined) {
    this.columns = columns;
    this.#own = own;
    this.#found = found;
  }

  get(index: number): Value | typeof NOT_SENT {
    const { length } = this.#own.columns;
    if (index < length) return this.#own.get(index);
    if (this.#found === null) return null;
    return this.#found === undefined ? NOT_SENT : this.#found.get(index - length);
  }

  bytes(index: number): Uint8Array | undefined {
    const { length } = this.#own.columns;
    if (index < length) return this.#own.bytes(index);
    return this.#found === null ? NULL : this.#found?.bytes(index - length);
  }

  has(index: number): boolean {
    const { length } = this.#own.columns;
    if (index < length) return this.#own.has?.(index) ?? this.#own.bytes(index) !== undefined;
    return this.bytes(index) !== undefined;
  }

  copy(index: number, target: ColumnTarget, column: number): void {
    const { length } = this.#own.columns;
    if (index < length && this.#own.copy !== undefined) {
      this.#own.copy(index, target, column);
      return;
    }
    const bytes = this.bytes(index);
    if (bytes === undefined) target.unchanged(column);
    else target.json(column, bytes, 0, bytes.length);
  }

  toObject(): Record<string, Value> {
    const values = this.columns.map(({ name }, i) => [name, this.get(i)] as const);
    return Object.fromEntries(values.filter((pair): pair is [string, Value] => pair[1] !== NOT_SENT));
  }
}
