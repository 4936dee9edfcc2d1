/** The steps of a stage one behind the other: what comes of a change at the end of them. */
import type { Change } from '../../contracts/row.ts';
import type { Rules, RulesContext, StepSource } from '../../contracts/rules.ts';
import type { TableSchema } from '../../contracts/schema.ts';
import type { LookupStep } from '../../contracts/stateful-steps.ts';
import { CompiledSteps } from '../compiled-steps.ts';
import { Dedupe } from './dedupe.ts';
import { Lookup, type MakeRow } from './lookup.ts';
import { LookupRows } from './lookup-rows.ts';
import { LookupShapes } from './lookup-shapes.ts';
import type { StageStore } from './stage-store.ts';

interface Part {
  /** What a table looks like behind it. */
  output(table: TableSchema): TableSchema;
  apply(change: Change): Iterable<Change>;
}

export interface ChainOptions {
  readonly steps: readonly StepSource[];
  readonly rules: Rules;
  readonly rulesContext: RulesContext;
  readonly store: StageStore;
  readonly makeRow: MakeRow;
  /** A table as it stands in the log, by the name that a step has for it; null: not known yet. */
  readonly described: (name: string) => TableSchema | null;
}

/** Where sending all kept rows again has come to. */
export interface RefreshPlace {
  /** Place of the lookup among the parts. */
  readonly part: number;
  readonly table: string;
  readonly key: string;
}

export const REFRESH_BEGIN: RefreshPlace = { part: 0, table: '', key: '' };

export class Chain {
  readonly #parts: Part[] = [];

  constructor(options: ChainOptions) {
    const { steps, rules, rulesContext } = options;
    let from = 0;
    for (const [i, step] of steps.entries()) {
      const stateful = rules.stateful?.(step) ?? null;
      if (stateful === null) continue;
      if (from < i) this.#parts.push(new CompiledSteps(steps.slice(from, i), rules, rulesContext));
      const number = this.#parts.length;
      if (stateful.kind === 'dedupe') this.#parts.push(new Dedupe(stateful, options.store, number));
      else this.#parts.push(this.#lookup(options, stateful, number));
      from = i + 1;
    }
    if (from < steps.length) this.#parts.push(new CompiledSteps(steps.slice(from), rules, rulesContext));
  }

  /** Rows that were left out because they repeat another, since they were forgotten. */
  get repeats(): number {
    return this.#parts.reduce((sum, part) => sum + (part instanceof Dedupe ? part.repeats : 0), 0);
  }

  forgetRepeats(): void {
    for (const part of this.#parts) if (part instanceof Dedupe) part.repeats = 0;
  }

  #lookup({ store, makeRow, described }: ChainOptions, step: LookupStep, number: number): Lookup {
    const rows = new LookupRows(store, number, step.take.length);
    const shapes = new LookupShapes({
      step,
      number,
      store,
      described: () => {
        const table = described(step.from);
        return table === null ? null : this.#parts.slice(0, number).reduce((at, part) => part.output(at), table);
      },
    });
    return new Lookup({ step, rows, shapes, store, makeRow });
  }

  /** Take all that it gives: what the steps keep changes meanwhile. */
  *apply(change: Change, part = 0): Generator<Change> {
    const first = this.#parts[part];
    if (first === undefined) yield change;
    else for (const one of first.apply(change)) yield* this.apply(one, part + 1);
  }

  /**
   * All kept rows as they are now, once each, in steps of bounded size. Null: that was all.
   */
  refresh({ part: from, table, key }: RefreshPlace): { changes: Iterable<Change>; next: RefreshPlace } | null {
    for (let part = from; part < this.#parts.length; part++) {
      const lookup = this.#parts[part];
      if (!(lookup instanceof Lookup)) continue;
      const behind = part === from ? { table, key } : REFRESH_BEGIN;
      const before = this.#parts.slice(0, part).filter((one) => one instanceof Lookup);
      const { changes, last } = lookup.refreshed(behind, (name) => before.some((one) => one.keeps(name)));
      if (last !== null) return { changes: this.#onward(changes, part + 1), next: { part, ...last } };
    }
    return null;
  }

  *#onward(changes: readonly Change[], part: number): Generator<Change> {
    for (const change of changes) yield* this.apply(change, part);
  }
}
