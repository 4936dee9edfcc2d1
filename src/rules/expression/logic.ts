/** `and or not` and `is null, true, false, unknown`, in SQL's three-valued logic. */
import type { Run } from '../row-image.ts';
import type { Cell } from '../values/cell.ts';
import type { Node, NodeOf } from './ast.ts';
import type { Binder } from './binder.ts';
import { type Bound, isUnresolved, isUntyped, NO_ROW } from './bound.ts';
import { coerce } from './coerce.ts';
import { both3, not3 } from './comparison.ts';
import { BOOL, nameOf } from './types.ts';

/** The operand as a condition; one of another type is reported. */
export function condition(binder: Binder, node: Node, what: string): Bound {
  return asCondition(binder, binder.bind(node), what);
}

export function asCondition(binder: Binder, operand: Bound, what: string): Bound {
  if (isUntyped(operand)) return coerce(binder, operand, BOOL) ?? operand;
  if (isUnresolved(operand) || operand.type.kind === 'bool') return operand;
  const message = `${what} needs a condition, this is ${nameOf(operand.type)}`;
  return binder.problem(operand.place, 'type-mismatch', message, 'compare it with something, for example … = 1');
}

export function bindNot(binder: Binder, node: NodeOf<'not'>): Bound {
  const operand = condition(binder, node.operand, '"not"');
  return binder.made(node, BOOL, [operand], (row) => not3(operand.run(row)), operand.nullable);
}

/** From left to right; what comes after the deciding operand is not computed. One written into the text decides at once. */
export function bindList(binder: Binder, node: NodeOf<'and' | 'or'>): Bound {
  const { kind } = node;
  const operands = node.operands.map((operand) => condition(binder, operand, `"${kind}"`));
  const deciding = operands.find((operand) => operand.constant && operand.run(NO_ROW) === (kind === 'or'));
  if (deciding !== undefined) return { ...deciding, place: node };
  const runs = operands.map(({ run }) => run);
  const nullable = operands.some((operand) => operand.nullable);
  return binder.made(node, BOOL, operands, kind === 'and' ? allOf(runs) : anyOf(runs), nullable);
}

function allOf(runs: readonly Run[]): Run {
  return (row) => {
    let result: Cell = true;
    for (const run of runs) {
      const value = run(row);
      if (value === false) return false;
      if (value !== true) result = both3(result, value);
    }
    return result;
  };
}

function anyOf(runs: readonly Run[]): Run {
  return (row) => {
    let result: Cell = false;
    for (const run of runs) {
      const value = run(row);
      if (value === true) return true;
      // `or` is `and` of the opposites.
      if (value !== false) result = not3(both3(not3(result), not3(value)));
    }
    return result;
  };
}

export function bindIs(binder: Binder, node: NodeOf<'is'>): Bound {
  const { what, negated } = node;
  const operand = what === 'null' ? binder.bind(node.operand) : condition(binder, node.operand, `"is ${what}"`);
  const wanted = what === 'true' ? true : what === 'false' ? false : null;
  const run: Run = (row) => {
    const value = operand.run(row);
    // What was not sent may be NULL or not.
    return value === undefined ? undefined : (value === wanted) !== negated;
  };
  return binder.made(node, BOOL, [operand], run, false);
}
