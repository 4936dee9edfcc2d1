/** JSON text of a column → its exact value by kind (`Value` in row.ts). */
import type { Value } from '../contracts/row.ts';
import type { Column, Kind } from '../contracts/schema.ts';
import { JsonScanner, malformed, parseJson, stringOf } from './json-scanner.ts';

const QUOTE = 0x22;
const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;
const LETTER_N = 0x6e;
const MINUS = 0x2d;
const ZERO = 0x30;
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
/** Digits of integers that a JS number holds exactly. */
const SAFE_DIGITS = 15;
/** PostgreSQL has six. */
const MAX_DIMENSIONS = 32;
const INTEGER = /^-?(?:0|[1-9][0-9]*)$/;
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const NOT_FINITE: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

/** The value at bytes[from, to). Throws `rule.failed` when it is not one of the column's kind. */
export function readValue({ kind, element }: Column, bytes: Buffer, from: number, to: number): Value {
  if (bytes[from] === LETTER_N) return nullOf(bytes, from, to);
  if (kind === 'array') return arrayOf(element ?? 'other', bytes, from, to, 1);
  return scalarOf(kind, bytes, from, to);
}

function nullOf(bytes: Buffer, from: number, to: number): null {
  if (bytes.toString('latin1', from, to) !== 'null') throw malformed(from);
  return null;
}

function scalarOf(kind: Kind, bytes: Buffer, from: number, to: number): Value {
  switch (kind) {
    case 'bool':
      return boolOf(bytes, from, to);
    case 'int16':
    case 'int32':
      return to - from <= SAFE_DIGITS ? integerOf(bytes, from, to) : Number(integerText(bytes, from, to));
    case 'int64':
    case 'uint64':
      return BigInt(to - from <= SAFE_DIGITS ? integerOf(bytes, from, to) : integerText(bytes, from, to));
    case 'float32':
    case 'float64':
      return floatOf(bytes, from, to);
    case 'bytes':
      return Buffer.from(stringOf(bytes, from, to), 'base64');
    default:
      return textOf(bytes, from, to);
  }
}

function isWord(bytes: Buffer, from: number, to: number, word: Uint8Array): boolean {
  if (to - from !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (bytes[from + i] !== word[i]) return false;
  return true;
}

function boolOf(bytes: Buffer, from: number, to: number): boolean {
  if (isWord(bytes, from, to, TRUE)) return true;
  if (isWord(bytes, from, to, FALSE)) return false;
  throw malformed(from);
}

/** Of so few digits that they are exact. */
function integerOf(bytes: Buffer, from: number, to: number): number {
  const isNegative = bytes[from] === MINUS;
  const start = isNegative ? from + 1 : from;
  let value = 0;
  for (let i = start; i < to; i++) {
    const digit = bytes[i]! - ZERO;
    if (digit < 0 || digit > 9) throw malformed(from);
    value = value * 10 + digit;
  }
  if (start === to || (bytes[start] === ZERO && to - start > 1)) throw malformed(from);
  return isNegative ? 0 - value : value;
}

function integerText(bytes: Buffer, from: number, to: number): string {
  const text = bytes.toString('latin1', from, to);
  if (!INTEGER.test(text)) throw malformed(from);
  return text;
}

function floatOf(bytes: Buffer, from: number, to: number): number {
  if (bytes[from] === QUOTE) {
    const value = NOT_FINITE[stringOf(bytes, from, to)];
    if (value === undefined) throw malformed(from);
    return value;
  }
  const text = bytes.toString('latin1', from, to);
  if (!NUMBER.test(text)) throw malformed(from);
  return Number(text);
}

/** A string; `{"$bytes":…}` for text that is not UTF-8; the digits of a number, for a decimal written as one. */
function textOf(bytes: Buffer, from: number, to: number): Value {
  const first = bytes[from];
  if (first === QUOTE) return stringOf(bytes, from, to);
  if (first === OPEN_OBJECT) return rawBytesOf(bytes, from, to);
  const text = bytes.toString('latin1', from, to);
  if (!NUMBER.test(text)) throw malformed(from);
  return text;
}

function rawBytesOf(bytes: Buffer, from: number, to: number): Uint8Array {
  const value = parseJson(bytes, from, to) as { readonly $bytes?: unknown };
  if (typeof value.$bytes !== 'string' || Object.keys(value).length !== 1) throw malformed(from);
  return Buffer.from(value.$bytes, 'base64');
}

/** Elements of any dimension; text instead of an array is passed on as it is. */
function arrayOf(element: Kind, bytes: Buffer, from: number, to: number, dimension: number): Value {
  if (bytes[from] !== OPEN_ARRAY) return textOf(bytes, from, to);
  if (dimension > MAX_DIMENSIONS) throw malformed(from);
  const scanner = new JsonScanner();
  scanner.reset(bytes, from, to);
  const values: Value[] = [];
  for (let more = scanner.openArray(); more; more = scanner.nextElement()) {
    const start = scanner.skipValue();
    if (bytes[start] === LETTER_N) values.push(nullOf(bytes, start, scanner.at));
    else if (bytes[start] === OPEN_ARRAY) values.push(arrayOf(element, bytes, start, scanner.at, dimension + 1));
    else values.push(scalarOf(element, bytes, start, scanner.at));
  }
  if (!scanner.isAtEnd) throw malformed(scanner.at);
  return values;
}
