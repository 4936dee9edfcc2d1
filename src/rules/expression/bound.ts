/** Checked expressions with the closures that compute them. */
import type { RowImage, Run } from '../row-image.ts';
import type { Cell, Present } from '../values/cell.ts';
import type { Span } from './ast.ts';
import { type Type, UNRESOLVED, UNTYPED } from './types.ts';

export interface Bound {
  readonly type: Type;
  readonly run: Run;
  /** Gives the same for every row: `run` may be called without one. */
  readonly constant: boolean;
  readonly place: Span;
  /** Can it be NULL? */
  readonly nullable: boolean;
}

/** Constants do not look at it. */
export const NO_ROW = null as unknown as RowImage;

export function constant(place: Span, type: Type, cell: Cell): Bound {
  return { type, run: () => cell, constant: true, place, nullable: cell === null };
}

/** Stands for what could not be understood; says nothing more about it. */
export function unresolved(place: Span): Bound {
  return { type: UNRESOLVED, run: () => null, constant: false, place, nullable: true };
}

export function isUnresolved({ type }: Bound): boolean {
  return type.kind === 'unresolved';
}

/** Text literal without a type yet, or null. */
export function isUntyped({ type }: Bound): boolean {
  return type === UNTYPED;
}

/**
 * Functions that give NULL when any argument is NULL, whatever the others are. So NULL also wins over "not sent", which
 * wins over every value.
 */
export function strict1<A extends Present>(operand: Bound, apply: (x: A) => Cell): Run {
  const { run } = operand;
  return (row) => {
    const x = run(row) as A | null | undefined;
    return x === null || x === undefined ? (x as null | undefined) : apply(x);
  };
}

export function strict2<A extends Present, B extends Present>(
  left: Bound,
  right: Bound,
  apply: (x: A, y: B) => Cell,
): Run {
  const first = left.run;
  const second = right.run;
  if (right.constant) {
    const y = second(NO_ROW) as B | null;
    if (y === null) return () => null;
    return (row) => {
      const x = first(row) as A | null | undefined;
      return x === null || x === undefined ? (x as null | undefined) : apply(x, y);
    };
  }
  return (row) => {
    const x = first(row) as A | null | undefined;
    const y = second(row) as B | null | undefined;
    if (x === null || x === undefined || y === null || y === undefined)
      return x === null || y === null ? null : undefined;
    return apply(x, y);
  };
}

export function strictN(args: readonly Bound[], apply: (...values: Present[]) => Cell): Run {
  const runs = args.map(({ run }) => run);
  return (row) => {
    const values: Present[] = [];
    let missing: null | undefined | false = false;
    for (const run of runs) {
      const value = run(row);
      if (value === null) missing = null;
      else if (value !== undefined) values.push(value);
      else if (missing === false) missing = undefined;
    }
    return missing === false ? apply(...values) : missing;
  };
}
