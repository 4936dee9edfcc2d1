/** Steps, compiled per table version when its first row comes. */
import type { Change } from '../contracts/row.ts';
import type { RowTransform, Rules, RulesContext, StepSource } from '../contracts/rules.ts';
import type { TableSchema } from '../contracts/schema.ts';

export class CompiledSteps {
  readonly #steps: readonly StepSource[];
  readonly #rules: Rules;
  readonly #context: RulesContext;
  readonly #compiled = new Map<string, RowTransform>();

  constructor(steps: readonly StepSource[], rules: Rules, context: RulesContext) {
    this.#steps = steps;
    this.#rules = rules;
    this.#context = context;
  }

  /** The table as it looks after the steps. */
  output(table: TableSchema): TableSchema {
    return this.#of(table).output;
  }

  /** Throws what the rules throw. */
  apply(change: Change): readonly Change[] {
    return this.#of(change.table).apply(change);
  }

  #of(table: TableSchema): RowTransform {
    const known = this.#compiled.get(table.id);
    if (known !== undefined) return known;
    const compiled = this.#rules.compile(this.#steps, table, this.#context);
    this.#compiled.set(table.id, compiled);
    return compiled;
  }
}
