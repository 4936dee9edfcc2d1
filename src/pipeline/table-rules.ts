/** Which steps each table goes through, on each of its ways from a source to a sink. */
import { TailraceError } from '../contracts/errors.ts';
import type { PipelinePlan, SourcePlan } from '../contracts/plan.ts';
import type { Problem, Rules, TableRules } from '../contracts/rules.ts';
import type { TableDescription } from '../contracts/schema.ts';
import { sinkTakes } from './sink-tables.ts';

export function tableRules(
  pipeline: PipelinePlan,
  source: SourcePlan,
  tables: readonly TableDescription[],
): readonly TableRules[] {
  const mayLackColumns = source.manifest.rehydrates?.(source.config) !== true;
  const others = tables.map((table) => ({ table, steps: source.transform }));
  return tables.flatMap((table) => {
    const takers = pipeline.sinks.filter((sink) => sinkTakes(sink, `${table.schema}.${table.table}`));
    const ends = takers.length > 0 ? takers.map(({ transform }) => transform) : [[]];
    return ends.map((end) => ({
      steps: [...source.transform, ...pipeline.transform, ...end],
      table,
      others,
      mayLackColumns,
    }));
  });
}

/** Null: the rules fit these tables. */
export function misfit(source: string, uses: readonly TableRules[], rules: Rules): TailraceError | null {
  const wrong: Problem | undefined = rules.lintTables(uses).find(({ level }) => level === 'error');
  if (wrong === undefined) return null;
  return new TailraceError('config.invalid', `the rules do not fit the tables of ${source}: ${wrong.message}`, {
    remedy: `${wrong.fix === undefined ? '' : `${wrong.fix}; `}\`tailrace check\` shows every place`,
  });
}
