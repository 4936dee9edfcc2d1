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

/** Hexadecimal digits that are converted at once: a whole number of base64 groups, far below the longest string. */
const HEX_STEP = 6 * 8192;

/** `\x68656c6c6f` → base64. */
const bytea: ColumnText = (writer, index, buf, from, to) => {
  const out = reserve(Math.ceil((to - from) / 6) * 4);
  let written = 0;
  for (let at = from + 2; at < to; at += HEX_STEP) {
    const bytes = Buffer.from(buf.toString('latin1', at, Math.min(at + HEX_STEP, to)), 'hex');
    written += out.write(bytes.toString('base64'), written, 'latin1');
  }
  writer.text(index, out, 0, written);
};

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
    const space = buf.indexOf(SPACE, from);
    if (space < 0 || space >= to) {
      writer.text(index, buf, from, to);
      return;
    }
    const out = reserve(to - from + 8);
    buf.copy(out, 0, from, space);
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
  columnText({ kind, native: '', delimiter: ',' })(take, 0, bytes, 0, bytes.length);
  return text;
}
