/**
 * A column's text as PostgreSQL writes it (with the pinned session settings) → canonical text of the log (row.ts, `Value`).
 * Used for snapshot and stream alike, so both give the same bytes (Invariant 9). Most kinds are copied as they are.
 */
import type { RowWriter } from '../../src/sdk/index.ts';
import { arrayJson } from './array-text.ts';
import type { CatalogType } from './catalog.ts';

/** Writes column `index` of the open row from buf[from, to). */
export type ColumnText = (writer: RowWriter, index: number, buf: Buffer, from: number, to: number) => void;

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const LOWER_T = 0x74;
const SPACE = 0x20;
const MICROSECOND_DIGITS = 6;
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PADDING = 0x3d;

let scratch = Buffer.allocUnsafe(64 * 1024);

function reserve(bytes: number): Buffer {
  if (scratch.length < bytes) scratch = Buffer.allocUnsafe(Math.max(bytes, scratch.length * 2));
  return scratch;
}

const copy: ColumnText = (writer, index, buf, from, to) => writer.text(index, buf, from, to);

const bool: ColumnText = (writer, index, buf, from) => {
  const text = buf[from] === LOWER_T ? TRUE : FALSE;
  writer.text(index, text, 0, text.length);
};

/** `\x68656c6c6f` → base64, three bytes (six digits, four letters) at a time. */
const bytea: ColumnText = (writer, index, buf, from, to) => {
  const out = reserve(Math.ceil((to - from) / 6) * 4);
  let written = 0;
  let at = from + 2;
  for (; at + 6 <= to; at += 6, written += 4) {
    const bits = (hexByte(buf, at) << 16) | (hexByte(buf, at + 2) << 8) | hexByte(buf, at + 4);
    out[written] = BASE64[bits >> 18]!;
    out[written + 1] = BASE64[(bits >> 12) & 63]!;
    out[written + 2] = BASE64[(bits >> 6) & 63]!;
    out[written + 3] = BASE64[bits & 63]!;
  }
  if (at < to) {
    const two = at + 2 < to;
    const bits = (hexByte(buf, at) << 16) | (two ? hexByte(buf, at + 2) << 8 : 0);
    out[written] = BASE64[bits >> 18]!;
    out[written + 1] = BASE64[(bits >> 12) & 63]!;
    out[written + 2] = two ? BASE64[(bits >> 6) & 63]! : PADDING;
    out[written + 3] = PADDING;
    written += 4;
  }
  writer.text(index, out, 0, written);
};

/** Of two digits, lower case as the server writes them: `0` is 0x30, `a` 0x61. */
function hexByte(buf: Buffer, at: number): number {
  const high = buf[at]!;
  const low = buf[at + 1]!;
  return (((high & 0xf) + (high >> 6) * 9) << 4) | ((low & 0xf) + (low >> 6) * 9);
}

/** Copies a time `hh:mm:ss[.ffffff]` with all six digits of its fraction; returns [end in buf, end in out]. */
function copyTime(buf: Buffer, from: number, to: number, out: Buffer, at: number): { read: number; written: number } {
  let read = from;
  let written = at;
  let digits = -1;
  for (; read < to; read++) {
    const byte = buf[read]!;
    if (byte === 0x2e) digits = 0;
    else if (byte >= 0x30 && byte <= 0x39) {
      if (digits >= 0) digits++;
    } else if (byte !== 0x3a) break;
    out[written++] = byte;
  }
  if (digits < 0) {
    out[written++] = 0x2e;
    digits = 0;
  }
  for (; digits < MICROSECOND_DIGITS; digits++) out[written++] = 0x30;
  return { read, written };
}

/** `12:00:00`, with `+02` or `+05:30` behind it for timetz. */
const time: ColumnText = (writer, index, buf, from, to) => {
  const out = reserve(to - from + 8);
  let { read, written } = copyTime(buf, from, to, out, 0);
  while (read < to) out[written++] = buf[read++]!;
  writer.text(index, out, 0, written);
};

/** `2024-02-29 12:00:00.5[+00][ BC]`, `infinity`: T between date and time, six digits, Z for the zone (session: UTC). */
function timestamp(zone: boolean): ColumnText {
  return (writer, index, buf, from, to) => {
    const out = reserve(to - from + 8);
    let space = from;
    for (; space < to && buf[space] !== SPACE; space++) out[space - from] = buf[space]!;
    if (space === to) {
      writer.text(index, buf, from, to);
      return;
    }
    out[space - from] = 0x54;
    let { read, written } = copyTime(buf, space + 1, to, out, space - from + 1);
    if (zone) {
      out[written++] = 0x5a;
      while (read < to && buf[read] !== SPACE) read++;
    }
    while (read < to) out[written++] = buf[read++]!;
    writer.text(index, out, 0, written);
  };
}

function array(type: CatalogType): ColumnText {
  const { element = 'other', delimiter } = type;
  return (writer, index, buf, from, to) => {
    const json = arrayJson(buf.subarray(from, to), element, delimiter.charCodeAt(0));
    writer.json(index, json, 0, json.length);
  };
}

export function columnText(type: CatalogType): ColumnText {
  switch (type.kind) {
    case 'bool':
      return bool;
    case 'bytes':
      return bytea;
    case 'time':
    case 'timetz':
      return time;
    case 'timestamp':
      return timestamp(false);
    case 'timestamptz':
      return timestamp(true);
    case 'array':
      return array(type);
    default:
      return copy;
  }
}

/** The same conversion for an element of an array, as text. */
export function elementText(kind: CatalogType['kind'], bytes: Buffer): Buffer {
  let text = bytes;
  const take = {
    text: (_: number, buf: Uint8Array, from: number, to: number) => {
      text = Buffer.from(buf.subarray(from, to));
    },
  } as unknown as RowWriter;
  columnText({ kind, native: '', delimiter: ',', outOfLine: true })(take, 0, bytes, 0, bytes.length);
  return text;
}
