/** Which of a function's forms a call means. */
import { TailraceError } from '../../contracts/errors.ts';
import type { Cell, Present } from '../values/cell.ts';
import type { NodeOf, Span } from './ast.ts';
import type { Binder } from './binder.ts';
import { type Bound, isUnresolved, isUntyped, NO_ROW, strict1, strictN, unresolved } from './bound.ts';
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
  /** It can be NULL although no argument is. */
  readonly mayBeNull?: true;
  /**
   * Looks at arguments that are the same for every row (undefined: at rows only) while the expression is checked. Throws
   * `rule.failed` for what always fails.
   */
  readonly check?: (values: readonly (Present | undefined)[]) => void;
}

/** @param apply takes values of the types of `params` */
export function overload<A extends readonly (Present | undefined)[]>(
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
  const form = chosen[0]!;
  return checkedOverload(
    binder,
    node,
    form,
    args.map((arg, i) => coerce(binder, arg, form.params[i]!) ?? arg),
  );
}

/** One form over values of its types. */
export function checkedOverload(
  binder: Binder,
  node: Span,
  { result, apply, check, mayBeNull }: Overload,
  values: readonly Bound[],
): Bound {
  if (values.some(isUnresolved)) return { ...unresolved(node), type: result };
  if (check !== undefined) {
    const wrong = checked(binder, values, check);
    if (wrong !== null) return { ...wrong, type: result };
  }
  const run = values.length === 1 ? strict1(values[0]!, apply) : strictN(values, apply);
  const made = binder.strict(node, result, values, run);
  return mayBeNull && !made.constant ? { ...made, nullable: true } : made;
}

/** Literals in a call whose other arguments are not known yet. False: one always fails, which was reported. */
export function checkLiterals(binder: Binder, overloads: readonly Overload[], args: readonly Bound[]): boolean {
  const possible = overloads.filter(({ params, check }) => params.length === args.length && check !== undefined);
  const before = binder.problems.length;
  for (const form of possible) {
    const literals = args.map((arg) => (isUntyped(arg) ? arg : { ...arg, constant: false }));
    // One form that takes them is enough.
    if (checked(binder, literals, form.check!) === null) {
      binder.problems.length = before;
      return true;
    }
    binder.problems.length = Math.min(binder.problems.length, before + 1);
  }
  return possible.length === 0;
}

function checked(binder: Binder, values: readonly Bound[], check: NonNullable<Overload['check']>): Bound | null {
  const fixed = values.map((value) => (value.constant ? value.run(NO_ROW) : undefined));
  try {
    check(fixed.map((value) => value ?? undefined));
    return null;
  } catch (error) {
    if (!(error instanceof TailraceError)) throw error;
    // The argument at fault is the one that is written here; of several the last.
    const at = fixed.findLastIndex((value) => typeof value === 'string');
    return binder.problem(values[at]!.place, 'always-fails', `this always fails: ${error.message}`);
  }
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
