/**
 * Rows in the text format of COPY (PostgreSQL manual, COPY § Text Format): columns end with a tab, rows with a newline, `\N`
 * is NULL, and backslash, newline, carriage return and tab of values stand behind a backslash.
 */
import type { Column } from '../../src/sdk/index.ts';
import { InputText } from './sink-input-text.ts';

const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BACKSLASH = 0x5c;
const LETTER_N = 0x4e;
/** Below it a loop is quicker than a call of `set`. */
const SHORT = 32;
const ESCAPED: Readonly<Record<number, number>> = {
  [TAB]: 0x74,
  [NEWLINE]: 0x6e,
  [RETURN]: 0x72,
  [BACKSLASH]: BACKSLASH,
};

export class CopyRows extends InputText {
  #buffer: Buffer;
  #end = 0;

  constructor(columns: readonly Column[], expectedBytes: number) {
    super(columns);
    this.#buffer = Buffer.allocUnsafe(expectedBytes);
  }

  get length(): number {
    return this.#end;
  }

  pushNull(): void {
    this.#reserve(3);
    this.#buffer[this.#end++] = BACKSLASH;
    this.#buffer[this.#end++] = LETTER_N;
    this.#buffer[this.#end++] = TAB;
  }

  pushText(text: string): void {
    const bytes = Buffer.from(text);
    this.pushBytes(bytes, 0, bytes.length, false);
  }

  /** A number's text. */
  pushDigits(text: string): void {
    const { length } = text;
    this.#reserve(length + 1);
    const buffer = this.#buffer;
    const at = this.#end;
    for (let i = 0; i < length; i++) buffer[at + i] = text.charCodeAt(i);
    buffer[at + length] = TAB;
    this.#end = at + length + 1;
  }

  pushBytes(bytes: Uint8Array, from: number, to: number, isPlain: boolean): void {
    if (isPlain) this.#pushPlain(bytes, from, to);
    else this.#pushEscaped(bytes, from, to);
  }

  #pushPlain(bytes: Uint8Array, from: number, to: number): void {
    const length = to - from;
    this.#reserve(length + 1);
    const buffer = this.#buffer;
    const at = this.#end;
    if (length > SHORT) buffer.set(bytes.subarray(from, to), at);
    else for (let i = 0; i < length; i++) buffer[at + i] = bytes[from + i]!;
    buffer[at + length] = TAB;
    this.#end = at + length + 1;
  }

  /** After the last column of a row. */
  endRow(): void {
    this.#buffer[this.#end - 1] = NEWLINE;
  }

  /** What was pushed so far; a new buffer is begun. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#end);
    this.#buffer = Buffer.allocUnsafe(this.#buffer.length);
    this.#end = 0;
    return taken;
  }

  #pushEscaped(bytes: Uint8Array, from: number, to: number): void {
    this.#reserve(2 * (to - from) + 1);
    for (let i = from; i < to; i++) {
      const byte = bytes[i]!;
      const letter = byte > BACKSLASH ? undefined : ESCAPED[byte];
      if (letter !== undefined) this.#buffer[this.#end++] = BACKSLASH;
      this.#buffer[this.#end++] = letter ?? byte;
    }
    this.#buffer[this.#end++] = TAB;
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#end);
    this.#buffer = larger;
  }
}
