/** The rules of one sink, once as the sink runs them and once step by step, to see what each of them does. */
import type { StepOutcome, StepPlace, TracedStep } from '../../contracts/inspect.ts';
import type { Change } from '../../contracts/row.ts';
import type { RowTransform, Rules, RulesContext, StepSource } from '../../contracts/rules.ts';
import type { TableSchema } from '../../contracts/schema.ts';

interface Link {
  readonly place: StepPlace;
  readonly transform: RowTransform;
  /** Of a filter: each of its conditions as a filter of its own. */
  readonly conditions: readonly { readonly text: string; readonly transform: RowTransform }[];
}

/** What came into a step and out of it. */
export interface StepRun {
  readonly place: StepPlace;
  readonly input: readonly Change[];
  /** Null: it failed. */
  readonly output: readonly Change[] | null;
  readonly error: unknown;
  readonly condition: string | null;
}

export class StepChain {
  readonly #rules: Rules;
  readonly #context: RulesContext;
  readonly #steps: readonly StepSource[];
  readonly #links = new Map<string, readonly Link[]>();
  readonly #whole = new Map<string, RowTransform>();

  /** @param steps those of the pipeline, then those of the sink */
  constructor(steps: readonly StepSource[], rules: Rules, context: RulesContext) {
    this.#steps = steps;
    this.#rules = rules;
    this.#context = context;
  }

  get length(): number {
    return this.#steps.length;
  }

  place(number: number): StepPlace {
    const { verb, path } = this.#steps[number - 1]!;
    return { number, verb, path };
  }

  /** What the sink gets. Throws what the sink's rules throw. */
  apply(change: Change): readonly Change[] {
    let whole = this.#whole.get(change.table.id);
    if (whole === undefined) {
      whole = this.#rules.compile(this.#steps, change.table, this.#context);
      this.#whole.set(change.table.id, whole);
    }
    return whole.apply(change);
  }

  /** Every step up to the one that failed, in order. */
  run(change: Change): StepRun[] {
    let input: readonly Change[] = [change];
    const runs: StepRun[] = [];
    for (const { place, transform, conditions } of this.#linksOf(change.table)) {
      try {
        const output = input.flatMap((one) => transform.apply(one));
        const condition = isDropped(input, output) ? firstFalse(input[0]!, conditions) : null;
        runs.push({ place, input, output, error: null, condition });
        input = output;
      } catch (error) {
        runs.push({ place, input, output: null, error, condition: null });
        break;
      }
    }
    return runs;
  }

  #linksOf(table: TableSchema): readonly Link[] {
    const known = this.#links.get(table.id);
    if (known !== undefined) return known;
    let stage = table;
    const links = this.#steps.map((step, index) => {
      const compile = (source: StepSource) => this.#rules.compile([source], stage, this.#context);
      const conditions = this.#rules
        .conditions(step)
        .map((part) => ({ text: String(part.config), transform: compile(part) }));
      const transform = compile(step);
      stage = transform.output;
      return { place: this.place(index + 1), transform, conditions };
    });
    this.#links.set(table.id, links);
    return links;
  }
}

/** Was a row before, and is a delete or nothing now. */
function isDropped(input: readonly Change[], output: readonly Change[]): boolean {
  return input.some(({ after }) => after !== null) && output.every(({ after }) => after === null);
}

function firstFalse(change: Change, conditions: Link['conditions']): string | null {
  for (const { text, transform } of conditions) {
    try {
      if (isDropped([change], transform.apply(change))) return text;
    } catch {
      // This one cannot tell; another did.
    }
  }
  return null;
}

export function traced({ place, input, output, condition }: StepRun): TracedStep {
  return { ...place, outcome: outcomeOf(input, output), condition };
}

function outcomeOf(input: readonly Change[], output: readonly Change[] | null): StepOutcome {
  if (output === null) return 'failed';
  if (isDropped(input, output)) return 'dropped';
  return output.length === input.length && output.every((change, i) => change === input[i]) ? 'passed' : 'changed';
}
