/**
 * Bulk parameters: one `text[]` per column in PostgreSQL's binary array format, built straight from the record's JSON
 * bytes. Measured against COPY into a staging table it is as fast (4 to 20 columns, 500 to 5,000 rows) and needs neither
 * a temporary table nor more round trips.
 *
 * Layout (array_recv): int32 dimensions = 1 · int32 has-nulls flag · int32 element type = 25 (text) · int32 length ·
 * int32 lower bound = 1 · per element int32 byte length (-1: NULL) and its bytes.
 */
import type { Column } from '../../src/sdk/index.ts';
import { InputText } from './sink-input-text.ts';

const HEADER_BYTES = 20;
const TEXT_OID = 25;

/** Below it a loop is quicker than a call of `set`. */
const SHORT = 32;

export class TextArray extends InputText {
  #buffer: Buffer;
  #end = HEADER_BYTES;
  #count = 0;

  constructor(columns: readonly Column[], expectedBytes = 1024) {
    super(columns);
    this.#buffer = Buffer.allocUnsafe(HEADER_BYTES + expectedBytes);
  }

  pushNull(): void {
    this.#reserve(0);
    this.#end = this.#buffer.writeInt32BE(-1, this.#end);
    this.#count++;
  }

  pushText(text: string): void {
    this.#reserve(text.length * 3);
    const length = this.#buffer.write(text, this.#end + 4, 'utf8');
    this.#buffer.writeInt32BE(length, this.#end);
    this.#end += 4 + length;
    this.#count++;
  }

  pushBytes(bytes: Uint8Array, from: number, to: number): void {
    const length = to - from;
    this.#reserve(length);
    const buffer = this.#buffer;
    const at = buffer.writeInt32BE(length, this.#end);
    if (length > SHORT) buffer.set(bytes.subarray(from, to), at);
    else for (let i = 0; i < length; i++) buffer[at + i] = bytes[from + i]!;
    this.#end = at + length;
    this.#count++;
  }

  /** The parameter. The array must not be used afterwards. */
  finish(): Buffer {
    const header = this.#buffer;
    header.writeInt32BE(1, 0);
    header.writeInt32BE(1, 4);
    header.writeInt32BE(TEXT_OID, 8);
    header.writeInt32BE(this.#count, 12);
    header.writeInt32BE(1, 16);
    return header.subarray(0, this.#end);
  }

  #reserve(bytes: number): void {
    const needed = this.#end + 4 + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#end);
    this.#buffer = larger;
  }
}
