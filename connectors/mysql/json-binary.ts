/**
 * MySQL's binary JSON (sql-common/json_binary.h) → the text that the server prints for it, byte for byte: members in stored
 * order, `", "` and `": "` between them, numbers with all their digits.
 *
 * Value: type byte, body. Object and array: count, size, entries of keys (offset, length), entries of values (type, inlined
 * value or offset); offsets count from the body's begin; 2 bytes each, or 4 in the large forms.
 */
import { putDecimal } from './decimal.ts';
import { need } from './source-errors.ts';
import { dateText, datetimeText, timeText } from './temporal.ts';

const SMALL_OBJECT = 0;
export const LARGE_OBJECT = 1;
const SMALL_ARRAY = 2;
export const LARGE_ARRAY = 3;
export const LITERAL = 4;
const INT16 = 5;
const UINT16 = 6;
const INT32 = 7;
const UINT32 = 8;
const INT64 = 9;
const UINT64 = 10;
const DOUBLE = 11;
const STRING = 12;
const OPAQUE = 15;

/** As the server allows. */
const MAX_DEPTH = 101;
/** Column types within opaque values. */
const NEWDECIMAL = 246;
const DATE = 10;
const TIME = 11;
const DATETIME = 12;
const TIMESTAMP = 7;

export function jsonText(buf: Buffer, from: number, to: number): string {
  // What a JSON column holds that was made NOT NULL over a NULL.
  if (from === to) return 'null';
  return valueText(buf, buf[from]!, from + 1, to, 0);
}

function valueText(buf: Buffer, type: number, from: number, to: number, depth: number): string {
  need(depth < MAX_DEPTH && from <= to);
  switch (type) {
    case SMALL_OBJECT:
    case LARGE_OBJECT:
    case SMALL_ARRAY:
    case LARGE_ARRAY:
      return containerText(buf, type, from, to, depth);
    case LITERAL:
      need(from < to && buf[from]! <= 2);
      return ['null', 'true', 'false'][buf[from]!]!;
    case STRING: {
      const { length, at } = variableLength(buf, from, to);
      need(at + length <= to);
      return quoted(buf.toString('utf8', at, at + length));
    }
    case OPAQUE:
      return opaqueText(buf, from, to);
    default:
      return numberText(buf, type, from, to);
  }
}

function numberText(buf: Buffer, type: number, from: number, to: number): string {
  const bytes = type === INT16 || type === UINT16 ? 2 : type === INT32 || type === UINT32 ? 4 : 8;
  need(from + bytes <= to);
  switch (type) {
    case INT16:
      return String(buf.readInt16LE(from));
    case UINT16:
      return String(buf.readUInt16LE(from));
    case INT32:
      return String(buf.readInt32LE(from));
    case UINT32:
      return String(buf.readUInt32LE(from));
    case INT64:
      return String(buf.readBigInt64LE(from));
    case UINT64:
      return String(buf.readBigUInt64LE(from));
    default:
      need(type === DOUBLE);
      return doubleText(buf.readDoubleLE(from));
  }
}

function containerText(buf: Buffer, type: number, from: number, to: number, depth: number): string {
  const parts = jsonMembers(buf, type, from, to).map(({ key, ...value }) => {
    const text = valueText(buf, value.type, value.from, value.to, depth + 1);
    return key === null ? text : `${quoted(key)}: ${text}`;
  });
  return isObjectType(type) ? `{${parts.join(', ')}}` : `[${parts.join(', ')}]`;
}

export interface JsonMember {
  /** Null within an array. */
  readonly key: string | null;
  readonly type: number;
  /** Its body is in buf[from, to), and may end before. */
  readonly from: number;
  readonly to: number;
}

export const isObjectType = (type: number): boolean => type === SMALL_OBJECT || type === LARGE_OBJECT;
export const isArrayType = (type: number): boolean => type === SMALL_ARRAY || type === LARGE_ARRAY;

/** What the object or array at buf[from, to) holds, in stored order. */
export function jsonMembers(buf: Buffer, type: number, from: number, to: number): JsonMember[] {
  const width = type === LARGE_OBJECT || type === LARGE_ARRAY ? 4 : 2;
  const isObject = isObjectType(type);
  const number = (at: number) => (width === 2 ? buf.readUInt16LE(at) : buf.readUInt32LE(at));
  need(from + 2 * width <= to);
  const count = number(from);
  const end = from + number(from + width);
  const keys = from + 2 * width;
  const values = keys + (isObject ? count * (width + 2) : 0);
  need(end <= to && values + count * (1 + width) <= end);
  const found: JsonMember[] = [];
  for (let i = 0; i < count; i++) {
    const entry = values + i * (1 + width);
    const kind = buf[entry]!;
    const key = isObject ? keyText(buf, keys + i * (width + 2), width, from, end) : null;
    if (isInlined(kind, width)) found.push({ key, type: kind, from: entry + 1, to: entry + 1 + width });
    else found.push({ key, type: kind, from: within(from + number(entry + 1), end), to: end });
  }
  return found;
}

/** Bytes of the body of a value that is neither object nor array, at buf[from, to). */
export function scalarBytes(buf: Buffer, type: number, from: number, to: number): number {
  let bytes = 8;
  if (type === LITERAL) bytes = 1;
  else if (type === INT16 || type === UINT16) bytes = 2;
  else if (type === INT32 || type === UINT32) bytes = 4;
  else if (type === STRING || type === OPAQUE) {
    const { length, at } = variableLength(buf, type === OPAQUE ? from + 1 : from, to);
    bytes = at + length - from;
  } else need(type === INT64 || type === UINT64 || type === DOUBLE);
  need(from + bytes <= to);
  return bytes;
}

/** Whether the value lies in its entry itself. @param width 2, or 4 in the large forms */
export function isInlined(type: number, width: number): boolean {
  if (type === LITERAL || type === INT16 || type === UINT16) return true;
  return width === 4 && (type === INT32 || type === UINT32);
}

function within(at: number, end: number): number {
  need(at <= end);
  return at;
}

function keyText(buf: Buffer, entry: number, width: number, from: number, end: number): string {
  const at = from + (width === 2 ? buf.readUInt16LE(entry) : buf.readUInt32LE(entry));
  const length = buf.readUInt16LE(entry + width);
  need(at + length <= end);
  return buf.toString('utf8', at, at + length);
}

/** Seven bits a byte, lowest first; the top bit says that more follow. */
function variableLength(buf: Buffer, from: number, to: number): { readonly length: number; readonly at: number } {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    need(from + i < to);
    const byte = buf[from + i]!;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { length, at: from + i + 1 };
  }
  need(false);
  return { length: 0, at: to };
}

function opaqueText(buf: Buffer, from: number, to: number): string {
  need(from < to);
  const type = buf[from]!;
  const { length, at } = variableLength(buf, from + 1, to);
  need(at + length <= to);
  if (type === NEWDECIMAL) {
    need(length >= 2);
    const out = Buffer.allocUnsafe(100);
    return out.toString('latin1', 0, putDecimal(out, buf, at + 2, at + length, buf[at]!, buf[at + 1]!));
  }
  if (type === DATE || type === DATETIME || type === TIMESTAMP || type === TIME) {
    need(length === 8);
    return `"${packedTime(type, buf.readBigInt64LE(at))}"`;
  }
  return `"base64:type${type}:${buf.toString('base64', at, at + length)}"`;
}

/** The server's packed time: 24 bits of µs below whole seconds, as in the columns' formats. */
function packedTime(type: number, packed: bigint): string {
  const negative = packed < 0n;
  const size = negative ? -packed : packed;
  const micros = Number(size & 0xffffffn);
  const whole = Number(size >> 24n);
  if (type === TIME) return timeText(negative, (whole >> 12) & 0x3ff, (whole >> 6) & 63, whole & 63, micros);
  const date = Math.floor(whole / 2 ** 17);
  const yearMonth = Math.floor(date / 32);
  const [year, month, day] = [Math.floor(yearMonth / 13), yearMonth % 13, date % 32];
  if (type === DATE) return dateText(year, month, day);
  const clock = whole % 2 ** 17;
  return datetimeText(dateText(year, month, day), ' ', clock >> 12, (clock >> 6) & 63, clock & 63, micros);
}

/** Above this many digits before the point, or zeros after it, the server writes an exponent. */
const MAX_PLAIN = 15;

/** As the server's my_gcvt: shortest digits, `1e20`, `1.5e-7`; and `1.0`, so that it stays a double. */
export function doubleText(value: number): string {
  need(Number.isFinite(value));
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [, sign = '', first = '', rest = '', exponent = '0'] =
    /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(value.toExponential()) ?? [];
  const digits = first + rest;
  const point = Number(exponent) + 1;
  if (point > MAX_PLAIN || point < 1 - MAX_PLAIN) {
    return `${sign}${first}${rest === '' ? '' : `.${rest}`}e${point - 1}`;
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits.padEnd(point, '0')}.0`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function quoted(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what has to be escaped
  const escaped = text.replace(/["\\\u0000-\u001f]/g, (one) => {
    return SHORT_ESCAPES[one] ?? `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `"${escaped}"`;
}
