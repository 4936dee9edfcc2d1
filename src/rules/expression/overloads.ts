/** Which of a function's forms a call means. */
import type { Cell, Present } from '../values/cell.ts';
import type { NodeOf } from './ast.ts';
import type { Binder } from './binder.ts';
import { type Bound, isUnresolved, isUntyped, strict1, strictN, unresolved } from './bound.ts';
import { coerce } from './coerce.ts';
import { conversion } from './conversion.ts';
import type { FunctionEntry } from './functions.ts';
import { fromText } from './text-form.ts';
import { nameOf, type Type, type TypeKind } from './types.ts';

/** One form of a function. NULL arguments give NULL. `apply` may throw `rule.failed`. */
export interface Overload {
  readonly params: readonly Type[];
  readonly result: Type;
  readonly apply: (...args: Present[]) => Cell;
}

/** @param apply takes values of the types of `params` */
export function overload<A extends Present[]>(
  params: readonly Type[],
  result: Type,
  apply: (...args: A) => Cell,
): Overload {
  return { params, result, apply: apply as unknown as Overload['apply'] };
}

/** As PostgreSQL chooses: the form with the most arguments of exactly its types; literals prefer text. */
export function bindOverload(
  binder: Binder,
  node: NodeOf<'call'>,
  { name, overloads = [], usage }: FunctionEntry,
  args: readonly Bound[],
): Bound {
  const fitting = overloads.filter(
    ({ params }) => params.length === args.length && params.every((p, i) => accepts(p, args[i]!)),
  );
  const scored = fitting.map((form) => ({ form, score: score(form, args) }));
  const best = Math.max(...scored.map((candidate) => candidate.score));
  const chosen = scored.filter((candidate) => candidate.score === best).map(({ form }) => form);
  if (chosen.length !== 1) {
    const given = args.map(({ type }) => nameOf(type)).join(', ');
    const message = `${name} does not take ${given === '' ? 'no argument' : given}`;
    return binder.problem(node, 'type-mismatch', message, `write ${usage.join(' or ')}`);
  }
  const { params, result, apply } = chosen[0]!;
  const values = args.map((arg, i) => coerce(binder, arg, params[i]!) ?? arg);
  if (values.some(isUnresolved)) return { ...unresolved(node), type: result };
  const run = values.length === 1 ? strict1(values[0]!, apply) : strictN(values, apply);
  return binder.strict(node, result, values, run);
}

function accepts(param: Type, arg: Bound): boolean {
  if (isUntyped(arg)) return fromText(param) !== null;
  return conversion(arg.type, param)?.implicit === true;
}

/** Above all exact types; then literals as text; then what PostgreSQL prefers among the types of a category. */
function score({ params }: Overload, args: readonly Bound[]): number {
  return params.reduce((sum, param, i) => {
    const { kind } = args[i]!.type;
    if (kind === param.kind) return sum + EXACT;
    if (kind === 'untyped' && param.kind === 'text') return sum + LITERAL;
    return PREFERRED.includes(param.kind) ? sum + 1 : sum;
  }, 0);
}

const EXACT = 10_000;
const LITERAL = 100;
const PREFERRED: readonly TypeKind[] = ['float64', 'timestamptz'];
