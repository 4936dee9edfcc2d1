/** `in` and `case`. */
import type { Run } from '../row-image.ts';
import type { Cell } from '../values/cell.ts';
import type { NodeOf, Span } from './ast.ts';
import type { Binder } from './binder.ts';
import { type Bound, constant, isUnresolved, NO_ROW, unresolved } from './bound.ts';
import { unify } from './coerce.ts';
import { compared, not3 } from './comparison.ts';
import { condition } from './logic.ts';
import { BOOL, UNTYPED } from './types.ts';

/**
 * Several values that are the same for every row are compared first and as one list, all in one type; then the others, each
 * as with `=`.
 */
export function bindIn(binder: Binder, node: NodeOf<'in'>): Bound {
  const operand = binder.bind(node.operand);
  const items = node.items.map((item) => binder.bind(item));
  const fixed = items.filter((item) => item.constant);
  const tests: Bound[] = [];
  if (fixed.length > 1) {
    const unified = unify(binder, [operand, ...fixed], '"in"');
    if (unified === null) return { ...unresolved(node), type: BOOL };
    const [first, ...rest] = unified;
    tests.push(...rest.map((item) => compared(binder, '=', first!, item, item.place)));
  }
  const others = fixed.length > 1 ? items.filter((item) => !item.constant) : items;
  tests.push(...others.map((item) => compared(binder, '=', operand, item, item.place)));
  const run = anyEqual(tests.map((test) => test.run));
  return binder.made(node, BOOL, tests, node.negated ? (row) => not3(run(row)) : run);
}

function anyEqual(runs: readonly Run[]): Run {
  return (row) => {
    let result: Cell = false;
    for (const run of runs) {
      const value = run(row);
      if (value === true) return true;
      if (value === undefined || result === undefined) result = undefined;
      else if (value === null) result = null;
    }
    return result;
  };
}

export function bindCase(binder: Binder, node: NodeOf<'case'>): Bound {
  const subject = node.operand === null ? null : binder.bind(node.operand);
  const conditions = node.branches.map(({ when }) =>
    subject === null ? condition(binder, when, '"when"') : compared(binder, '=', subject, binder.bind(when), when),
  );
  const otherwise = node.otherwise === null ? constant(node, UNTYPED, null) : binder.bind(node.otherwise);
  // The type of `else` counts first.
  const results = unify(binder, [otherwise, ...node.branches.map(({ result }) => binder.bind(result))], '"case"');
  if (results === null) return unresolved(node);
  if (results.some(isUnresolved)) return unresolved(node);
  const [first, ...rest] = results;
  return choice(
    binder,
    node,
    first!,
    conditions.map((when, i) => ({ when, result: rest[i]! })),
  );
}

interface Branch {
  readonly when: Bound;
  readonly result: Bound;
}

/** Branches that can never be taken are left out, whatever they hold. */
function choice(binder: Binder, place: Span, otherwise: Bound, branches: readonly Branch[]): Bound {
  const possible = branches.filter(({ when }) => !when.constant || when.run(NO_ROW) === true);
  const sure = possible.findIndex(({ when }) => when.constant);
  const taken = sure < 0 ? possible : possible.slice(0, sure);
  const last = sure < 0 ? otherwise : possible[sure]!.result;
  if (taken.length === 0) return last;
  const results = [last, ...taken.map(({ result }) => result)];
  const conditions = taken.map(({ when }) => when);
  const run = firstTrue(
    conditions.map((when) => when.run),
    results.map((result) => result.run),
  );
  return binder.made(
    place,
    last.type,
    [...conditions, ...results],
    run,
    results.some((result) => result.nullable),
  );
}

/** The first result is that of `else`. */
function firstTrue(conditions: readonly Run[], results: readonly Run[]): Run {
  return (row) => {
    for (let i = 0; i < conditions.length; i++) {
      const met = conditions[i]!(row);
      if (met === true) return results[i + 1]!(row);
      if (met === undefined) return undefined;
    }
    return results[0]!(row);
  };
}
