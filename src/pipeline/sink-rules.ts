/** The rules of one sink, compiled per table version, and what of a batch goes to the target. */
import type { Change } from '../contracts/row.ts';
import type { RowTransform, Rules, RulesContext, StepSource } from '../contracts/rules.ts';
import type { SinkRecord } from '../contracts/sink.ts';
import type { ReadRecord } from './sink-reader.ts';

export class SinkRules {
  readonly #steps: readonly StepSource[];
  readonly #rules: Rules;
  readonly #context: RulesContext;
  readonly #compiled = new Map<string, RowTransform>();

  /** @param steps those of the pipeline, then those of the sink */
  constructor(steps: readonly StepSource[], rules: Rules, context: RulesContext) {
    this.#steps = steps;
    this.#rules = rules;
    this.#context = context;
  }

  /** Throws what the rules throw. */
  apply(change: Change): readonly Change[] {
    let compiled = this.#compiled.get(change.table.id);
    if (compiled === undefined) {
      compiled = this.#rules.compile(this.#steps, change.table, this.#context);
      this.#compiled.set(change.table.id, compiled);
    }
    return compiled.apply(change);
  }
}

/** What the target gets of a record. */
export function outputsOf(record: ReadRecord, changes: readonly Change[]): readonly SinkRecord[] {
  const { topic, partition, offset } = record;
  return changes.map((change) => ({ topic, partition, offset, change }));
}

/** True when the record is what the target gets of itself. */
export function isUnchanged(record: ReadRecord, changes: readonly Change[]): record is ReadRecord & SinkRecord {
  return changes.length === 1 && changes[0] === record.change;
}
