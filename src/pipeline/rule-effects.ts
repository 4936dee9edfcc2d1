/** What other rules of a sink mean for the rows that its target has already: counted in the log, nothing is written. */
import type { Envelope } from '../contracts/envelope.ts';
import type { Log } from '../contracts/log.ts';
import type { Change } from '../contracts/row.ts';
import type { Rules, RulesContext, StepSource } from '../contracts/rules.ts';
import { CompiledSteps } from './compiled-steps.ts';
import { cursorsOf, readToEnd } from './inspect/record-reader.ts';
import { SchemaFeed } from './schema-feed.ts';

/** Until it says what it has found so far. */
const LOOK_MS = 1_000;
/** Rows in memory (Invariant 10). */
const MAX_ROWS = 200_000;

export interface RuleEffects {
  /** In the target, and not wanted by the new rules. */
  readonly left: number;
  /** Not in the target, and wanted. */
  readonly missing: number;
  /** In both, with other contents. */
  readonly other: number;
  /** The new rules cannot be applied to them. */
  readonly failing: number;
  /** Of so many rows that were looked at; `isWhole`: of all. */
  readonly rows: number;
  readonly isWhole: boolean;
}

type Effect = 'left' | 'missing' | 'other' | 'failing' | 'none';

export interface EffectOptions {
  readonly log: Log;
  readonly envelope: Envelope;
  readonly rules: Rules;
  readonly rulesContext: RulesContext;
  readonly sources: readonly string[];
  readonly topics: readonly string[];
}

/** @param before, after the steps of the pipeline, then those of the sink */
export async function ruleEffects(
  options: EffectOptions,
  before: readonly StepSource[],
  after: readonly StepSource[],
): Promise<RuleEffects> {
  const { log, envelope, rules, rulesContext, sources, topics } = options;
  const judge = new Judge(
    envelope,
    [before, after].map((steps) => new CompiledSteps(steps, rules, rulesContext)),
  );
  const schemas = new SchemaFeed(log, envelope, sources);
  const reading = { log, envelope, schemas, wants: () => true };
  const cursors = topics.flatMap((topic) => cursorsOf({ log }, topic, 'all'));
  const end = performance.now() + LOOK_MS;
  /** What is to be said of the last change of each row. */
  const effects = new Map<string, Effect>();
  let isWhole = true;
  for await (const records of readToEnd(reading, cursors, new AbortController().signal)) {
    for (const { change, place } of records) {
      if (change === null || MARKERS.has(change.op)) continue;
      const row = `${place.topic} ${change.key}`;
      if (change.op === 'truncate') forget(effects, place.topic);
      else if (change.op === 'delete') effects.delete(row);
      else effects.set(row, judge.effect(change));
    }
    isWhole = performance.now() < end && effects.size < MAX_ROWS;
    if (!isWhole) break;
  }
  const count = (wanted: Effect) => [...effects.values()].filter((effect) => effect === wanted).length;
  const counts = { left: count('left'), missing: count('missing'), other: count('other'), failing: count('failing') };
  return { ...counts, rows: effects.size, isWhole };
}

const MARKERS: ReadonlySet<string> = new Set(['snapshot-begin', 'snapshot-end']);

function forget(effects: Map<string, Effect>, topic: string): void {
  for (const row of effects.keys()) if (row.startsWith(`${topic} `)) effects.delete(row);
}

class Judge {
  readonly #envelope: Envelope;
  readonly #before: CompiledSteps;
  readonly #after: CompiledSteps;

  constructor(envelope: Envelope, [before, after]: readonly CompiledSteps[]) {
    this.#envelope = envelope;
    this.#before = before!;
    this.#after = after!;
  }

  effect(change: Change): Effect {
    const [old, now] = [this.#outcome(this.#before, change), this.#outcome(this.#after, change)];
    if (now === null) return old === null ? 'none' : 'failing';
    if (old === now) return 'none';
    if (now === '') return 'left';
    return old === '' || old === null ? 'missing' : 'other';
  }

  /** What the target has of the row: nothing is empty; null: the rules cannot be applied. */
  #outcome(rules: CompiledSteps, change: Change): string | null {
    try {
      const kept = rules.apply(change).filter(({ op }) => op !== 'delete');
      return kept.map((one) => Buffer.from(this.#envelope.changeJson(one)).toString()).join('\n');
    } catch {
      return null;
    }
  }
}

/** The weightiest first. */
export function effectTexts({ left, missing, other, failing, rows, isWhole }: RuleEffects): string[] {
  const number = (count: number) => count.toLocaleString('en-US');
  const of = isWhole ? '' : ` (of the first ${number(rows)} in the log)`;
  const said = [
    [failing, 'the new rules cannot be applied, dead letters when they are sent again'],
    [left, 'match no more, and stay in the target until they change'],
    [missing, 'match now, and are missing in the target until they change'],
    [other, 'come out otherwise, and stay as they are in the target until they change'],
  ] as const;
  const texts = said.flatMap(([count, text]) =>
    count === 0 ? [] : [`${text}: ${number(count)} ${count === 1 ? 'row' : 'rows'}${of}`],
  );
  return texts.length > 0 ? texts : [`no row comes out otherwise${of}`];
}
