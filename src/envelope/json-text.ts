/**
 * Values as JSON text, from the bytes in which the source sent them. No string is made: these loops run for every byte of
 * every row.
 */
import type { GrowingBuffer } from '../wire/growing-buffer.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const LETTER_U = 0x75;
/** Texts up to this length get room for the worst case, six bytes a character; longer ones are measured first. */
const SHORT = 2048;
const HEX = Buffer.from('0123456789abcdef');
const BYTES_OPEN = Buffer.from('{"$bytes":"');
const BYTES_CLOSE = Buffer.from('"}');

/** Per ASCII byte: 0 stands for itself, `u` is written \u00XX, else the letter after the backslash. As JSON.stringify does. */
const ESCAPES = makeEscapes();

function makeEscapes(): Uint8Array {
  const escapes = new Uint8Array(128).fill(LETTER_U, 0, 0x20);
  for (const [byte, letter] of Object.entries({ 8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r', 34: '"', 92: '\\' })) {
    escapes[Number(byte)] = letter.charCodeAt(0);
  }
  return escapes;
}

/** Views of the two buffers that are read in turn: what came from the wire, and the scratch of reformatted values. */
let firstBuffer: Uint8Array = new Uint8Array();
let secondBuffer = firstBuffer;
let firstView = new DataView(firstBuffer.buffer);
let secondView = firstView;

function viewOf(buf: Uint8Array): DataView {
  if (buf === firstBuffer) return firstView;
  if (buf === secondBuffer) return secondView;
  secondBuffer = firstBuffer;
  secondView = firstView;
  firstBuffer = buf;
  firstView = new DataView(buf.buffer, buf.byteOffset, buf.length);
  return firstView;
}

/** How the text of a column becomes JSON: numbers and booleans stay as they are, the rest is quoted. */
export type Form = 'integer' | 'float' | 'bool' | 'text';

/** False when the text is not of this form: then `out` holds rubbish after what was there. */
export function writeValue(out: GrowingBuffer, form: Form, buf: Uint8Array, from: number, to: number): boolean {
  switch (form) {
    case 'text':
      writeText(out, buf, from, to);
      return true;
    case 'integer':
      return writeInteger(out, buf, from, to);
    case 'float':
      return writeFloat(out, buf, from, to);
    case 'bool':
      return writeBool(out, buf, from, to);
  }
}

/** Text as a JSON string; bytes that are not UTF-8 as `{"$bytes":"<base64>"}`, for they have no text. */
export function writeText(out: GrowingBuffer, buf: Uint8Array, from: number, to: number): void {
  const length = to - from;
  out.reserve(2 + (length <= SHORT ? 6 * length : escapedLength(buf, from, to)));
  const { bytes, at } = out;
  bytes[at] = QUOTE;
  const end = copyEscaped(out, at + 1, buf, from, to);
  if (end < 0) {
    writeBytes(out, buf, from, to);
    return;
  }
  bytes[end] = QUOTE;
  out.at = end + 1;
}

/** Any bytes as `{"$bytes":"<base64>"}`. */
function writeBytes(out: GrowingBuffer, buf: Uint8Array, from: number, to: number): void {
  out.write(BYTES_OPEN);
  out.write(Buffer.from(Buffer.from(buf.buffer, buf.byteOffset + from, to - from).toString('base64')));
  out.write(BYTES_CLOSE);
}

/**
 * Copies text with escapes to `at`, where there is room; returns the end, or -1 for bytes that are not UTF-8. Four bytes at a
 * time while none of them is a quote, a backslash, a control character or above ASCII (a borrow can only reach into the byte
 * above one that is itself found).
 */
function copyEscaped(out: GrowingBuffer, start: number, buf: Uint8Array, from: number, to: number): number {
  const { bytes, view } = out;
  const source = viewOf(buf);
  let at = start;
  let next = from;
  while (next < to) {
    for (; next + 4 <= to; next += 4, at += 4) {
      const word = source.getInt32(next, true);
      const special =
        (word - 0x20202020) | ((word ^ 0x22222222) - 0x01010101) | ((word ^ 0x5c5c5c5c) - 0x01010101) | word;
      if ((special & 0x80808080) !== 0) break;
      view.setInt32(at, word, true);
    }
    for (const stop = Math.min(next + 4, to); next < stop; ) {
      const byte = buf[next]!;
      if (byte >= 0x80) {
        const length = sequenceLength(buf, next, to);
        if (length === 0) return -1;
        for (let i = 0; i < length; i++) bytes[at++] = buf[next++]!;
      } else {
        next++;
        if (ESCAPES[byte] === 0) bytes[at++] = byte;
        else at = writeEscape(bytes, at, byte);
      }
    }
  }
  return at;
}

function writeEscape(bytes: Uint8Array, at: number, byte: number): number {
  const letter = ESCAPES[byte]!;
  bytes[at] = BACKSLASH;
  bytes[at + 1] = letter;
  if (letter !== LETTER_U) return at + 2;
  bytes[at + 2] = ZERO;
  bytes[at + 3] = ZERO;
  bytes[at + 4] = HEX[byte >> 4]!;
  bytes[at + 5] = HEX[byte & 0xf]!;
  return at + 6;
}

/** Length of the UTF-8 sequence of two to four bytes at `at`; 0 when it is not one (Unicode, table 3-7). */
function sequenceLength(buf: Uint8Array, at: number, to: number): number {
  const lead = buf[at]!;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (lead < 0xc2 || lead > 0xf4 || at + length > to) return 0;
  const second = buf[at + 1]!;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i = 2; i < length; i++) if ((buf[at + i]! & 0xc0) !== 0x80) return 0;
  return length;
}

/** Bytes that the text takes with its escapes. */
function escapedLength(buf: Uint8Array, from: number, to: number): number {
  let length = to - from;
  for (let at = from; at < to; at++) {
    const byte = buf[at]!;
    if (byte >= 0x80 || ESCAPES[byte] === 0) continue;
    length += ESCAPES[byte] === LETTER_U ? 5 : 1;
  }
  return length;
}

/** Digits of an integer as they are. False when they are not a JSON integer. */
function writeInteger(out: GrowingBuffer, buf: Uint8Array, from: number, to: number): boolean {
  out.reserve(to - from);
  const { bytes } = out;
  let { at } = out;
  let next = from;
  if (next < to && buf[next] === MINUS) bytes[at++] = buf[next++]!;
  if (next === to || (buf[next] === ZERO && next + 1 < to)) return false;
  for (; next < to; next++) {
    const byte = buf[next]!;
    if (byte < ZERO || byte > NINE) return false;
    bytes[at++] = byte;
  }
  out.at = at;
  return true;
}

const NOT_FINITE = ['NaN', 'Infinity', '-Infinity'].map((text) => Buffer.from(text));

/** A floating-point number as it is; NaN and the infinities, which JSON lacks, as strings. False for anything else. */
function writeFloat(out: GrowingBuffer, buf: Uint8Array, from: number, to: number): boolean {
  if (isNumber(buf, from, to)) {
    out.reserve(to - from);
    for (let at = from; at < to; at++) out.bytes[out.at++] = buf[at]!;
    return true;
  }
  if (!NOT_FINITE.some((text) => isText(buf, from, to, text))) return false;
  writeText(out, buf, from, to);
  return true;
}

/** RFC 8259 § 6: `-`? integer fraction? exponent? */
function isNumber(buf: Uint8Array, from: number, to: number): boolean {
  let at = buf[from] === MINUS ? from + 1 : from;
  const integer = at;
  at = digitsEnd(buf, at, to);
  if (at === integer || (buf[integer] === ZERO && at > integer + 1)) return false;
  if (at < to && buf[at] === 0x2e) {
    const fraction = at + 1;
    at = digitsEnd(buf, fraction, to);
    if (at === fraction) return false;
  }
  if (at < to && (buf[at]! | 0x20) === 0x65) {
    const signed = at + 1 < to && (buf[at + 1] === MINUS || buf[at + 1] === 0x2b);
    const exponent = signed ? at + 2 : at + 1;
    at = digitsEnd(buf, exponent, to);
    if (at === exponent) return false;
  }
  return at === to;
}

function digitsEnd(buf: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && buf[at]! >= ZERO && buf[at]! <= NINE) at++;
  return at;
}

function isText(buf: Uint8Array, from: number, to: number, text: Uint8Array): boolean {
  if (to - from !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (buf[from + i] !== text[i]) return false;
  return true;
}

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');

/** `true` or `false`. False for anything else. */
function writeBool(out: GrowingBuffer, buf: Uint8Array, from: number, to: number): boolean {
  const word = to - from === TRUE.length ? TRUE : FALSE;
  if (!isText(buf, from, to, word)) return false;
  out.write(word);
  return true;
}

/** Room that `writeDigits` may need. */
export const DIGITS_BYTES = 16;
const CHUNK = 100_000_000;
const CHUNK_DIGITS = 8;

/** Digits of a non-negative safe integer; the caller has made room. Returns the end. */
export function writeDigits(bytes: Uint8Array, start: number, value: number): number {
  if (value < CHUNK) {
    let size = 1;
    for (let bound = 10; bound <= value; bound *= 10) size++;
    return writeChunk(bytes, start, value, size);
  }
  const high = Math.floor(value / CHUNK);
  return writeChunk(bytes, writeDigits(bytes, start, high), value - high * CHUNK, CHUNK_DIGITS);
}

/** Small enough for the machine's integer division. */
function writeChunk(bytes: Uint8Array, start: number, value: number, size: number): number {
  let rest = value | 0;
  for (let at = start + size - 1; at >= start; at--) {
    const tenth = (rest / 10) | 0;
    bytes[at] = ZERO + (rest - tenth * 10);
    rest = tenth;
  }
  return start + size;
}
