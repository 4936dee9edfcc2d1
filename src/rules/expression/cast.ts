/** `cast(x as t)` and `x::t`. */
import type { NodeOf } from './ast.ts';
import type { Binder } from './binder.ts';
import { type Bound, isUnresolved, isUntyped, strict1, unresolved } from './bound.ts';
import { castTo } from './conversion.ts';
import { isProblem, resolveType } from './type-names.ts';
import { nameOf, TEXT } from './types.ts';

export function bindCast(binder: Binder, node: NodeOf<'cast'>): Bound {
  const operand = binder.bind(node.operand);
  const type = resolveType(node.type);
  if (isProblem(type)) {
    binder.problems.push(type);
    return unresolved(node);
  }
  if (isUnresolved(operand)) return { ...unresolved(node), type };
  const convert = castTo(isUntyped(operand) ? TEXT : operand.type, type);
  if (convert === null) {
    return binder.problem(node, 'type-mismatch', `${nameOf(operand.type)} cannot be cast to ${type.native}`);
  }
  return binder.strict(node, type, [operand], strict1(operand, convert));
}
