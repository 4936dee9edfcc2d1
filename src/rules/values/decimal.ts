/**
 * Exact decimal numbers with PostgreSQL's rules for `numeric`: what each operation's scale (digits after the point) is, when
 * it rounds, what is too large. Rounding is half away from zero.
 * https://www.postgresql.org/docs/18/datatype-numeric.html#DATATYPE-NUMERIC-DECIMAL and src/backend/utils/adt/numeric.c
 */
import { fail } from '../fail.ts';
import { trimSpace } from './text.ts';

/** Digits before the decimal point that PostgreSQL's `numeric` can hold. */
const MAX_INTEGER_DIGITS = 131_072;
const MAX_SCALE = 16_383;
/** A quotient gets no more digits after the point than this, but at least `MIN_SIGNIFICANT` significant ones. */
const MAX_QUOTIENT_SCALE = 1_000;
const MIN_SIGNIFICANT = 16;
/** PostgreSQL keeps numbers in groups of four digits; the scale of a quotient depends on them. */
const GROUP_DIGITS = 4;

/** `digits` × 10^-`scale`. NaN and the infinities are the three constants below, and have a negative scale. */
export class Decimal {
  readonly digits: bigint;
  readonly scale: number;

  constructor(digits: bigint, scale: number) {
    this.digits = digits;
    this.scale = scale;
  }

  get isFinite(): boolean {
    return this.scale >= 0;
  }
}

export const NAN = new Decimal(2n, -1);
export const INFINITY = new Decimal(1n, -1);
export const NEGATIVE_INFINITY = new Decimal(-1n, -1);
const ZERO = new Decimal(0n, 0);

const POWERS: bigint[] = Array.from({ length: 40 }, (_, i) => 10n ** BigInt(i));

export function powerOfTen(exponent: number): bigint {
  return POWERS[exponent] ?? 10n ** BigInt(exponent);
}

export function decimalOfInteger(value: number | bigint): Decimal {
  return new Decimal(BigInt(value), 0);
}

/** From the text of a decimal column: canonical, or as `parseDecimal` reads it. Throws `rule.failed` for anything else. */
export function decimalOfText(text: string): Decimal {
  const point = text.indexOf('.');
  try {
    if (point < 0) return new Decimal(BigInt(text), 0);
    return new Decimal(BigInt(text.slice(0, point) + text.slice(point + 1)), text.length - point - 1);
  } catch {
    return parseDecimal(text) ?? fail('a decimal column holds something that is not a number');
  }
}

export function decimalText(value: Decimal): string {
  const { digits, scale } = value;
  if (scale < 0) return value === NAN ? 'NaN' : value === INFINITY ? 'Infinity' : '-Infinity';
  const text = digits.toString();
  if (scale === 0) return text;
  const negative = text.charCodeAt(0) === 0x2d;
  const bare = (negative ? text.slice(1) : text).padStart(scale + 1, '0');
  const point = bare.length - scale;
  return `${negative ? '-' : ''}${bare.slice(0, point)}.${bare.slice(point)}`;
}

/** NaN equals itself and is greater than everything, as in PostgreSQL. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.scale < 0 || b.scale < 0) return specialRank(a) - specialRank(b);
  const left = a.scale >= b.scale ? a.digits : a.digits * powerOfTen(b.scale - a.scale);
  const right = b.scale >= a.scale ? b.digits : b.digits * powerOfTen(a.scale - b.scale);
  return left < right ? -1 : left > right ? 1 : 0;
}

function specialRank(value: Decimal): number {
  return value.scale >= 0 ? 0 : Number(value.digits);
}

export function negate(value: Decimal): Decimal {
  if (value.scale >= 0) return new Decimal(-value.digits, value.scale);
  return value === NAN ? NAN : value === INFINITY ? NEGATIVE_INFINITY : INFINITY;
}

export function add(a: Decimal, b: Decimal): Decimal {
  if (a.scale < 0 || b.scale < 0) return addSpecial(a, b);
  if (a.scale === b.scale) return inRange(new Decimal(a.digits + b.digits, a.scale));
  const scale = Math.max(a.scale, b.scale);
  return inRange(new Decimal(a.digits * powerOfTen(scale - a.scale) + b.digits * powerOfTen(scale - b.scale), scale));
}

export function subtract(a: Decimal, b: Decimal): Decimal {
  return add(a, negate(b));
}

function addSpecial(a: Decimal, b: Decimal): Decimal {
  if (a === NAN || b === NAN) return NAN;
  if (a.scale >= 0) return b;
  return b.scale >= 0 || a === b ? a : NAN;
}

export function multiply(a: Decimal, b: Decimal): Decimal {
  if (a.scale < 0 || b.scale < 0) {
    if (a === NAN || b === NAN) return NAN;
    return infinityOfSign(sign(a) * sign(b));
  }
  const product = new Decimal(a.digits * b.digits, a.scale + b.scale);
  return inRange(product.scale > MAX_SCALE ? roundTo(product, MAX_SCALE) : product);
}

/** Throws `rule.failed` for division by zero. */
export function divide(a: Decimal, b: Decimal): Decimal {
  if (a === NAN || b === NAN) return NAN;
  if (b.scale >= 0 && b.digits === 0n) return fail('division by zero');
  if (a.scale < 0) return b.scale < 0 ? NAN : infinityOfSign(sign(a) * sign(b));
  if (b.scale < 0) return ZERO;
  const scale = quotientScale(a, b);
  const shift = scale + b.scale - a.scale;
  const dividend = a.digits * powerOfTen(Math.max(0, shift));
  const divisor = b.digits * powerOfTen(Math.max(0, -shift));
  return inRange(new Decimal(divideRounded(dividend, divisor), scale));
}

/** The sign is that of the dividend. Throws `rule.failed` for division by zero. */
export function remainder(a: Decimal, b: Decimal): Decimal {
  if (a === NAN || b === NAN) return NAN;
  if (b.scale >= 0 && b.digits === 0n) return fail('division by zero');
  if (a.scale < 0) return NAN;
  if (b.scale < 0) return a;
  const scale = Math.max(a.scale, b.scale);
  return new Decimal((a.digits * powerOfTen(scale - a.scale)) % (b.digits * powerOfTen(scale - b.scale)), scale);
}

function sign(value: Decimal): number {
  return value.digits > 0n ? 1 : value.digits < 0n ? -1 : 0;
}

function infinityOfSign(of: number): Decimal {
  return of === 0 ? NAN : of > 0 ? INFINITY : NEGATIVE_INFINITY;
}

/** Enough digits for 16 significant ones, counted in groups of four; no fewer than either operand has (select_div_scale). */
function quotientScale(a: Decimal, b: Decimal): number {
  const [weightA, leadA] = leadingGroup(a);
  const [weightB, leadB] = leadingGroup(b);
  const weight = weightA - weightB - (leadA <= leadB ? 1 : 0);
  const scale = Math.max(MIN_SIGNIFICANT - weight * GROUP_DIGITS, a.scale, b.scale, 0);
  return Math.min(scale, MAX_QUOTIENT_SCALE);
}

/** Power of 10,000 of the first group of digits that is not zero, and that group. */
function leadingGroup({ digits, scale }: Decimal): [weight: number, group: number] {
  if (digits === 0n) return [0, 0];
  const text = (digits < 0n ? -digits : digits).toString();
  const exponent = text.length - scale - 1;
  const weight = Math.floor(exponent / GROUP_DIGITS);
  const length = exponent - weight * GROUP_DIGITS + 1;
  return [weight, Number(text.slice(0, length).padEnd(length, '0'))];
}

function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const rest = dividend % divisor;
  const twice = 2n * (rest < 0n ? -rest : rest);
  if (twice < (divisor < 0n ? -divisor : divisor)) return quotient;
  return dividend < 0n === divisor < 0n ? quotient + 1n : quotient - 1n;
}

/** @param scale may be negative: -2 rounds to hundreds; the result then has scale 0 */
export function roundTo(value: Decimal, scale: number): Decimal {
  if (value.scale < 0 || value.scale === scale) return value;
  if (scale > value.scale) return new Decimal(value.digits * powerOfTen(scale - value.scale), scale);
  const rounded = divideRounded(value.digits, powerOfTen(value.scale - scale));
  return scale >= 0 ? new Decimal(rounded, scale) : new Decimal(rounded * powerOfTen(-scale), 0);
}

/** As `numeric(precision, scale)` stores it. Throws `rule.failed` when it does not fit. */
export function limitTo(value: Decimal, precision: number, scale: number): Decimal {
  if (value === NAN) return value;
  if (value.scale < 0) return fail(`an infinite value does not fit numeric(${precision},${scale})`);
  const rounded = roundTo(value, scale);
  const { digits } = rounded;
  const fits = (digits < 0n ? -digits : digits) < powerOfTen(precision - scale + rounded.scale);
  return fits ? rounded : fail(`a value does not fit numeric(${precision},${scale})`);
}

/** Half away from zero. Throws `rule.failed` for NaN and infinities. */
export function integerOfDecimal(value: Decimal, type: string): bigint {
  if (value.scale < 0) return fail(`NaN and infinity cannot become ${type}`);
  return roundTo(value, 0).digits;
}

/** 10^131072 as a bit length: a number below it in bits is in range without looking at its digits. */
const SAFE_BITS = 400_000;

/** Throws `rule.failed` when PostgreSQL's `numeric` could not hold it. */
export function inRange(value: Decimal): Decimal {
  const { digits, scale } = value;
  if (BigInt.asIntN(64, digits) === digits) return value;
  if (BigInt.asIntN(SAFE_BITS, digits) === digits) return value;
  const length = digits.toString().length - (digits < 0n ? 1 : 0);
  return length - scale > MAX_INTEGER_DIGITS ? fail('a number is too large') : value;
}

const NUMBER = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d+))?$/;
const NAMED: Readonly<Record<string, Decimal>> = {
  nan: NAN,
  inf: INFINITY,
  '+inf': INFINITY,
  infinity: INFINITY,
  '+infinity': INFINITY,
  '-inf': NEGATIVE_INFINITY,
  '-infinity': NEGATIVE_INFINITY,
};

/** From text that a user wrote or a text column holds; white space around it is allowed. Null when it is no number. */
export function parseDecimal(text: string): Decimal | null {
  const trimmed = trimSpace(text);
  const match = NUMBER.exec(trimmed);
  if (match === null) {
    const name = trimmed.toLowerCase();
    return Object.hasOwn(NAMED, name) ? NAMED[name]! : null;
  }
  const [, minus, whole = '', fraction = '', bareFraction = '', power = '0'] = match;
  const after = fraction + bareFraction;
  const exponent = Number(power);
  const scale = Math.max(0, after.length - exponent);
  const integerDigits = whole.length + exponent;
  if (scale > MAX_SCALE || integerDigits > MAX_INTEGER_DIGITS) return fail('a number is too large');
  const digits = BigInt(whole + after) * powerOfTen(Math.max(0, exponent - after.length));
  return inRange(new Decimal(minus === '-' ? -digits : digits, scale));
}
