/** `filter`: only rows that match stand in the target. */
import type { Bound } from '../expression/bound.ts';
import type { CompiledExpression } from '../expression/compile.ts';
import { nameOf } from '../expression/types.ts';
import { dependencies } from '../stage.ts';
import type { Step, StepUse } from './step.ts';

const EXAMPLE = 'filter: published and stock > 0';

export const filter: Step = {
  verb: 'filter',
  summary:
    'Keeps the rows for which the condition is true. A row that stops matching becomes a delete; deletes always pass.',
  example: EXAMPLE,
  apply(use) {
    const { config } = use;
    const text = typeof config === 'boolean' ? String(config) : config;
    if (typeof text !== 'string' || text.trim() === '') {
      use.problem('step-argument', 'a condition must stand here', { fix: `for example ${EXAMPLE}` });
      return;
    }
    const compiled = use.expression(text, []);
    if (compiled?.bound == null || !isCondition(use, compiled.bound)) return;
    if (compiled.looksAtEvent) {
      const message =
        'this filter looks at the event, but a filter decides which rows stand in the target: a row whose last event does not match is deleted there';
      use.warning('filter-event', message);
    }
    use.judgeUnsent(compiled, 'all', []);
    add(use, compiled, compiled.bound);
  },
};

function isCondition(use: StepUse, { type, place }: Bound): boolean {
  if (['bool', 'untyped', 'unresolved'].includes(type.kind)) return true;
  use.stage.problems.push({
    level: 'error',
    code: 'type-mismatch',
    message: `a filter needs a condition, this is ${nameOf(type)}`,
    path: use.pathOf([]),
    offset: place.at,
    length: place.end - place.at,
    fix: 'compare it with something, for example … > 0',
  });
  return false;
}

function add(use: StepUse, compiled: CompiledExpression, { run }: Bound): void {
  const test = { run, label: use.label(), ...dependencies(compiled) };
  use.stage.instructions.push({ kind: 'filter', test });
}
