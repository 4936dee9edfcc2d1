/** `= <> < <= > >=`, `between` and `is distinct from`. */
import type { Run } from '../row-image.ts';
import type { Cell, Present } from '../values/cell.ts';
import { compareDecimals } from '../values/decimal.ts';
import { compareFloats } from '../values/float.ts';
import { compareTemporal, type TemporalKind } from '../values/temporal.ts';
import { compareBytes, compareText, trimPadding } from '../values/text.ts';
import { isNumber, meetingKind } from './arithmetic.ts';
import type { ComparisonOperator, NodeOf, Span } from './ast.ts';
import type { Binder } from './binder.ts';
import { type Bound, isUnresolved, isUntyped, strict2, unresolved } from './bound.ts';
import { coerce } from './coerce.ts';
import { conversion } from './conversion.ts';
import { BOOL, nameOf, TEXT, type Type, type TypeKind, typeOf } from './types.ts';

/** Two operands that can be compared, and how. */
export interface Comparable {
  readonly left: Bound;
  readonly right: Bound;
  readonly compare: (x: never, y: never) => number;
  /** JavaScript's own operators do the same. */
  readonly isPlain: boolean;
}

const plain = (x: string | number | bigint | boolean, y: typeof x) => (x < y ? -1 : x > y ? 1 : 0);
const temporal = (kind: TemporalKind) => (x: string, y: string) => compareTemporal(x, y, kind);

const COMPARE: Partial<Record<TypeKind, Comparable['compare']>> = {
  bool: plain,
  int16: plain,
  int32: plain,
  int64: plain,
  decimal: compareDecimals,
  float32: compareFloats,
  float64: compareFloats,
  text: compareText,
  bytes: compareBytes,
  date: temporal('date'),
  time: temporal('time'),
  timestamp: temporal('timestamp'),
  timestamptz: temporal('timestamptz'),
  // Lower-case hexadecimal: sorts as the bytes do.
  uuid: plain,
};

const PLAIN_KINDS: readonly TypeKind[] = ['bool', 'int16', 'int32', 'int64', 'uuid'];

/** Brings both to one type. Null when they cannot be compared (reported) or one is not known. */
export function comparable(binder: Binder, left: Bound, right: Bound, place: Span): Comparable | null {
  if (isUnresolved(left) || isUnresolved(right)) return null;
  const pair = met(binder, left, right);
  if (pair === null) return mismatch(binder, left, right, place);
  const [x, y] = pair;
  if (isUnresolved(x) || isUnresolved(y)) return null;
  const { kind, enum: labels } = x.type;
  const compare = kind === 'enum' ? enumOrder(labels) : COMPARE[kind];
  if (compare === undefined) return mismatch(binder, left, right, place);
  return { left: x, right: y, compare, isPlain: PLAIN_KINDS.includes(kind) };
}

function mismatch(binder: Binder, left: Bound, right: Bound, place: Span): null {
  const [a, b] = [left.type, right.type];
  const message =
    a.kind === b.kind && a.native === b.native
      ? `values of type ${nameOf(a)} cannot be compared`
      : `${nameOf(a)} and ${nameOf(b)} cannot be compared`;
  binder.problem(place, 'type-mismatch', message, castFix(a, b));
  return null;
}

function castFix(a: Type, b: Type): string | undefined {
  if (a.kind === b.kind) return undefined;
  if (conversion(a, b) !== null && b.kind !== 'text') return `write cast(… as ${b.native}) on the left`;
  if (conversion(b, a) !== null) return `write cast(… as ${a.native}) on the right`;
  return undefined;
}

function met(binder: Binder, left: Bound, right: Bound): readonly [Bound, Bound] | null {
  if (isUntyped(left) && isUntyped(right)) return both(binder, left, right, TEXT);
  if (isUntyped(left)) return meeting(coerce(binder, left, right.type), right);
  if (isUntyped(right)) return meeting(left, coerce(binder, right, left.type));
  const a = left.type.kind;
  const b = right.type.kind;
  if (isNumber(a) && isNumber(b)) return both(binder, left, right, typeOf(meetingKind(a, b)));
  if (a === 'text' && b === 'text') return meeting(left, right);
  if (conversion(left.type, right.type)?.implicit === true) return both(binder, left, right, right.type);
  return conversion(right.type, left.type)?.implicit === true ? both(binder, left, right, left.type) : null;
}

function both(binder: Binder, left: Bound, right: Bound, type: Type): readonly [Bound, Bound] | null {
  const [x, y] = [coerce(binder, left, type), coerce(binder, right, type)];
  return x === null || y === null ? null : [x, y];
}

/**
 * Blanks that pad `character(n)` do not count, nor those at the end of a `character varying` that it is compared with; those
 * of `text` do.
 */
function meeting(left: Bound | null, right: Bound | null): readonly [Bound, Bound] | null {
  if (left === null || right === null) return null;
  const isText = left.type.native === 'text' || right.type.native === 'text';
  const isPadded = left.type.padded === true || right.type.padded === true;
  if (isPadded && !isText) return [trimmed(left), trimmed(right)];
  return [unpadded(left), unpadded(right)];
}

function unpadded(operand: Bound): Bound {
  return operand.type.padded ? trimmed(operand) : operand;
}

function trimmed(operand: Bound): Bound {
  const { run } = operand;
  const trim: Run = (row) => {
    const value = run(row);
    return typeof value === 'string' ? trimPadding(value) : value;
  };
  return { ...operand, type: TEXT, run: trim };
}

/** Labels in their order of declaration. */
function enumOrder(labels: readonly string[] | undefined): Comparable['compare'] | undefined {
  if (labels === undefined) return undefined;
  const order = new Map(labels.map((label, index) => [label, index]));
  return ((x: string, y: string) => (order.get(x) ?? -1) - (order.get(y) ?? -1)) as Comparable['compare'];
}

type Test = (x: Present, y: Present) => boolean;

const ON_ORDER: Readonly<Record<ComparisonOperator, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

const PLAIN: Readonly<Record<ComparisonOperator, Test>> = {
  '=': (x, y) => x === y,
  '<>': (x, y) => x !== y,
  '<': (x, y) => x < y,
  '<=': (x, y) => x <= y,
  '>': (x, y) => x > y,
  '>=': (x, y) => x >= y,
};

function testOf(operator: ComparisonOperator, { compare, isPlain, left }: Comparable): Test {
  const isEquality = operator === '=' || operator === '<>';
  if (isPlain || (isEquality && left.type.kind === 'text')) return PLAIN[operator];
  const decide = ON_ORDER[operator];
  const order = compare as (x: Present, y: Present) => number;
  return (x, y) => decide(order(x, y));
}

/** `left operator right` as a value: true, false, NULL. */
export function compared(binder: Binder, operator: ComparisonOperator, left: Bound, right: Bound, place: Span): Bound {
  const pair = comparable(binder, left, right, place);
  if (pair === null) return { ...unresolved(place), type: BOOL };
  const { left: x, right: y } = pair;
  return binder.strict(place, BOOL, [x, y], strict2(x, y, testOf(operator, pair)));
}

export function bindComparison(binder: Binder, node: NodeOf<'comparison'>): Bound {
  return compared(binder, node.operator, binder.bind(node.left), binder.bind(node.right), node);
}

export function bindBetween(binder: Binder, node: NodeOf<'between'>): Bound {
  const operand = binder.bind(node.operand);
  const low = compared(binder, '>=', operand, binder.bind(node.low), node);
  const high = compared(binder, '<=', operand, binder.bind(node.high), node);
  const run: Run = (row) => {
    const above = low.run(row);
    return above === false ? false : both3(above, high.run(row));
  };
  const negated: Run = (row) => not3(run(row));
  return binder.made(node, BOOL, [low, high], node.negated ? negated : run, low.nullable || high.nullable);
}

/** `and` of two values in three-valued logic; undefined ("not sent") gives way to false only. */
export function both3(x: Cell, y: Cell): Cell {
  if (x === false || y === false) return false;
  if (x === undefined || y === undefined) return undefined;
  return x === null || y === null ? null : true;
}

export function not3(x: Cell): Cell {
  return typeof x === 'boolean' ? !x : x;
}

/** Like `<>`, but NULL is a value equal to itself. */
export function bindDistinct(binder: Binder, node: NodeOf<'distinct'>): Bound {
  const pair = comparable(binder, binder.bind(node.left), binder.bind(node.right), node);
  if (pair === null) return { ...unresolved(node), type: BOOL };
  const differ = testOf('<>', pair);
  const { left, right } = pair;
  const run: Run = (row) => {
    const x = left.run(row);
    const y = right.run(row);
    if (x === undefined || y === undefined) return undefined;
    const isDistinct = x === null || y === null ? x !== y : differ(x, y);
    return node.negated ? !isDistinct : isDistinct;
  };
  return binder.made(node, BOOL, [left, right], run, false);
}
