/** Functions of values of any type. */

import type { Run } from '../../row-image.ts';
import type { Cell, Present } from '../../values/cell.ts';
import { compareText, trimPadding } from '../../values/text.ts';
import type { NodeOf } from '../ast.ts';
import type { Binder } from '../binder.ts';
import { type Bound, isUnresolved, NO_ROW, unresolved } from '../bound.ts';
import { typed, unify } from '../coerce.ts';
import { comparable, compared } from '../comparison.ts';
import type { FunctionEntry } from '../functions.ts';
import type { Type, TypeKind } from '../types.ts';

export const generalFunctions: readonly FunctionEntry[] = [
  {
    name: 'coalesce',
    usage: ['coalesce(value, …)'],
    summary: 'The first value that is not NULL; those after it are not computed.',
    minArgs: 1,
    maxArgs: Number.POSITIVE_INFINITY,
    bind: bindCoalesce,
  },
  {
    name: 'nullif',
    usage: ['nullif(x, y)'],
    summary: 'NULL when both are equal, else the first.',
    minArgs: 2,
    maxArgs: 2,
    bind: bindNullif,
  },
  {
    name: 'greatest',
    usage: ['greatest(value, …)'],
    summary: 'The largest value; NULL counts only when there is nothing else.',
    minArgs: 1,
    maxArgs: Number.POSITIVE_INFINITY,
    bind: (binder, node, args) => bindExtreme(binder, node, args, 1),
  },
  {
    name: 'least',
    usage: ['least(value, …)'],
    summary: 'The smallest value; NULL counts only when there is nothing else.',
    minArgs: 1,
    maxArgs: Number.POSITIVE_INFINITY,
    bind: (binder, node, args) => bindExtreme(binder, node, args, -1),
  },
  {
    name: 'now',
    usage: ['now()'],
    summary: 'The commit time of the event at the source, as `$ts`.',
    minArgs: 0,
    maxArgs: 0,
    bind: (binder, { at, end }) => binder.bind({ kind: 'fact', name: 'ts', at, end }),
  },
];

function bindNullif(binder: Binder, node: NodeOf<'call'>, args: readonly Bound[]): Bound {
  const first = typed(binder, args[0]!);
  const pair = comparable(binder, args[0]!, args[1]!, node);
  if (pair === null) return unresolved(node);
  const equal = compared(binder, '=', args[0]!, args[1]!, node);
  const result = nullifResult(first, args[1]!.type, pair.left);
  if (args.some((arg) => arg.constant && arg.run(NO_ROW) === null)) return { ...result, place: node };
  const run: Run = (row) => {
    const verdict = equal.run(row);
    return verdict === undefined ? undefined : verdict === true ? null : result.run(row);
  };
  return binder.made(node, result.type, [result, args[1]!], run);
}

/** The first operand in the type that it is compared in. */
function nullifResult(first: Bound, { native, padded }: Type, compared: Bound): Bound {
  const { type } = first;
  if (type.kind === 'text' && padded && native !== 'text' && type.native !== 'text') {
    return { ...first, type: { kind: 'text', native: 'character', padded } };
  }
  const isText = type.padded === true && native === 'text';
  return isText || isPromoted(type.kind, compared.type.kind) ? compared : first;
}

/** Numbers are compared as they are only among whole ones and among floats; otherwise the first becomes the kind of both. */
function isPromoted(first: TypeKind, both: TypeKind): boolean {
  return (both === 'decimal' && first !== 'decimal') || (both === 'float64' && !first.startsWith('float'));
}

/** @param sign 1: the largest, -1: the smallest */
function bindExtreme(binder: Binder, node: NodeOf<'call'>, args: readonly Bound[], sign: 1 | -1): Bound {
  const values = unify(binder, args, node.name.toLowerCase());
  if (values === null || values.some(isUnresolved)) return unresolved(node);
  const pair = comparable(binder, values[0]!, values[0]!, node);
  if (pair === null) return unresolved(node);
  const compare = (values[0]!.type.padded ? compareUnpadded : pair.compare) as (x: Present, y: Present) => number;
  const runs = values.map(({ run }) => run);
  const run: Run = (row) => {
    let found: Cell = null;
    let isKnown = true;
    for (const next of runs) {
      const value = next(row);
      if (value === undefined) isKnown = false;
      else if (value !== null && (found === null || compare(value, found as Present) * sign > 0)) found = value;
    }
    return isKnown ? found : undefined;
  };
  return binder.made(
    node,
    values[0]!.type,
    values,
    run,
    values.every((value) => value.nullable),
  );
}

const compareUnpadded = (x: string, y: string) => compareText(trimPadding(x), trimPadding(y));

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
