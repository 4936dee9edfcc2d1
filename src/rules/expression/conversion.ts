/** Which types become which, and how: the casts of PostgreSQL between the types of expressions. */
import { fail } from '../fail.ts';
import type { Cell, Present } from '../values/cell.ts';
import { compareDecimals, type Decimal, decimalOfInteger, integerOfDecimal, limitTo } from '../values/decimal.ts';
import {
  compareFloats,
  decimalOfFloat,
  type FloatKind,
  floatOfDecimal,
  integerOfFloat,
  toFloat32,
} from '../values/float.ts';
import { INTEGER_NAMES, type IntegerKind, integerOfBigint } from '../values/integer.ts';
import { normalJson } from '../values/json.ts';
import {
  dateOfTimestamp,
  namesOffset,
  timeOfTimestamp,
  timestampOfDate,
  withoutZone,
  withZone,
} from '../values/temporal.ts';
import { codePointCount, firstCodePoints, trimPadding } from '../values/text.ts';
import { readText, toText } from './text-form.ts';
import { categoryOf, isMadeKind, type Type, type TypeKind } from './types.ts';

export type Convert = (value: Present) => Cell;

export interface Conversion {
  /** Done without being asked for, because nothing can get lost. */
  readonly implicit: boolean;
  readonly convert: Convert;
}

const same: Convert = (value) => value;

/** From the narrower to the wider; each implicitly becomes those after it. */
const NUMBER_ORDER: readonly TypeKind[] = ['int16', 'int32', 'int64', 'decimal', 'float32', 'float64'];

const TIME: Readonly<Record<string, Convert>> = {
  'date timestamp': (value) => timestampOfDate(value as string, ''),
  'date timestamptz': (value) => timestampOfDate(value as string, 'Z'),
  'timestamp timestamptz': (value) => withZone(value as string),
  'timestamp date': (value) => dateOfTimestamp(value as string),
  'timestamptz date': (value) => dateOfTimestamp(value as string),
  'timestamptz timestamp': (value) => withoutZone(value as string),
  'timestamp time': (value) => timeOfTimestamp(value as string),
  'timestamptz time': (value) => timeOfTimestamp(value as string),
};
const IMPLICIT_TIME = ['date timestamp', 'date timestamptz', 'timestamp timestamptz'];

/** Null when the one cannot become the other. Limits on length and digits are `limiter`'s. */
export function conversion(from: Type, to: Type): Conversion | null {
  if (from.kind === 'text' && to.kind === 'text') {
    const unpad = from.padded === true && to.padded !== true;
    return { implicit: true, convert: unpad ? (value) => trimPadding(value as string) : same };
  }
  if (from.kind === 'json' && to.kind === 'json') {
    const isSame = from.native === to.native || to.native === 'json';
    return { implicit: from.native === to.native, convert: isSame ? same : (value) => normalJson(value as string) };
  }
  if (from.kind === to.kind) {
    return isMadeKind(from.kind) || from.native === to.native ? { implicit: true, convert: same } : null;
  }
  return numberConversion(from.kind, to.kind) ?? timeConversion(from.kind, to.kind) ?? textConversion(from, to);
}

function numberConversion(from: TypeKind, to: TypeKind): Conversion | null {
  if (from === 'bool' && to === 'int32') return { implicit: false, convert: (value) => (value === true ? 1 : 0) };
  if (from === 'int32' && to === 'bool') return { implicit: false, convert: (value) => value !== 0 };
  const place = NUMBER_ORDER.indexOf(from);
  const target = NUMBER_ORDER.indexOf(to);
  if (place < 0 || target < 0) return null;
  return { implicit: place < target, convert: numberConvert(from, to) };
}

function numberConvert(from: TypeKind, to: TypeKind): Convert {
  if (to === 'decimal')
    return from.startsWith('int') ? fromInteger : (x) => decimalOfFloat(x as number, from as FloatKind);
  if (to === 'float64' || to === 'float32') return toFloat(from, to);
  const kind = to as IntegerKind;
  const name = INTEGER_NAMES[kind];
  if (from === 'decimal') return (x) => integerOfBigint(integerOfDecimal(x as Decimal, name), kind);
  if (from === 'float32' || from === 'float64') return (x) => integerOfBigint(integerOfFloat(x as number, name), kind);
  if (from === 'int16' && kind === 'int32') return same;
  return (x) => integerOfBigint(BigInt(x as number | bigint), kind);
}

const fromInteger: Convert = (value) => decimalOfInteger(value as number | bigint);

function toFloat(from: TypeKind, to: FloatKind): Convert {
  if (from === 'decimal') return (value) => floatOfDecimal(value as Decimal, to);
  if (from === 'float64') return (value) => toFloat32(value as number);
  return to === 'float64' ? (value) => Number(value) : (value) => Math.fround(Number(value));
}

function timeConversion(from: TypeKind, to: TypeKind): Conversion | null {
  const name = `${from} ${to}`;
  const convert = Object.hasOwn(TIME, name) ? TIME[name] : undefined;
  return convert === undefined ? null : { implicit: IMPLICIT_TIME.includes(name), convert };
}

function textConversion(from: Type, to: Type): Conversion | null {
  const convert = from.kind === 'text' ? readText(to, to.native) : to.kind === 'text' ? toText(from) : null;
  return convert === null ? null : { implicit: false, convert: convert as Convert };
}

/** What a type's limits on digits or length do to a value of its kind: round, cut, pad. Null: it has none. */
export function limiter({ kind, precision, scale = 0, length, padded }: Type): Convert | null {
  if (kind === 'decimal' && precision !== undefined) return (value) => limitTo(value as Decimal, precision, scale);
  if (kind !== 'text' || length === undefined) return null;
  if (!padded) return (value) => firstCodePoints(value as string, length);
  return (value) => {
    const cut = firstCodePoints(value as string, length);
    return cut + ' '.repeat(length - codePointCount(cut));
  };
}

/** `conversion` and `limiter` together, as `cast(x as t)` does. Null when there is no such cast. */
export function castTo(from: Type, to: Type): Convert | null {
  const found = conversion(from, to);
  if (found === null) return null;
  const limit = limiter(to);
  if (limit === null) return found.convert;
  const { convert } = found;
  return (value) => {
    const converted = convert(value);
    return converted === null || converted === undefined ? converted : limit(converted);
  };
}

/**
 * As `castTo`, but what would be rounded or cut is an error: numbers must come back the same, text must fit, and a zone other
 * than UTC is not forgotten.
 */
export function exactCastTo(from: Type, to: Type): Convert | null {
  const convert = castTo(from, to);
  if (convert === null) return null;
  const keeps = keepsValue(from, to);
  if (keeps === null) return convert;
  return (value) => {
    const converted = convert(value);
    return keeps(value, converted as Present)
      ? converted
      : fail(`a value does not fit ${to.native} without being changed`);
  };
}

function keepsValue(from: Type, to: Type): ((before: Present, after: Present) => boolean) | null {
  if (categoryOf(from.kind) === 'number' && categoryOf(to.kind) === 'number') return keepsNumber(from.kind, to.kind);
  if (to.kind === 'text' && to.length !== undefined) {
    const text = toText(from)!;
    return (before, after) => trimPadding(text(before)) === trimPadding(after as string);
  }
  if (from.kind !== 'text') return null;
  if (to.kind === 'decimal' && to.precision !== undefined) {
    const read = readText({ kind: 'decimal', native: 'numeric' }, 'numeric')!;
    return (before, after) => compareDecimals(read(before as string) as Decimal, after as Decimal) === 0;
  }
  if (to.kind === 'timestamp') return (before) => !namesOffset(before as string);
  return null;
}

function keepsNumber(from: TypeKind, to: TypeKind): (before: Present, after: Present) => boolean {
  const back = from === to ? same : numberConvert(to, from);
  const equal = equality(from);
  return (before, after) => {
    try {
      return equal(before, back(after) as Present);
    } catch {
      // The number nearest to a large one may lie outside the type it came from.
      return false;
    }
  };
}

function equality(kind: TypeKind): (a: Present, b: Present) => boolean {
  if (kind === 'decimal') return (a, b) => compareDecimals(a as Decimal, b as Decimal) === 0;
  if (kind.startsWith('float')) return (a, b) => compareFloats(a as number, b as number) === 0;
  return (a, b) => a === b;
}
