/** Columns as words of a command, straight from the record's bytes: their canonical text (see column-text.ts of the SDK). */
import type { ColumnTarget, Row } from '../../src/sdk/index.ts';
import type { CommandBuffer } from './command-buffer.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const N = 0x6e;

/**
 * Writes columns whose text stands in the record as it is: digits, words, arrays, strings without escapes. It fails for others
 * (NULL, not sent, escaped, bytes that are no text), which are then written from `columnText`.
 */
export class ColumnWords implements ColumnTarget {
  #out: CommandBuffer;
  #before: Uint8Array = NOTHING;
  #after: Uint8Array = NOTHING;
  #failed = false;

  constructor(out: CommandBuffer) {
    this.#out = out;
  }

  /** All columns, each one word. False: nothing was written. */
  all(out: CommandBuffer, row: Row): boolean {
    if (row.copy === undefined) return false;
    const { byteLength, count } = out;
    this.#begin(out, NOTHING, NOTHING);
    for (let i = 0; i < row.columns.length && !this.#failed; i++) row.copy(i, this, i);
    if (this.#failed) out.cut(byteLength, count);
    return !this.#failed;
  }

  /** One column with literal text around it, as one word. False: nothing was written. */
  one(out: CommandBuffer, row: Row, column: number, before: Uint8Array, after: Uint8Array): boolean {
    if (row.copy === undefined) return false;
    this.#begin(out, before, after);
    row.copy(column, this, column);
    return !this.#failed;
  }

  json(_column: number, buf: Uint8Array, from: number, to: number): void {
    const first = buf[from];
    if (first === QUOTE) {
      for (let i = from + 1; i < to - 1; i++) {
        if (buf[i] === BACKSLASH) {
          this.#failed = true;
          return;
        }
      }
      this.#word(buf, from + 1, to - 1);
    } else if (first === N || first === BRACE) this.#failed = true;
    else this.#word(buf, from, to);
  }

  jsonText(): void {
    this.#failed = true;
  }

  string(): void {
    this.#failed = true;
  }

  unchanged(): void {
    this.#failed = true;
  }

  #begin(out: CommandBuffer, before: Uint8Array, after: Uint8Array): void {
    this.#out = out;
    this.#before = before;
    this.#after = after;
    this.#failed = false;
  }

  #word(buf: Uint8Array, from: number, to: number): void {
    const out = this.#out;
    const before = this.#before;
    const after = this.#after;
    out.begin(before.length + to - from + after.length);
    if (before.length > 0) out.put(before, 0, before.length);
    out.put(buf, from, to);
    if (after.length > 0) out.put(after, 0, after.length);
    out.end();
  }
}

const NOTHING = new Uint8Array();
