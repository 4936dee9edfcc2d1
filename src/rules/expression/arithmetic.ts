/** `+ - * / %` and the sign. Types as PostgreSQL's, except that whole numbers divide exactly. */

import { fail } from '../fail.ts';
import type { Cell, Present } from '../values/cell.ts';
import { add, type Decimal, divide, multiply, negate, remainder, subtract } from '../values/decimal.ts';
import { floatOperations } from '../values/float.ts';
import { toInt16, toInt32, toInt64 } from '../values/integer.ts';
import type { ArithmeticOperator, NodeOf } from './ast.ts';
import type { Binder } from './binder.ts';
import { type Bound, isUnresolved, isUntyped, strict1, strict2, unresolved } from './bound.ts';
import { coerce } from './coerce.ts';
import { addDays, daysBetween } from './functions/time.ts';
import { nameOf, type TypeKind, typeOf } from './types.ts';

/** What an operation is done in. */
export type NumberKind = 'int16' | 'int32' | 'int64' | 'decimal' | 'float32' | 'float64';

type Operation = (x: Present, y: Present) => Cell;
type Operations = Partial<Record<ArithmeticOperator, Operation>>;

const number = (apply: (x: number, y: number) => number) => apply as unknown as Operation;
const bigint = (apply: (x: bigint, y: bigint) => bigint) => apply as unknown as Operation;
const decimal = (apply: (x: Decimal, y: Decimal) => Decimal) => apply as unknown as Operation;

function smallIntegers(fit: (value: number) => number): Operations {
  return {
    '+': number((x, y) => fit(x + y)),
    '-': number((x, y) => fit(x - y)),
    // A product beyond 2^53 is not exact, but then it is out of range by far.
    '*': number((x, y) => fit(x * y)),
    '%': number((x, y) => (y === 0 ? fail('division by zero') : fit(x % y))),
  };
}

function floats(round: (x: number) => number): Operations {
  const operations = floatOperations(round);
  return {
    '+': number(operations.add),
    '-': number(operations.subtract),
    '*': number(operations.multiply),
    '/': number(operations.divide),
  };
}

const OPERATIONS: Readonly<Record<NumberKind, Operations>> = {
  int16: smallIntegers(toInt16),
  int32: smallIntegers(toInt32),
  int64: {
    '+': bigint((x, y) => toInt64(x + y)),
    '-': bigint((x, y) => toInt64(x - y)),
    '*': bigint((x, y) => toInt64(x * y)),
    '%': bigint((x, y) => (y === 0n ? fail('division by zero') : x % y)),
  },
  decimal: {
    '+': decimal(add),
    '-': decimal(subtract),
    '*': decimal(multiply),
    '/': decimal(divide),
    '%': decimal(remainder),
  },
  float32: floats(Math.fround),
  float64: floats((x) => x),
};

const NEGATE: Readonly<Record<NumberKind, (x: Present) => Cell>> = {
  int16: (x) => toInt16(-(x as number)),
  int32: (x) => toInt32(-(x as number)),
  int64: (x) => toInt64(-(x as bigint)),
  decimal: (x) => negate(x as Decimal),
  float32: (x) => -(x as number),
  float64: (x) => -(x as number),
};

const INTEGERS: readonly TypeKind[] = ['int16', 'int32', 'int64'];

export function isNumber(kind: TypeKind): kind is NumberKind {
  return Object.hasOwn(OPERATIONS, kind);
}

/**
 * The kind in which two numbers meet: the wider of two integers, `decimal` for an integer and a decimal; with a float of any
 * size `float64`, only two `float32` stay what they are.
 */
export function meetingKind(a: NumberKind, b: NumberKind): NumberKind {
  if (a === b) return a;
  if (a.startsWith('float') || b.startsWith('float')) return 'float64';
  if (a === 'decimal' || b === 'decimal') return 'decimal';
  return a === 'int64' || b === 'int64' ? 'int64' : 'int32';
}

export function bindArithmetic(binder: Binder, node: NodeOf<'arithmetic'>): Bound {
  const { operator } = node;
  const operands = sameLiteralType(binder, binder.bind(node.left), binder.bind(node.right));
  const days = bindDays(binder, node, operands);
  if (days !== null) return days;
  for (const operand of operands) {
    if (isUnresolved(operand) || isNumber(operand.type.kind)) continue;
    const message = `"${operator}" needs numbers, this is ${nameOf(operand.type)}`;
    return binder.problem(operand.place, 'type-mismatch', message, hint(operand, operator));
  }
  if (operands.some(isUnresolved)) return unresolved(node);
  const [left, right] = operands;
  const meeting = meetingKind(left.type.kind as NumberKind, right.type.kind as NumberKind);
  const kind = operator === '/' && INTEGERS.includes(meeting) ? 'decimal' : meeting;
  const apply = OPERATIONS[kind][operator];
  if (apply === undefined) {
    const message = `"%" is not defined for ${typeOf(kind).native}`;
    return binder.problem(node, 'type-mismatch', message, 'write cast(… as numeric)');
  }
  const x = coerce(binder, left, typeOf(kind));
  const y = coerce(binder, right, typeOf(kind));
  if (x === null || y === null || isUnresolved(x) || isUnresolved(y)) return unresolved(node);
  return binder.strict(node, typeOf(kind), [x, y], strict2(x, y, apply));
}

const DATE = typeOf('date');
const INTEGER = typeOf('int32');

/** `date + n`, `n + date`, `date - n`, `date - date`; null for others. */
function bindDays(binder: Binder, node: NodeOf<'arithmetic'>, operands: readonly [Bound, Bound]): Bound | null {
  const { operator } = node;
  const isDate = ({ type }: Bound) => type.kind === 'date';
  const isCount = ({ type }: Bound) => type.kind === 'int32' || type.kind === 'int16';
  const [left, right] = operands;
  if (operator === '-' && isDate(left) && isDate(right)) {
    return binder.strict(node, INTEGER, operands, strict2(left, right, daysBetween));
  }
  if ((operator === '+' || operator === '-') && isDate(left) && isCount(right)) {
    const sign = operator === '+' ? 1 : -1;
    return binder.strict(
      node,
      DATE,
      operands,
      strict2(left, right, (date: string, count: number) => addDays(date, sign * count)),
    );
  }
  if (operator !== '+' || !isCount(left) || !isDate(right)) return null;
  return binder.strict(
    node,
    DATE,
    operands,
    strict2(left, right, (count: number, date: string) => addDays(date, count)),
  );
}

/** A text literal takes the type of the other operand: `price + '1.50'`. */
function sameLiteralType(binder: Binder, left: Bound, right: Bound): readonly [Bound, Bound] {
  if (isUntyped(left) && !isUntyped(right)) return [coerce(binder, left, right.type) ?? left, right];
  if (isUntyped(right) && !isUntyped(left)) return [left, coerce(binder, right, left.type) ?? right];
  return [left, right];
}

function hint(operand: Bound, operator: ArithmeticOperator): string | undefined {
  if (operand.type.kind !== 'text' && !isUntyped(operand)) return undefined;
  return operator === '+'
    ? 'text is joined with ||; a number in a text is read with cast(… as numeric)'
    : 'a number in a text is read with cast(… as numeric)';
}

export function bindSign(binder: Binder, node: NodeOf<'sign'>): Bound {
  const operand = binder.bind(node.operand);
  if (isUnresolved(operand)) return operand;
  const { kind } = operand.type;
  if (!isNumber(kind)) {
    const message = `"${node.operator}" needs a number, this is ${nameOf(operand.type)}`;
    return binder.problem(operand.place, 'type-mismatch', message);
  }
  const run = node.operator === '+' ? operand.run : strict1(operand, NEGATE[kind]);
  return binder.strict(node, typeOf(kind), [operand], run);
}
