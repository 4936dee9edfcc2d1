/** Columns of a row as canonical text, from the bytes of the record: nothing is converted (Invariant 9). */
import { TailraceError } from '../../contracts/errors.ts';
import type { Row } from '../../contracts/row.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const N = 0x6e;

/**
 * Text as it is; digits; ISO dates and times; `true` and `false`; arrays as JSON; bytes as base64; text that is not valid
 * UTF-8 as its own bytes. Null for NULL; undefined when the column was not sent. May be a view: copy before keeping.
 */
export function columnText(row: Row, index: number): Uint8Array | null | undefined {
  const json = row.bytes(index);
  if (json === undefined) return undefined;
  if (json[0] === QUOTE) {
    const inner = json.subarray(1, json.length - 1);
    return inner.includes(BACKSLASH) ? Buffer.from(JSON.parse(textOf(json)) as string) : inner;
  }
  if (json[0] === N) return null;
  if (json[0] === BRACE) {
    const value = row.get(index);
    if (value instanceof Uint8Array) return value;
  }
  return json;
}

/** Of a key column, which is always sent and never NULL. Throws `sink.rejected` for text that is not valid UTF-8. */
export function keyText(row: Row, index: number): string {
  if (row.bytes(index)?.[0] === BRACE) throw new TailraceError('sink.rejected', 'a key is not valid UTF-8 text');
  return textOf(columnText(row, index) ?? new Uint8Array());
}

/** Percent-encodes `%` and the given characters, so that texts joined by one of them stay apart. */
export function encodeCharacters(text: string, characters: string): string {
  let encoded = '';
  for (const c of text) encoded += c === '%' || characters.includes(c) ? encodeOne(c) : c;
  return encoded;
}

/** Undoes `encodeCharacters`. A percent sign that it does not write stays. */
export function decodeCharacters(text: string): string {
  if (!text.includes('%')) return text;
  return text.replaceAll(/(?:%[0-9A-F]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString());
}

function encodeOne(c: string): string {
  return [...Buffer.from(c)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
