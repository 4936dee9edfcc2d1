/** `array[…]`, `a[i]`, `x = any(a)`. Arrays hold what `Row.get` gives; their elements are read one by one. */
import type { Value } from '../../contracts/row.ts';
import type { Run } from '../row-image.ts';
import { type Cell, codecOf } from '../values/cell.ts';
import type { NodeOf } from './ast.ts';
import type { Binder } from './binder.ts';
import { type Bound, isUnresolved, isUntyped, strict2, unresolved } from './bound.ts';
import { coerce, demand, unify } from './coerce.ts';
import { compared } from './comparison.ts';
import { arrayOf, BOOL, elementOf, isMadeKind, nameOf, type Type, typeOf } from './types.ts';

/** An array that expressions can look into, and the type of its elements; anything else is reported. */
export function arrayOperand(
  binder: Binder,
  operand: Bound,
  what: string,
): { readonly array: Bound; readonly element: Type } | null {
  if (isUnresolved(operand)) return null;
  const element = elementOf(operand.type);
  if (element !== null) return { array: operand, element };
  binder.problem(operand.place, 'type-mismatch', `${what} needs an array, this is ${nameOf(operand.type)}`);
  return null;
}

/** Elements as values of expressions. */
export function elementReader({ kind }: Type): (item: Value) => Cell {
  const { read } = codecOf(kind as 'text');
  return (item) => (item === null ? null : read(item as NonNullable<Value>));
}

export function bindArray(binder: Binder, node: NodeOf<'array'>): Bound {
  const items = unify(
    binder,
    node.items.map((item) => binder.bind(item)),
    '"array"',
  );
  if (items === null || items.some(isUnresolved)) return unresolved(node);
  const [first] = items;
  if (first === undefined) {
    return binder.problem(node, 'type-mismatch', 'an empty array has no type', `write cast('{}' as text[])`);
  }
  if (!isMadeKind(first.type.kind)) {
    return binder.problem(node, 'type-mismatch', `there are no arrays of ${nameOf(first.type)} here`);
  }
  const { value } = codecOf(first.type.kind);
  const runs = items.map(({ run }) => run);
  const run: Run = (row) => {
    const cells = runs.map((next) => next(row));
    return cells.includes(undefined) ? undefined : cells.map((cell) => (cell == null ? null : value(cell)));
  };
  return binder.made(node, arrayOf(typeOf(first.type.kind)), items, run, false);
}

/** From 1; NULL outside the array. */
export function bindSubscript(binder: Binder, node: NodeOf<'subscript'>): Bound {
  const operand = arrayOperand(binder, binder.bind(node.operand), '"[…]"');
  const index = demand(binder, binder.bind(node.index), typeOf('int32'), '"[…]"');
  if (operand === null || isUnresolved(index)) return unresolved(node);
  const { array, element } = operand;
  const read = elementReader(element);
  const run = strict2(array, index, (items: readonly Value[], at: number) => {
    const item = items[at - 1];
    return item === undefined || Array.isArray(item) ? null : read(item);
  });
  return { ...binder.strict(node, element, [array, index], run), nullable: true };
}

/** `any`: like `or` over the elements; `all`: like `and`. */
export function bindAny(binder: Binder, node: NodeOf<'any'>): Bound {
  const value = binder.bind(node.operand);
  const given = binder.bind(node.array);
  const isLiteral = isUntyped(given) && isMadeKind(value.type.kind);
  const list = isLiteral ? (coerce(binder, given, arrayOf(typeOf(value.type.kind as 'text'))) ?? given) : given;
  const operand = arrayOperand(binder, list, `"${node.all ? 'all' : 'any'}"`);
  if (operand === null || isUnresolved(value)) return { ...unresolved(node), type: BOOL };
  const { array, element } = operand;
  let left: Cell = null;
  let current: Cell = null;
  const once: Bound = { ...value, run: () => left };
  const item: Bound = { type: element, run: () => current, constant: false, place: node, nullable: true };
  const test = compared(binder, node.operator, value.constant ? value : once, item, node);
  if (isUnresolved(test)) return { ...unresolved(node), type: BOOL };
  const read = elementReader(element);
  const decides = !node.all;
  const run: Run = (row) => {
    left = value.run(row);
    const items = array.run(row);
    if (items === null || items === undefined) return items;
    let result: Cell = node.all;
    for (const one of (items as readonly Value[]).flat(Number.POSITIVE_INFINITY as 1) as Value[]) {
      current = read(one);
      const verdict = test.run(row);
      if (verdict === decides) return decides;
      if (verdict === undefined || result === undefined) result = undefined;
      else if (verdict === null) result = null;
    }
    return result;
  };
  return binder.made(node, BOOL, [value, array], run);
}
