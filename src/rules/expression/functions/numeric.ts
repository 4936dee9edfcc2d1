/** Functions of numbers. */
import { fail } from '../../fail.ts';
import type { Cell, Present } from '../../values/cell.ts';
import {
  compareDecimals,
  Decimal,
  decimalOfInteger,
  NAN,
  negate,
  powerOfTen,
  remainder,
  roundTo,
} from '../../values/decimal.ts';
import { toInt16, toInt32, toInt64 } from '../../values/integer.ts';
import type { FunctionEntry } from '../functions.ts';
import { bindOverload, type Overload, overload } from '../overloads.ts';
import { DECIMAL, nameOf, typeOf } from '../types.ts';

const [SMALLINT, INTEGER, BIGINT] = [typeOf('int16'), typeOf('int32'), typeOf('int64')];
const [REAL, DOUBLE] = [typeOf('float32'), typeOf('float64')];
const ZERO = decimalOfInteger(0);
/** Digits that `numeric` can have before and after the point. */
const [MOST_BEFORE, MOST_AFTER] = [131_073, 16_383];

/** Toward zero. @param scale may be negative */
function truncateTo(value: Decimal, scale: number): Decimal {
  if (value.scale < 0) return value;
  const places = value.scale - scale;
  if (places <= 0) return new Decimal(value.digits * powerOfTen(-places), scale);
  const digits = value.digits / powerOfTen(places);
  return scale >= 0 ? new Decimal(digits, scale) : new Decimal(digits * powerOfTen(-scale), 0);
}

function floor(value: Decimal): Decimal {
  if (value.scale < 0) return value;
  const whole = truncateTo(value, 0);
  return value.digits < 0n && compareDecimals(whole, value) !== 0 ? new Decimal(whole.digits - 1n, 0) : whole;
}

const ceil = (value: Decimal) => negate(floor(negate(value)));

function sign(value: Decimal): Decimal {
  return value === NAN ? NAN : decimalOfInteger(compareDecimals(value, ZERO));
}

function quotient(x: Decimal, y: Decimal): Decimal {
  if (y.scale >= 0 && y.digits === 0n && x !== NAN) return fail('division by zero');
  if (x === NAN || y === NAN || (x.scale < 0 && y.scale < 0)) return NAN;
  if (x.scale < 0) return compareDecimals(y, ZERO) < 0 ? negate(x) : x;
  if (y.scale < 0) return ZERO;
  const scale = Math.max(x.scale, y.scale);
  return new Decimal((x.digits * powerOfTen(scale - x.scale)) / (y.digits * powerOfTen(scale - y.scale)), 0);
}

/** Half to even. */
function roundFloat(value: number): number {
  const lower = Math.floor(value);
  const rest = value - lower;
  if (!Number.isFinite(value) || rest === 0) return value;
  const rounded = rest > 0.5 || (rest === 0.5 && lower % 2 !== 0) ? lower + 1 : lower;
  return rounded === 0 && value < 0 ? -0 : rounded;
}

function signOf(value: number): number {
  if (value === 0 || Number.isNaN(value)) return 0;
  return Math.sign(value);
}

const places = (count: number) => Math.min(Math.max(count, -MOST_BEFORE), MOST_AFTER);
const whole = (value: Decimal, round: (value: Decimal, scale: number) => Decimal) =>
  value.scale < 0 ? value : round(value, 0);
const to = (round: (value: Decimal, scale: number) => Decimal) => (value: Decimal, count: number) =>
  value.scale < 0 ? value : round(value, places(count));

function one(name: string, usage: string, summary: string, overloads: readonly Overload[]): FunctionEntry {
  return { name, usage: [usage], summary, minArgs: 1, maxArgs: 1, overloads };
}

function rounding(
  name: string,
  summary: string,
  exact: (x: Decimal) => Cell,
  float: (x: number) => Cell,
): FunctionEntry {
  return one(name, `${name}(number)`, summary, [
    overload([DECIMAL], DECIMAL, exact),
    overload([DOUBLE], DOUBLE, float),
  ]);
}

function withPlaces(
  name: string,
  summary: string,
  round: (value: Decimal, scale: number) => Decimal,
  float: (x: number) => Cell,
): FunctionEntry {
  return {
    name,
    usage: [`${name}(number)`, `${name}(numeric, places)`],
    summary,
    minArgs: 1,
    maxArgs: 2,
    overloads: [
      overload([DECIMAL], DECIMAL, (value: Decimal) => whole(value, round)),
      overload([DOUBLE], DOUBLE, float),
      overload([DECIMAL, INTEGER], DECIMAL, to(round)),
    ],
  };
}

function modulo<T extends Present>(apply: (x: T, y: T) => Cell, isZero: (y: T) => boolean): (x: T, y: T) => Cell {
  return (x, y) => (isZero(y) ? fail('division by zero') : apply(x, y));
}

function two(name: string, usage: string, summary: string, overloads: readonly Overload[]): FunctionEntry {
  return { name, usage: [usage], summary, minArgs: 2, maxArgs: 2, overloads };
}

/** PostgreSQL computes these of a `numeric` to more digits than a float has: there must be a cast. */
function ofFloats(entry: FunctionEntry): FunctionEntry {
  const bind: FunctionEntry['bind'] = (binder, node, args) => {
    const exact = args.find(({ type }) => type.kind === 'decimal');
    if (exact === undefined) return bindOverload(binder, node, entry, args);
    const message = `${entry.name} needs double precision, this is ${nameOf(exact.type)}`;
    return binder.problem(exact.place, 'type-mismatch', message, 'write cast(… as double precision)');
  };
  return { ...entry, bind };
}

function squareRoot(x: number): number {
  return x < 0 ? fail('the square root of a negative number') : Math.sqrt(x);
}

function logarithm(of: (x: number) => number): (x: number) => number {
  return (x) => (x <= 0 ? fail('the logarithm of a number that is not positive') : of(x));
}

/** Throws when it is too large or too small for a float. @param from what it was computed of */
function inFloat(result: number, ...from: readonly number[]): number {
  if (!from.every(Number.isFinite)) return result;
  return Number.isFinite(result) && result !== 0 ? result : fail('value out of range: overflow or underflow');
}

/** 1 to any power, and anything to the power of 0, is 1, NaN included. */
function power(x: number, y: number): number {
  if (x === 1 || y === 0) return 1;
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
  if (x === 0 && y < 0) return fail('zero to a negative power');
  if (x < 0 && Number.isFinite(x) && Number.isFinite(y) && !Number.isInteger(y)) {
    return fail('a negative number to a power that is not whole');
  }
  // IEEE 754 says 1 where JavaScript says NaN.
  if (x === -1 && !Number.isFinite(y)) return 1;
  return x === 0 ? x ** y : inFloat(x ** y, x, y);
}

function gcd(x: bigint, y: bigint): bigint {
  let [a, b] = [x < 0n ? -x : x, y < 0n ? -y : y];
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

function lcm(x: bigint, y: bigint): bigint {
  if (x === 0n || y === 0n) return 0n;
  const product = (x / gcd(x, y)) * y;
  return product < 0n ? -product : product;
}

function common(of: (x: bigint, y: bigint) => bigint): readonly Overload[] {
  return [
    overload([INTEGER, INTEGER], INTEGER, (x: number, y: number) => toInt32(Number(of(BigInt(x), BigInt(y))))),
    overload([BIGINT, BIGINT], BIGINT, (x: bigint, y: bigint) => toInt64(of(x, y))),
  ];
}

export const numericFunctions: readonly FunctionEntry[] = [
  one('abs', 'abs(number)', 'Without its sign.', [
    overload([SMALLINT], SMALLINT, (x: number) => toInt16(Math.abs(x))),
    overload([INTEGER], INTEGER, (x: number) => toInt32(Math.abs(x))),
    overload([BIGINT], BIGINT, (x: bigint) => toInt64(x < 0n ? -x : x)),
    overload([DECIMAL], DECIMAL, (x: Decimal) => (compareDecimals(x, ZERO) < 0 ? negate(x) : x)),
    overload([REAL], REAL, (x: number) => Math.abs(x)),
    overload([DOUBLE], DOUBLE, (x: number) => Math.abs(x)),
  ]),
  rounding('ceil', 'The next whole number upwards.', ceil, Math.ceil),
  rounding('ceiling', 'As `ceil`.', ceil, Math.ceil),
  rounding('floor', 'The next whole number downwards.', floor, Math.floor),
  rounding('sign', '-1, 0 or 1.', sign, signOf),
  withPlaces(
    'round',
    'To whole numbers or to digits after the point: a half of a `numeric` away from zero, of a float to the even number.',
    roundTo,
    roundFloat,
  ),
  withPlaces('trunc', 'Toward zero, to whole numbers or to digits after the point.', truncateTo, Math.trunc),
  {
    name: 'mod',
    usage: ['mod(x, y)'],
    summary: 'As `x % y`.',
    minArgs: 2,
    maxArgs: 2,
    overloads: [
      overload(
        [SMALLINT, SMALLINT],
        SMALLINT,
        modulo(
          (x: number, y: number) => (x % y) + 0,
          (y) => y === 0,
        ),
      ),
      overload(
        [INTEGER, INTEGER],
        INTEGER,
        modulo(
          (x: number, y: number) => (x % y) + 0,
          (y) => y === 0,
        ),
      ),
      overload(
        [BIGINT, BIGINT],
        BIGINT,
        modulo(
          (x: bigint, y: bigint) => x % y,
          (y) => y === 0n,
        ),
      ),
      overload([DECIMAL, DECIMAL], DECIMAL, remainder),
    ],
  },
  {
    name: 'div',
    usage: ['div(numeric, numeric)'],
    summary: 'The quotient without its digits after the point.',
    minArgs: 2,
    maxArgs: 2,
    overloads: [overload([DECIMAL, DECIMAL], DECIMAL, quotient)],
  },
  ...[
    one('sqrt', 'sqrt(double precision)', 'Square root.', [overload([DOUBLE], DOUBLE, squareRoot)]),
    one('cbrt', 'cbrt(double precision)', 'Cube root.', [overload([DOUBLE], DOUBLE, Math.cbrt)]),
    one('exp', 'exp(double precision)', 'e to this power.', [
      overload([DOUBLE], DOUBLE, (x: number) => inFloat(Math.exp(x), x)),
    ]),
    one('ln', 'ln(double precision)', 'Natural logarithm.', [overload([DOUBLE], DOUBLE, logarithm(Math.log))]),
    one('log', 'log(double precision)', 'Logarithm to the base 10.', [
      overload([DOUBLE], DOUBLE, logarithm(Math.log10)),
    ]),
    one('log10', 'log10(double precision)', 'As `log`.', [overload([DOUBLE], DOUBLE, logarithm(Math.log10))]),
    two('power', 'power(double precision, double precision)', 'The first to the power of the second.', [
      overload([DOUBLE, DOUBLE], DOUBLE, power),
    ]),
  ].map(ofFloats),
  two('gcd', 'gcd(x, y)', 'Greatest common divisor.', common(gcd)),
  two('lcm', 'lcm(x, y)', 'Least common multiple.', common(lcm)),
];
