/** A column's JSON text as the input text of its PostgreSQL type, straight from the record's bytes (Invariant 9). */
import type { Column, ColumnTarget, Row, Value } from '../../src/sdk/index.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;
const LETTER_N = 0x6e;

/** Takes columns of rows of one description, and hands on text. */
export abstract class InputText implements ColumnTarget {
  readonly #columns: readonly Column[];
  readonly #isBytes: readonly boolean[];
  #row: Row | null = null;

  constructor(columns: readonly Column[]) {
    this.#columns = columns;
    this.#isBytes = columns.map(({ kind }) => kind === 'bytes');
  }

  abstract pushNull(): void;
  abstract pushText(text: string): void;
  /** @param isPlain no byte below 0x20 and no backslash is among them */
  abstract pushBytes(bytes: Uint8Array, from: number, to: number, isPlain: boolean): void;

  /** The value of a column. NULL when it was not sent. */
  pushValue(row: Row, index: number): void {
    this.#row = row;
    if (row.copy !== undefined) {
      row.copy(index, this, index);
      return;
    }
    const json = row.bytes(index);
    if (json === undefined) this.pushNull();
    else this.json(index, json, 0, json.length);
  }

  json(column: number, buf: Uint8Array, from: number, to: number): void {
    const first = buf[from];
    if (first === QUOTE) this.#string(column, buf, from, to);
    else if (first === LETTER_N) this.pushNull();
    else if (first === OPEN_BRACKET) this.#array(column);
    else if (first === OPEN_BRACE) this.#raw(textOf(buf, from, to));
    else this.pushBytes(buf, from, to, true);
  }

  jsonText(column: number, text: string): void {
    const bytes = Buffer.from(text);
    this.json(column, bytes, 0, bytes.length);
  }

  string(column: number, text: string): void {
    if (this.#isBytes[column]) this.pushText(hexOf(Buffer.from(text, 'base64')));
    else this.pushText(text);
  }

  unchanged(_column: number): void {
    this.pushNull();
  }

  #array(column: number): void {
    this.pushText(arrayLiteral(this.#row!.get(column) as readonly Value[], this.#columns[column]!));
  }

  #string(column: number, buf: Uint8Array, from: number, to: number): void {
    if (this.#isBytes[column]) this.string(column, JSON.parse(textOf(buf, from, to)) as string);
    else if (hasBackslash(buf, from, to)) this.pushText(JSON.parse(textOf(buf, from, to)) as string);
    else this.pushBytes(buf, from + 1, to - 1, true);
  }

  /** Text that is not valid UTF-8: only a server that stores any bytes takes it, others refuse the row. */
  #raw(json: string): void {
    const bytes = Buffer.from(JSON.parse(json).$bytes as string, 'base64');
    this.pushBytes(bytes, 0, bytes.length, false);
  }
}

/** Above this many bytes the native search is quicker. */
const SHORT = 100;

function hasBackslash(buf: Uint8Array, from: number, to: number): boolean {
  if (to - from > SHORT) return buf.subarray(from, to).includes(BACKSLASH);
  for (let i = from; i < to; i++) if (buf[i] === BACKSLASH) return true;
  return false;
}

function textOf(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString();
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
