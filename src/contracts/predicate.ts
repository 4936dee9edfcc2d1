/**
 * Conditions of filters in a form that a source may evaluate itself, where its answer is provably the one that the rules give.
 * Three-valued as in SQL: a row is kept where the condition is true, not where it is unknown.
 */
import type { Value } from './row.ts';
import type { Kind } from './schema.ts';

export type Predicate =
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Predicate[] }
  | { readonly kind: 'not'; readonly operand: Predicate }
  /** Never unknown itself. */
  | { readonly kind: 'is'; readonly operand: Predicate; readonly what: 'true' | 'false' | 'unknown' }
  /** A column of kind bool. */
  | { readonly kind: 'truth'; readonly column: PredicateColumn }
  | { readonly kind: 'null'; readonly column: PredicateColumn }
  | {
      readonly kind: 'compare';
      readonly operator: PredicateOperator;
      readonly left: PredicateColumn;
      readonly right: PredicateColumn | PredicateValue;
    }
  /** Equal to one of them; at least one. */
  | { readonly kind: 'in'; readonly column: PredicateColumn; readonly values: readonly PredicateValue[] };

export type PredicateOperator = '=' | '<>' | '<' | '<=' | '>' | '>=';

/** A column as the source described it; what is told of it holds for no other type. */
export interface PredicateColumn {
  readonly column: string;
  readonly kind: Kind;
  readonly native: string;
}

/** Never NULL. The kind is the column's; beside a whole number or a decimal any of these, which compare by value. */
export interface PredicateValue {
  readonly kind: Kind;
  readonly value: NonNullable<Value>;
}

/** One of the conditions that a source's own filters join, before any other step of it. */
export type FilterCondition = {
  /** As it stands in the file. */
  readonly text: string;
  /** Of the filter. */
  readonly path: readonly (string | number)[];
} & (
  | { readonly predicate: Predicate }
  /** Why it can only be evaluated by the rules, as the end of a sentence: `it calls lower()`. */
  | { readonly hindrance: string }
);

/** By `schema.table`. */
export type TableFilters = ReadonlyMap<string, readonly FilterCondition[]>;

/** Where a source evaluates a condition on the rows of a table. The rules evaluate each of them as well. */
export interface FilterPlace {
  /** `schema.table`. */
  readonly table: string;
  /** As it stands in the file. */
  readonly condition: string;
  /** When the table is read: null, or why not there, as the end of a sentence. */
  readonly snapshot: string | null;
  /** Before changes are sent: null, or why not there. */
  readonly stream: string | null;
}
