/** Values to PostgreSQL's text and back: what `cast(x as text)` gives and `cast('…' as t)` reads. */

import type { Value } from '../../contracts/row.ts';
import type { Kind } from '../../contracts/schema.ts';
import { fail } from '../fail.ts';
import { arrayText, parseArrayText } from '../values/array-text.ts';
import { codecOf, type Present } from '../values/cell.ts';
import { type Decimal, decimalText, parseDecimal } from '../values/decimal.ts';
import { floatText, parseFloatText } from '../values/float.ts';
import { type IntegerKind, integerOfBigint, parseInteger } from '../values/integer.ts';
import { normalJson } from '../values/json.ts';
import { parseTemporal, postgresText, type TemporalKind } from '../values/temporal.ts';
import { hexOfBytes, parseBytes, parseUuid, trimPadding, trimSpace } from '../values/text.ts';
import { elementOf, type Type, type TypeKind } from './types.ts';

type ToText = (value: Present) => string;
type FromText = (text: string) => Present | null;

const asIs: ToText = (value) => value as string;
const temporal =
  (kind: TemporalKind): ToText =>
  (value) =>
    postgresText(value as string, kind);

const TO_TEXT: Partial<Record<TypeKind, ToText>> = {
  bool: String,
  int16: String,
  int32: String,
  int64: String,
  decimal: (value) => decimalText(value as Decimal),
  float32: (value) => floatText(value as number, 'float32'),
  float64: (value) => floatText(value as number, 'float64'),
  text: asIs,
  bytes: (value) => hexOfBytes(value as Uint8Array),
  date: temporal('date'),
  time: temporal('time'),
  timestamp: temporal('timestamp'),
  timestamptz: temporal('timestamptz'),
  uuid: asIs,
  json: asIs,
  enum: asIs,
  bits: asIs,
};

/** Null for types whose text here is not PostgreSQL's (`interval`, arrays …). Blanks that only pad are left out. */
export function toText(type: Type): ToText | null {
  const { kind, padded } = type;
  if (kind === 'array') return arrayToText(type);
  return padded ? (value) => trimPadding(value as string) : (TO_TEXT[kind] ?? null);
}

/** As `concat` writes it: booleans as `t` and `f`, padding kept. */
export function toOutputText(type: Type): ToText | null {
  if (type.kind === 'bool') return (value) => (value === true ? 't' : 'f');
  return type.kind === 'array' ? arrayToText(type) : (TO_TEXT[type.kind] ?? null);
}

function arrayToText(type: Type): ToText | null {
  const element = elementOf(type);
  const write = element === null ? null : toOutputText(element);
  if (element === null || write === null) return null;
  const { read } = codecOf(element.kind as Kind);
  return (value) => arrayText(value as readonly Value[], (item) => write(read(item)));
}

/** Null for elements whose text is not read here. */
function arrayFromText(type: Type): FromText | null {
  const element = elementOf(type);
  const read = element === null ? null : fromText(element);
  if (element === null || read === null) return null;
  const { value } = codecOf(element.kind as Kind);
  return (text) =>
    parseArrayText(text, (item) => value(read(item) ?? fail(`a text is not a value of type ${element.native}`)));
}

const integer =
  (kind: IntegerKind): FromText =>
  (text) => {
    const value = parseInteger(text);
    return value === null ? null : integerOfBigint(value, kind);
  };

const FROM_TEXT: Partial<Record<TypeKind, FromText>> = {
  bool: parseBool,
  int16: integer('int16'),
  int32: integer('int32'),
  int64: integer('int64'),
  decimal: parseDecimal,
  float32: (text) => parseFloatText(text, 'float32'),
  float64: (text) => parseFloatText(text, 'float64'),
  text: (text) => text,
  bytes: parseBytes,
  date: (text) => parseTemporal(text, 'date'),
  time: (text) => parseTemporal(text, 'time'),
  timestamp: (text) => parseTemporal(text, 'timestamp'),
  timestamptz: (text) => parseTemporal(text, 'timestamptz'),
  uuid: parseUuid,
  json: (text) => (isJson(text) ? text : null),
};

/**
 * Null for types that text cannot become. The function gives null for text that is no value of the type, and throws
 * `rule.failed` for one that is out of range.
 */
export function fromText(type: Type): FromText | null {
  const { kind, native, enum: labels } = type;
  if (kind === 'array') return arrayFromText(type);
  if (native === 'jsonb') return (text) => (isJson(text) ? normalJson(text) : null);
  if (kind === 'enum') return (text) => (labels === undefined || labels.includes(text) ? text : null);
  return FROM_TEXT[kind] ?? null;
}

/** Beginnings of the words are enough, as long as they say which. */
function parseBool(text: string): boolean | null {
  const word = trimSpace(text).toLowerCase();
  if (word === '') return null;
  if (word === '1' || 'true'.startsWith(word) || 'yes'.startsWith(word) || word === 'on') return true;
  const isFalse = word === '0' || 'false'.startsWith(word) || 'no'.startsWith(word) || word === 'of' || word === 'off';
  return isFalse ? false : null;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** `fromText` for values of rows: what is no value is an error. */
export function readText(type: Type, name: string): ((text: string) => Present) | null {
  const read = fromText(type);
  if (read === null) return null;
  return (text) => read(text) ?? fail(`a text is not a value of type ${name}`);
}
