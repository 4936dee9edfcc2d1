/**
 * One side of a change while rules run over it. Columns of the input are read where they lie; what steps compute stands in
 * registers, each computed at most once.
 */
import { classOf } from '../contracts/errors.ts';
import { type Change, type ColumnTarget, NOT_SENT, type Row, type Value } from '../contracts/row.ts';
import { copyColumn, hasColumn } from './column-copy.ts';
import { fail } from './fail.ts';
import type { Cell, Codec, Present } from './values/cell.ts';

/** A compiled expression. Undefined: a value it needs was not sent. Throws `rule.failed`. */
export type Run = (row: RowImage) => Cell;

/** Something computed from a row. */
export interface Computation {
  readonly run: Run;
  /** The step and column, for messages. */
  readonly label: string;
  /** Columns of the input that `run` reads, by index. */
  readonly inputs: readonly number[];
  /** `run` looks at nothing but those columns: not at the event, not at the old row. */
  readonly ofRowOnly: boolean;
}

export interface Register extends Computation {
  readonly codec: Codec;
}

const PENDING: unique symbol = Symbol('pending');

export class RowImage {
  readonly input: Row;
  /** The side `before` of an update, for `before.` and for columns that were not sent because they did not change. */
  readonly older: RowImage | null;
  readonly change: Change;
  /** True for the side `before`: `$op` and such say nothing about it, they belong to an earlier event. */
  readonly isOld: boolean;
  readonly #registers: readonly Register[];
  readonly #cells: (Cell | typeof PENDING)[];

  constructor(input: Row, older: RowImage | null, change: Change, registers: readonly Register[], isOld: boolean) {
    this.input = input;
    this.older = older;
    this.change = change;
    this.isOld = isOld;
    this.#registers = registers;
    this.#cells = registers.length === 0 ? NO_CELLS : new Array<typeof PENDING>(registers.length).fill(PENDING);
  }

  /** A column of the input. What was not sent did not change: the old row may have it. */
  sent(index: number): Value | undefined {
    const value = this.input.get(index);
    if (value !== NOT_SENT) return value;
    return this.older === null ? undefined : this.older.sent(index);
  }

  /** As `sent`, as JSON text. */
  bytes(index: number): Uint8Array | undefined {
    return this.input.bytes(index) ?? this.older?.bytes(index);
  }

  /** Was it sent, now or with the old row? */
  has(index: number): boolean {
    return hasColumn(this.input, index) || (this.older?.has(index) ?? false);
  }

  /** Gives `target` what `bytes` is. */
  copy(index: number, target: ColumnTarget, column: number): void {
    if (this.older === null || hasColumn(this.input, index)) copyColumn(this.input, index, target, column);
    else this.older.copy(index, target, column);
  }

  load(index: number, read: (value: NonNullable<Value>) => Present): Cell {
    const value = this.input.get(index);
    if (value === null) return null;
    if (value !== NOT_SENT) return read(value);
    // Invariant 9: not sent is not null.
    return this.older === null ? undefined : this.older.load(index, read);
  }

  register(index: number): Cell {
    const cell = this.#cells[index];
    if (cell !== PENDING) return cell;
    const { run } = this.#registers[index]!;
    const computed = this.isOld ? quietly(run, this) : run(this);
    this.#cells[index] = computed;
    return computed;
  }

  /**
   * Computes a register that may fail, in its turn. Where a value that it needs was not sent, the result did not change
   * either if the other columns it comes from did not; then it counts as not sent. Throws `rule.failed` otherwise.
   */
  compute(index: number): void {
    if (this.register(index) !== undefined) return;
    const register = this.#registers[index]!;
    if (!register.ofRowOnly || !register.inputs.every((column) => this.#isUnchanged(column))) this.cannotKnow(register);
  }

  #isUnchanged(column: number): boolean {
    const now = this.input.bytes(column);
    if (now === undefined) return true;
    const then = this.older?.input.bytes(column);
    return then !== undefined && Buffer.compare(now, then) === 0;
  }

  /** Throws `rule.failed`: the computation needs what was not sent. */
  cannotKnow({ inputs }: Computation): never {
    const missing = inputs.find((column) => !this.has(column));
    const what = missing === undefined ? 'the old row' : `column "${this.input.columns[missing]!.name}"`;
    return fail(`${what} was not sent by the source, so the result is not known`, SEND_WHOLE_ROWS);
  }
}

const NO_CELLS: (Cell | typeof PENDING)[] = [];

export const SEND_WHOLE_ROWS =
  'let the source send whole old rows (PostgreSQL: alter table … replica identity full), or do without the column here';

/** On an old row: the event that brought it was judged when it came, now a failure only means "not known". */
function quietly(run: Run, row: RowImage): Cell {
  try {
    return run(row);
  } catch (error) {
    if (classOf(error) !== 'poison') throw error;
    return undefined;
  }
}
