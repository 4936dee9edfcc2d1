/** Random conditions of filters: comparisons of columns and values, joined by SQL's three-valued logic. */
import type { Random } from '../../demo/shop/random.ts';

export interface ConditionColumn {
  readonly name: string;
  /** Columns that it may be compared with. */
  readonly others: readonly string[];
  /** As they are written in an expression. */
  readonly values: readonly string[];
  /** It is a condition itself. */
  readonly isBool?: true;
}

const OPERATORS = ['=', '<>', '<', '<=', '>', '>='];

/** Not all of them have types that fit. */
export class ConditionMaker {
  readonly #random: Random;
  readonly #columns: readonly ConditionColumn[];

  constructor(random: Random, columns: readonly ConditionColumn[]) {
    this.#random = random;
    this.#columns = columns;
  }

  make(depth = this.#random.between(0, 3)): string {
    const { pick, chance } = this.#bound();
    if (depth === 0 || chance(0.3)) return this.#leaf();
    const of = () => this.make(depth - 1);
    return pick([
      () => `(${of()} and ${of()})`,
      () => `(${of()} or ${of()} or ${of()})`,
      () => `(not ${of()})`,
      () => `((${of()}) is ${pick(['', 'not '])}${pick(['true', 'false', 'unknown'])})`,
    ])();
  }

  #bound() {
    const random = this.#random;
    return { pick: <T>(list: readonly T[]) => random.pick(list), chance: (p: number) => random.chance(p) };
  }

  #leaf(): string {
    const { pick } = this.#bound();
    const column = pick(this.#columns);
    const { name, values, others, isBool } = column;
    const value = () => (values.length === 0 ? pick(others) : pick(values));
    const not = pick(['', 'not ']);
    const leaves = [
      () => `${name} ${pick(OPERATORS)} ${value()}`,
      () => `${name} ${pick(['=', '<>'])} ${value()}`,
      () => `${value()} ${pick(OPERATORS)} ${name}`,
      () => `${name} is ${not}null`,
      () => `${name} ${not}between ${value()} and ${value()}`,
      () => `${name} ${not}in (${Array.from({ length: this.#random.between(1, 4) }, value).join(', ')})`,
      () => `${name} is ${not}distinct from ${value()}`,
      ...(others.length > 0 ? [() => `${name} ${pick(OPERATORS)} ${pick(others)}`] : []),
      ...(isBool ? [() => name] : []),
    ];
    return pick(leaves)();
  }
}
