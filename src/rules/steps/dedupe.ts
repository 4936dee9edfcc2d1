/** `dedupe`: of rows that say the same the first one. What runs is the stage of the pipeline, which keeps what it has seen. */
import type { StepSource } from '../../contracts/rules.ts';
import type { DedupeStep } from '../../contracts/stateful-steps.ts';
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import { durationMs } from '../../lib/schema.ts';
import { Stage } from '../stage.ts';
import { judgeOwnStage } from './lookup.ts';
import { type Step, StepUse } from './step.ts';

const EXAMPLE = 'dedupe: { by: [event_id], within: 10m }';
const KEYS: readonly string[] = ['by', 'within'];

export const dedupe: Step = {
  verb: 'dedupe',
  summary:
    'Leaves out rows that are inserted with the same values in the columns `by` as another row within the time `within`, counted in commit times from the row that was let through. For tables to which rows are added: updates and deletes pass, and so do the rows that a snapshot reads, for nobody knows when they were written. When the row that was let through is deleted, or gets another key, the next one passes. NULL is a value like others. A kill changes nothing in what passes. Only under `transform:` of the pipeline: what stands above it runs with it in a stage of its own, whose output is a second copy of the tables in the log. A table that lacks one of the columns is not affected. `tailrace verify` leaves such a pipeline out, and so does `consistency: transactional`.',
  example: EXAMPLE,
  apply(use) {
    judgeOwnStage(use);
    const given = dedupeArguments(use);
    for (const [i, name] of (given?.by ?? []).entries()) {
      const isList = Array.isArray((use.config as { by?: unknown }).by);
      use.column(name, { at: isList ? ['by', i] : ['by'] });
    }
  },
};

/** What a step says; null: it has problems. */
export function dedupeOf(step: StepSource): DedupeStep | null {
  return dedupeArguments(new StepUse(step, Stage.unknown(), undefined));
}

/** Reports what is wrong; null: something is. */
function dedupeArguments(use: StepUse): DedupeStep | null {
  const { config } = use;
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    use.problem('step-argument', 'a map must stand here', { fix: `for example ${EXAMPLE}` });
    return null;
  }
  const given = config as Readonly<Record<string, unknown>>;
  const before = use.stage.problems.length;
  for (const key of Object.keys(given)) {
    if (KEYS.includes(key)) continue;
    const fix = didYouMean(key, KEYS) ?? `there are ${KEYS.join(', ')}`;
    use.problem('unknown-key', `"dedupe" has no ${quoted(key)}`, { at: [key], onKey: true, fix });
  }
  const by: readonly unknown[] = Array.isArray(given.by) ? given.by : [given.by];
  const isList = by.length > 0 && by.every((name) => typeof name === 'string' && name !== '');
  if (!isList) {
    const at = 'by' in given ? ['by'] : [];
    use.problem('step-argument', 'columns must stand under "by"', { at, fix: `for example ${EXAMPLE}` });
  }
  const within = durationMs().safeParse(given.within);
  if (!within.success || within.data <= 0) {
    const at = 'within' in given ? ['within'] : [];
    use.problem('step-argument', 'a time must stand under "within"', { at, fix: `for example ${EXAMPLE}` });
  }
  if (use.stage.problems.length > before || !within.success) return null;
  return { kind: 'dedupe', by: by as readonly string[], withinMs: within.data };
}
