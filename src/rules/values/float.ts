/**
 * Binary floating-point numbers as PostgreSQL's `double precision` and `real`: an operation that overflows, or that underflows
 * to zero, is an error; NaN equals itself and is greater than everything; text is the shortest that reads back the same.
 */
import { fail } from '../fail.ts';
import { Decimal, decimalText, INFINITY, NAN, NEGATIVE_INFINITY, parseDecimal } from './decimal.ts';
import { trimSpace } from './text.ts';

export type FloatKind = 'float32' | 'float64';

/** Digits that a float keeps when it becomes a decimal (FLT_DIG, DBL_DIG). */
const DECIMAL_DIGITS: Readonly<Record<FloatKind, number>> = { float32: 6, float64: 15 };

export function compareFloats(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}

function checked(result: number, fromInfinity: boolean, mayBeZero: boolean): number {
  if ((result === Number.POSITIVE_INFINITY || result === Number.NEGATIVE_INFINITY) && !fromInfinity) {
    return fail('value out of range: overflow');
  }
  return result === 0 && !mayBeZero ? fail('value out of range: underflow') : result;
}

const isInfinite = (x: number) => x === Number.POSITIVE_INFINITY || x === Number.NEGATIVE_INFINITY;

/** `round` is the identity for `float64` and Math.fround for `float32`. */
export function floatOperations(round: (x: number) => number) {
  return {
    add: (x: number, y: number) => checked(round(x + y), isInfinite(x) || isInfinite(y), true),
    subtract: (x: number, y: number) => checked(round(x - y), isInfinite(x) || isInfinite(y), true),
    multiply: (x: number, y: number) => checked(round(x * y), isInfinite(x) || isInfinite(y), x === 0 || y === 0),
    divide(x: number, y: number) {
      if (y === 0 && !Number.isNaN(x)) return fail('division by zero');
      return checked(round(x / y), isInfinite(x), x === 0 || isInfinite(y));
    },
  };
}

/** Throws `rule.failed` when the number is too large or too small for `real`. */
export function toFloat32(value: number): number {
  return checked(Math.fround(value), isInfinite(value), value === 0);
}

/**
 * Shortest text that reads back the same, in JavaScript's form: for JSON. As PostgreSQL chooses: a text that lies exactly
 * between two floats is not taken, although it reads back right where ties go to the even one.
 */
export function shortest(value: number, kind: FloatKind): string {
  if (Object.is(value, -0)) return '-0';
  const text = String(value);
  if (!Number.isFinite(value)) return text;
  if (kind === 'float32') return String(Number(firstPrecision(value, 1, readsBackAsFloat32)));
  if (Math.abs(value) < FIRST_WITH_SHORT_MIDPOINTS || !isMidpoint(text, value)) return text;
  return firstPrecision(value, 1, (candidate, of) => Number(candidate) === of && !isMidpoint(candidate, of));
}

/** From 2^53 on a number exactly between two doubles can have as few digits as a double needs. */
const FIRST_WITH_SHORT_MIDPOINTS = 2 ** 53;

function firstPrecision(value: number, from: number, fits: (text: string, value: number) => boolean): string {
  for (let precision = from; precision < 17; precision++) {
    const text = value.toPrecision(precision);
    if (fits(text, value)) return nearest(value, precision);
  }
  return nearest(value, 17);
}

function readsBackAsFloat32(text: string, value: number): boolean {
  const number = Number(text);
  if (Math.fround(number) !== value) return false;
  const bits = new Int32Array(new Float32Array([value]).buffer);
  const beyond = Math.abs(number) > Math.abs(value) ? 1 : -1;
  bits[0]! += beyond;
  return number === value || number !== (value + new Float32Array(bits.buffer)[0]!) / 2;
}

/** @param value a double from 2^53 on, @param text a number that reads back as it */
function isMidpoint(text: string, value: number): boolean {
  const exact = BigInt(value);
  const given = parseDecimal(text)!.digits;
  if (given === exact) return false;
  const bits = new BigInt64Array(new Float64Array([value]).buffer);
  const isBeyond = value > 0 ? given > exact : given < exact;
  bits[0]! += isBeyond ? 1n : -1n;
  const [neighbour = 0] = new Float64Array(bits.buffer);
  return Number.isFinite(neighbour) && 2n * given === exact + BigInt(neighbour);
}

/** As PostgreSQL writes it: `1e+15`, `0.0001`, `1e-05`, `Infinity`, `-0`. */
export function floatText(value: number, kind: FloatKind): string {
  const text = shortest(value, kind);
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text);
  if (match === null) return text;
  const [, minus, whole = '', fraction = '', power = '0'] = match;
  const digits = (whole + fraction).replace(/^0+(?=.)/, '');
  if (digits === '0' || /^0+$/.test(digits)) return `${minus}0`;
  const leadingZeros = (whole + fraction).length - digits.length;
  const exponent = whole.length - leadingZeros - 1 + Number(power);
  if (exponent >= -4 && exponent < DECIMAL_DIGITS[kind]) return minus + plainText(digits, exponent);
  const mantissa = digits.replace(/0+$/, '');
  const rest = mantissa.length > 1 ? `.${mantissa.slice(1)}` : '';
  const size = String(Math.abs(exponent)).padStart(2, '0');
  return `${minus}${mantissa[0]}${rest}e${exponent < 0 ? '-' : '+'}${size}`;
}

function plainText(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
  const padded = digits.padEnd(exponent + 1, '0');
  const fraction = padded.slice(exponent + 1).replace(/0+$/, '');
  return padded.slice(0, exponent + 1) + (fraction === '' ? '' : `.${fraction}`);
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** White space around it allowed. Null when it is no number. Throws `rule.failed` when it is out of range. */
export function parseFloatText(text: string, kind: FloatKind): number | null {
  const trimmed = trimSpace(text);
  if (NUMBER.test(trimmed)) {
    const value = kind === 'float32' ? Math.fround(Number(trimmed)) : Number(trimmed);
    return checked(value, false, !hasDigit(trimmed));
  }
  const named = parseDecimal(trimmed);
  if (named === NAN) return Number.NaN;
  if (named === INFINITY) return Number.POSITIVE_INFINITY;
  return named === NEGATIVE_INFINITY ? Number.NEGATIVE_INFINITY : null;
}

/** Is any digit before the exponent not zero? */
function hasDigit(text: string): boolean {
  return /^[^eE]*[1-9]/.test(text);
}

/** Throws `rule.failed` when it is out of range. */
export function floatOfDecimal(value: Decimal, kind: FloatKind): number {
  if (!value.isFinite) return Number(decimalText(value));
  const number = Number(decimalText(value));
  return checked(kind === 'float32' ? Math.fround(number) : number, false, value.digits === 0n);
}

/** With 15 (`float32`: 6) significant digits, as PostgreSQL converts. */
export function decimalOfFloat(value: number, kind: FloatKind): Decimal {
  if (Number.isNaN(value)) return NAN;
  if (isInfinite(value)) return value > 0 ? INFINITY : NEGATIVE_INFINITY;
  const digits = DECIMAL_DIGITS[kind];
  return withoutTrailingZeros(parseDecimal(nearest(value, digits))!);
}

/** As toPrecision, but a tie goes to the even digit. */
function nearest(value: number, digits: number): string {
  return isTie(value.toPrecision(digits + 30), digits) ? towardsEven(value, digits) : value.toPrecision(digits);
}

function significant(text: string): string {
  return text.replace(/e.*$/, '').replace(/[-.]/g, '').replace(/^0+/, '');
}

function isTie(exact: string, digits: number): boolean {
  return /^50*$/.test(significant(exact).slice(digits));
}

/** toPrecision rounds a tie away from zero: when that made the last digit odd, the even one is just below. */
function towardsEven(value: number, digits: number): string {
  const up = value.toPrecision(digits);
  const last = Number(significant(up)[digits - 1]);
  if (last % 2 === 0) return up;
  const [mantissa, exponent] = value.toExponential(digits).split('e');
  return `${mantissa!.slice(0, -1)}e${exponent}`;
}

function withoutTrailingZeros(value: Decimal): Decimal {
  let { digits, scale } = value;
  while (scale > 0 && digits % 10n === 0n) {
    digits /= 10n;
    scale--;
  }
  return new Decimal(digits, scale);
}

/** Half to even. Throws `rule.failed` for NaN and infinities. */
export function integerOfFloat(value: number, type: string): bigint {
  if (!Number.isFinite(value)) return fail(`NaN and infinity cannot become ${type}`);
  const floor = Math.floor(value);
  const rest = value - floor;
  const up = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
  return BigInt(up ? floor + 1 : floor);
}
