/** Functions of values of any type. */

import type { Cell } from '../../values/cell.ts';
import type { NodeOf } from '../ast.ts';
import type { Binder } from '../binder.ts';
import { type Bound, isUnresolved, NO_ROW, unresolved } from '../bound.ts';
import { unify } from '../coerce.ts';
import type { FunctionEntry } from '../functions.ts';

export const generalFunctions: readonly FunctionEntry[] = [
  {
    name: 'coalesce',
    usage: ['coalesce(value, …)'],
    summary: 'The first value that is not NULL; those after it are not computed.',
    minArgs: 1,
    maxArgs: Number.POSITIVE_INFINITY,
    bind: bindCoalesce,
  },
];

function bindCoalesce(binder: Binder, node: NodeOf<'call'>, args: readonly Bound[]): Bound {
  const values = unify(binder, args, 'coalesce');
  if (values === null || values.some(isUnresolved)) return unresolved(node);
  const possible = values.filter((value) => !value.constant || value.run(NO_ROW) !== null);
  const sure = possible.findIndex((value) => value.constant);
  const taken = sure < 0 ? possible : possible.slice(0, sure + 1);
  if (taken.length < 2) return taken[0] ?? values[0]!;
  const runs = taken.map(({ run }) => run);
  return binder.made(
    node,
    values[0]!.type,
    taken,
    (row) => {
      let value: Cell = null;
      for (let i = 0; i < runs.length && value === null; i++) value = runs[i]!(row);
      return value;
    },
    taken.every((value) => value.nullable),
  );
}
