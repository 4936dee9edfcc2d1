/**
 * A condition as a predicate: columns as the source sent them, values that are written down, and how they are compared. What is
 * computed stays here, where a failure has its place and the result is the one that the rules define.
 */
import type { Predicate, PredicateColumn, PredicateOperator, PredicateValue } from '../../contracts/predicate.ts';
import type { TableDescription } from '../../contracts/schema.ts';
import type { Node, NodeOf } from '../expression/ast.ts';
import { Binder } from '../expression/binder.ts';
import { type Bound, NO_ROW } from '../expression/bound.ts';
import { unify } from '../expression/coerce.ts';
import { comparable } from '../expression/comparison.ts';
import { type TypeKind, typeOfColumn } from '../expression/types.ts';
import { Stage } from '../stage.ts';
import { codecOf } from '../values/cell.ts';

/** The end of a sentence: `it calls lower()`. */
export interface Hindrance {
  readonly hindrance: string;
}

type Found<T> = T | Hindrance;

/** They compare by value, whatever their types. */
const EXACT_NUMBERS: readonly TypeKind[] = ['int16', 'int32', 'int64', 'uint64', 'decimal'];

const hindered = (hindrance: string): Hindrance => ({ hindrance });

/** @param node of an expression that has no problems with the table */
export function predicateOf(node: Node, table: TableDescription): Found<Predicate> {
  return new PredicateMaker(table).make(node);
}

class PredicateMaker {
  readonly #table: TableDescription;
  readonly #stage: Stage;

  constructor(table: TableDescription) {
    this.#table = table;
    this.#stage = Stage.of(table);
  }

  make(node: Node): Found<Predicate> {
    switch (node.kind) {
      case 'and':
      case 'or':
        return this.#list(node.kind, node.operands);
      case 'not':
        return map(this.make(node.operand), not);
      case 'is':
        return this.#is(node);
      case 'column':
        return map(this.#column(node), (column) => ({ kind: 'truth', column }));
      case 'comparison':
        return this.#compared(node.operator, node.left, node.right);
      case 'between':
        return this.#between(node);
      case 'distinct':
        return this.#distinct(node);
      case 'in':
        return this.#in(node);
      default:
        return hindered(whyNot(node));
    }
  }

  #list(kind: 'and' | 'or', nodes: readonly Node[]): Found<Predicate> {
    const operands: Predicate[] = [];
    for (const node of nodes) {
      const made = this.make(node);
      if ('hindrance' in made) return made;
      operands.push(made);
    }
    return { kind, operands };
  }

  #is({ operand, what, negated }: NodeOf<'is'>): Found<Predicate> {
    const made: Found<Predicate> =
      what === 'null'
        ? map(this.#column(operand), (column) => ({ kind: 'null', column }))
        : map(this.make(operand), (inner) => ({ kind: 'is', operand: inner, what }));
    return negated ? map(made, not) : made;
  }

  #between({ operand, low, high, negated }: NodeOf<'between'>): Found<Predicate> {
    const from = this.#compared('>=', operand, low);
    if ('hindrance' in from) return from;
    const both = map(this.#compared('<=', operand, high), (to): Predicate => ({ kind: 'and', operands: [from, to] }));
    return negated ? map(both, not) : both;
  }

  /** Of a value that is there: the column is NULL or another one. Both together are never unknown. */
  #distinct({ left, right, negated }: NodeOf<'distinct'>): Found<Predicate> {
    const [column, value] = left.kind === 'column' ? [left, right] : [right, left];
    const made = this.#compared('<>', column, value);
    if ('hindrance' in made) return made;
    if (made.kind === 'compare' && 'column' in made.right)
      return hindered('it compares two columns so that NULL counts');
    const isNull = map(this.#column(column), (found): Predicate => ({ kind: 'null', column: found }));
    const distinct = map(isNull, (found): Predicate => ({ kind: 'or', operands: [found, made] }));
    return negated ? map(distinct, not) : distinct;
  }

  #in({ operand, items, negated }: NodeOf<'in'>): Found<Predicate> {
    const made = items.length === 1 ? this.#compared('=', operand, items[0]!) : this.#among(operand, items);
    return negated ? map(made, not) : made;
  }

  #among(operand: Node, items: readonly Node[]): Found<Predicate> {
    const column = this.#column(operand);
    if ('hindrance' in column) return column;
    const binder = new Binder(this.#stage);
    const bound = [operand, ...items].map((item) => binder.bind(item));
    // As `in` compares: all in one type.
    const [first, ...rest] = unify(binder, bound, '"in"') ?? [];
    const values: PredicateValue[] = [];
    for (const [i, item] of rest.entries()) {
      const pair = comparable(binder, first!, item, operand);
      if (pair === null) return hindered('its values are of several types');
      const changed = conversionOf(column, bound[0]!, pair.left);
      if (changed !== null) return changed;
      const value = constantOf(items[i]!, pair.right);
      if ('hindrance' in value) return value;
      values.push(value);
    }
    if (values.length === 0) return hindered('its values are of several types');
    return { kind: 'in', column, values };
  }

  #compared(operator: PredicateOperator, left: Node, right: Node): Found<Predicate> {
    if (left.kind !== 'column') {
      if (right.kind !== 'column')
        return hindered(whyNot(left.kind === 'number' || left.kind === 'string' ? right : left));
      return this.#compared(TURNED[operator], right, left);
    }
    const column = this.#column(left);
    if ('hindrance' in column) return column;
    const binder = new Binder(this.#stage);
    const [x, y] = [binder.bind(left), binder.bind(right)];
    const pair = comparable(binder, x, y, left);
    if (pair === null) return hindered('its values cannot be compared');
    const other = right.kind === 'column' ? this.#column(right) : constantOf(right, pair.right);
    if ('hindrance' in other) return other;
    const changed =
      conversionOf(column, x, pair.left) ?? ('column' in other ? conversionOf(other, y, pair.right) : null);
    return changed ?? { kind: 'compare', operator, left: column, right: other };
  }

  /** A column of the row as it is now. */
  #column(node: Node): Found<PredicateColumn> {
    if (node.kind !== 'column') return hindered(whyNot(node));
    if (node.before) return hindered('it looks at the old row');
    const column = this.#table.columns.find(({ name }) => name === node.name);
    if (column === undefined) return hindered(`it names a column that the table does not have`);
    const { name, kind, native } = column;
    if (typeOfColumn(column).padded === true) return hindered(`blanks pad ${name}`);
    return { column: name, kind, native };
  }
}

/** Null where the column is compared as it is. Of exact numbers the value counts, whatever type it is brought to. */
function conversionOf({ column, kind }: PredicateColumn, own: Bound, met: Bound): Hindrance | null {
  const isExact = EXACT_NUMBERS.includes(kind) && EXACT_NUMBERS.includes(met.type.kind);
  return own.run === met.run || isExact ? null : hindered(`${column} is compared as another type than its own`);
}

function constantOf(node: Node, { constant, run, type }: Bound): Found<PredicateValue> {
  if (!constant) return hindered(whyNot(node));
  const cell = run(NO_ROW);
  if (cell === null || cell === undefined) return hindered('it compares with NULL');
  const { kind } = type;
  if (kind === 'untyped' || kind === 'unresolved') return hindered('it compares with a value without type');
  return { kind, value: codecOf(kind).value(cell) };
}

const TURNED: Readonly<Record<PredicateOperator, PredicateOperator>> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

const not = (operand: Predicate): Predicate => ({ kind: 'not', operand });

function map<T extends object, U extends object>(found: Found<T>, make: (value: T) => U): Found<U> {
  return 'hindrance' in found ? found : make(found);
}

function whyNot(node: Node): string {
  switch (node.kind) {
    case 'call':
      return `it calls ${node.name}()`;
    case 'fact':
      return 'it looks at the event';
    case 'like':
      return 'it matches a pattern';
    case 'cast':
      return 'it converts a value';
    case 'case':
      return 'it uses case';
    case 'number':
    case 'string':
    case 'null':
    case 'boolean':
      return 'it is the same for every row';
    default:
      return 'it computes a value';
  }
}
