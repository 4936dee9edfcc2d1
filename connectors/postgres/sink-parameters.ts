/**
 * Bulk parameters: one `text[]` per column in PostgreSQL's binary array format, built straight from the record's JSON
 * bytes. Measured against COPY into a staging table it is as fast (4 to 20 columns, 500 to 5,000 rows) and needs neither
 * a temporary table nor more round trips.
 *
 * Layout (array_recv): int32 dimensions = 1 · int32 has-nulls flag · int32 element type = 25 (text) · int32 length ·
 * int32 lower bound = 1 · per element int32 byte length (-1: NULL) and its bytes.
 */
import type { Column, Row, Value } from '../../src/sdk/index.ts';

const HEADER_BYTES = 20;
const TEXT_OID = 25;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;
const LETTER_N = 0x6e;

export class TextArray {
  #buffer: Buffer;
  #end = HEADER_BYTES;
  #count = 0;

  constructor(expectedBytes = 1024) {
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
    this.#reserve(to - from);
    this.#end = this.#buffer.writeInt32BE(to - from, this.#end);
    this.#buffer.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), this.#end);
    this.#end += to - from;
    this.#count++;
  }

  /** The value of a column as PostgreSQL's input text. NULL when it was not sent. */
  pushValue(row: Row, index: number): void {
    const json = row.bytes(index);
    if (json === undefined || json[0] === LETTER_N) this.pushNull();
    else if (json[0] === QUOTE) this.#pushString(json, row.columns[index]!);
    else if (json[0] === OPEN_BRACKET)
      this.pushText(arrayLiteral(row.get(index) as readonly Value[], row.columns[index]!));
    else if (json[0] === OPEN_BRACE) this.#pushRaw(Buffer.from(JSON.parse(textOf(json)).$bytes as string, 'base64'));
    else this.pushBytes(json, 0, json.length);
  }

  #pushString(json: Uint8Array, { kind }: Column): void {
    if (kind === 'bytes') this.pushText(hexOf(Buffer.from(JSON.parse(textOf(json)) as string, 'base64')));
    else if (json.indexOf(BACKSLASH) < 0) this.pushBytes(json, 1, json.length - 1);
    else this.pushText(JSON.parse(textOf(json)) as string);
  }

  /** Text that is not valid UTF-8: only a server that stores any bytes takes it, others refuse the row. */
  #pushRaw(bytes: Uint8Array): void {
    this.pushBytes(bytes, 0, bytes.length);
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

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

function hexOf(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`;
}

/** Array input syntax (manual § 8.15.2). Elements of `box` are separated by `;`, because boxes hold commas. */
export function arrayLiteral(values: readonly Value[], column: Column): string {
  const separator = /^"?box"?\[/.test(column.native) ? ';' : ',';
  const element = (value: Value): string => {
    if (value === null) return 'NULL';
    if (Array.isArray(value)) return `{${value.map(element).join(separator)}}`;
    return `"${elementText(value).replace(/["\\]/g, '\\$&')}"`;
  };
  return `{${values.map(element).join(separator)}}`;
}

function elementText(value: Exclude<Value, null>): string {
  if (value instanceof Uint8Array) return hexOf(value);
  return Object.is(value, -0) ? '-0' : String(value);
}
