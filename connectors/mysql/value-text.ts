/**
 * Canonical texts (row.ts, `Value`) of values that snapshot and stream both have as bytes or numbers, so that both write
 * the same (Invariant 9).
 */
import type { RowWriter } from '../../src/sdk/index.ts';
import { need } from './source-errors.ts';

const ZERO = 0x30;
const UPPER_HEX = Buffer.from('0123456789ABCDEF');
/** Bytes that are converted at once: whole groups of base64, far below the longest string. */
const STEP = 3 * 65_536;
/** Digits that any float32 needs at most to be read back, and those that any text keeps through a float32. */
const FLOAT_DIGITS = 9;
const KEPT_DIGITS = 6;
/** Below it a float32 has fewer bits. */
const SMALLEST_NORMAL = 2 ** -126;
/** EWKB: the flag that says that a spatial reference system follows the type. */
const SRID_FLAG = 0x20;
const SRID_BYTES = 4;
/** Byte order and type of well-known binary. */
const WKB_HEADER_BYTES = 5;

let scratch = Buffer.allocUnsafe(64 * 1024);

/** Room for a text, used until the next call. */
export function reserve(bytes: number): Buffer {
  if (scratch.length < bytes) scratch = Buffer.allocUnsafe(Math.max(bytes, scratch.length * 2));
  return scratch;
}

export function writeString(writer: RowWriter, index: number, text: string): void {
  const out = reserve(3 * text.length);
  writer.text(index, out, 0, out.write(text));
}

/** Whole numbers up to 2^53 on either side of zero. Returns the end of the digits in `out`. */
export function putInteger(out: Buffer, at: number, value: number): number {
  let start = at;
  let rest = value;
  if (rest < 0) {
    out[start++] = 0x2d;
    rest = -rest;
  }
  let end = start + 1;
  for (let power = 10; rest >= power; power *= 10) end++;
  for (let i = end - 1; i >= start; i--) {
    const tenth = Math.floor(rest / 10);
    out[i] = ZERO + (rest - tenth * 10);
    rest = tenth;
  }
  return end;
}

/** Exactly `width` digits, with leading zeros. */
export function putDigits(out: Buffer, at: number, value: number, width: number): number {
  let rest = value;
  for (let i = at + width - 1; i >= at; i--) {
    const tenth = Math.floor(rest / 10);
    out[i] = ZERO + (rest - tenth * 10);
    rest = tenth;
  }
  return at + width;
}

export function writeInteger(writer: RowWriter, index: number, value: number): void {
  const out = reserve(24);
  writer.text(index, out, 0, putInteger(out, 0, value));
}

/** The shortest digits that are read back as the same double. */
export function writeFloat64(writer: RowWriter, index: number, value: number): void {
  need(Number.isFinite(value));
  writeString(writer, index, Object.is(value, -0) ? '-0' : String(value));
}

/** The shortest digits that are read back as the same float32: what the server prints, and more digits where it rounds. */
export function writeFloat32(writer: RowWriter, index: number, value: number): void {
  writeFloat64(writer, index, shortestFloat32(value));
}

function shortestFloat32(value: number): number {
  for (let digits = Math.abs(value) < SMALLEST_NORMAL ? 1 : KEPT_DIGITS; digits < FLOAT_DIGITS; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(FLOAT_DIGITS));
}

/** Base64. */
export function writeBytes(writer: RowWriter, index: number, buf: Buffer, from: number, to: number): void {
  const out = reserve(Math.ceil((to - from) / 3) * 4);
  let written = 0;
  for (let at = from; at < to; at += STEP) {
    written += out.write(buf.toString('base64', at, Math.min(at + STEP, to)), written, 'latin1');
  }
  writer.text(index, out, 0, written);
}

/** The last `bits` bits of big-endian bytes as digits. */
export function writeBits(writer: RowWriter, index: number, buf: Buffer, from: number, to: number, bits: number): void {
  need((to - from) * 8 >= bits);
  const out = reserve(bits);
  for (let i = 0; i < bits; i++) {
    const bit = bits - 1 - i;
    out[i] = ZERO + ((buf[to - 1 - (bit >> 3)]! >> (bit & 7)) & 1);
  }
  writer.text(index, out, 0, bits);
}

/** SRID (4 bytes) and well-known binary, both little-endian → EWKB in upper-case hexadecimal, as PostGIS writes it. */
export function writeGeometry(writer: RowWriter, index: number, buf: Buffer, from: number, to: number): void {
  const wkb = from + SRID_BYTES;
  need(to - wkb >= WKB_HEADER_BYTES && buf[wkb] === 1);
  const out = reserve(2 * (to - from));
  const plain = buf.readUInt32LE(from) === 0;
  let at = putHex(out, 0, buf, wkb, wkb + WKB_HEADER_BYTES - 1);
  at = putHexByte(out, at, plain ? buf[wkb + 4]! : buf[wkb + 4]! | SRID_FLAG);
  if (!plain) at = putHex(out, at, buf, from, wkb);
  at = putHex(out, at, buf, wkb + WKB_HEADER_BYTES, to);
  writer.text(index, out, 0, at);
}

function putHex(out: Buffer, at: number, buf: Buffer, from: number, to: number): number {
  let end = at;
  for (let i = from; i < to; i++) end = putHexByte(out, end, buf[i]!);
  return end;
}

function putHexByte(out: Buffer, at: number, byte: number): number {
  out[at] = UPPER_HEX[byte >> 4]!;
  out[at + 1] = UPPER_HEX[byte & 15]!;
  return at + 2;
}

/** Little-endian float32 values → `[1,2.5]`. */
export function writeVector(writer: RowWriter, index: number, buf: Buffer, from: number, to: number): void {
  need((to - from) % 4 === 0);
  const parts: number[] = [];
  for (let at = from; at < to; at += 4) parts.push(shortestFloat32(buf.readFloatLE(at)));
  writeString(writer, index, `[${parts.join(',')}]`);
}

const UUID_DASHES = [4, 6, 8, 10];

export function writeUuid(writer: RowWriter, index: number, hex: string): void {
  let text = '';
  for (let i = 0; i < 16; i++) text += (UUID_DASHES.includes(i) ? '-' : '') + hex.slice(2 * i, 2 * i + 2);
  writeString(writer, index, text);
}
