/** What a source's own filters ask of each row, for the source to evaluate where it can. */
import type { FilterCondition } from '../../contracts/predicate.ts';
import type { StepSource } from '../../contracts/rules.ts';
import type { TableDescription } from '../../contracts/schema.ts';
import { joined } from '../conditions.ts';
import { compileExpression } from '../expression/compile.ts';
import { Stage } from '../stage.ts';
import { filter } from '../steps/filter.ts';
import { predicateOf } from './predicate-of.ts';

/**
 * The conditions of the filters before any other step: those see the table as the source sends it. A row that does not meet one
 * of them is not looked at by the others, in whatever order they stand.
 */
export function sourceFilters(steps: readonly StepSource[], table: TableDescription): readonly FilterCondition[] {
  const end = steps.findIndex(({ verb }) => verb !== filter.verb);
  return (end < 0 ? steps : steps.slice(0, end)).flatMap((step) => conditionsOf(step, table));
}

function conditionsOf({ config, path }: StepSource, table: TableDescription): FilterCondition[] {
  if (typeof config !== 'string') return [];
  const { node, bound, problems } = compileExpression(config, Stage.of(table));
  if (node === null || bound === null || problems.length > 0) {
    return [{ text: config, path, hindrance: 'it does not fit the table' }];
  }
  return joined(node).map((condition) => {
    const made = predicateOf(condition, table);
    const text = config.slice(condition.at, condition.end);
    return { text, path, ...('hindrance' in made ? made : { predicate: made }) };
  });
}
