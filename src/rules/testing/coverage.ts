/** Which steps the tests went through, and whether filters kept and refused rows. */
import { classOf } from '../../contracts/errors.ts';
import type { PipelinePlan } from '../../contracts/plan.ts';
import type { Change } from '../../contracts/row.ts';
import type { UntestedStep } from '../../contracts/rule-tests.ts';
import type { StepSource } from '../../contracts/rules.ts';
import type { TableSchema } from '../../contracts/schema.ts';
import { compileSteps } from '../compile.ts';

interface Seen {
  readonly step: StepSource;
  kept: number;
  refused: number;
}

export class Coverage {
  readonly #maskKey: string | null;
  readonly #seen = new Map<string, Seen>();

  constructor({ sources, transform, sinks }: PipelinePlan, maskKey: string | null) {
    this.#maskKey = maskKey;
    const all = [
      ...sources.flatMap((source) => source.transform),
      ...transform,
      ...sinks.flatMap((sink) => sink.transform),
    ];
    for (const step of all) this.#seen.set(nameOf(step), { step, kept: 0, refused: 0 });
  }

  get steps(): number {
    return this.#seen.size;
  }

  /** Notes what each step does with these changes, which come to the first of them. */
  see(steps: readonly StepSource[], table: TableSchema, changes: readonly Change[]): void {
    let current = changes;
    let schema = table;
    for (const step of steps) {
      try {
        const transform = compileSteps([step], schema, this.#maskKey);
        const rows = current.filter(({ op }) => op !== 'delete');
        current = current.flatMap((change) => transform.apply(change));
        schema = transform.output;
        const kept = current.filter(({ op }) => op !== 'delete').length;
        const seen = this.#seen.get(nameOf(step))!;
        seen.kept += kept;
        seen.refused += rows.length - kept;
      } catch (error) {
        if (classOf(error) !== 'poison' && classOf(error) !== 'config') throw error;
        return;
      }
    }
  }

  untested(): readonly UntestedStep[] {
    return [...this.#seen.values()].flatMap(({ step, kept, refused }): UntestedStep[] => {
      const { verb, path } = step;
      if (kept + refused === 0) return [{ message: `no test reaches this ${verb}`, path: [...path, verb] }];
      if (verb !== 'filter' || (kept > 0 && refused > 0)) return [];
      return [
        { message: `every row of the tests is ${kept > 0 ? 'kept' : 'refused'} by this filter`, path: [...path, verb] },
      ];
    });
  }
}

const nameOf = ({ path }: StepSource) => JSON.stringify(path);
