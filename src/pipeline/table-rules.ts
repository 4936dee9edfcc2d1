/** Which steps each table goes through, on each of its ways from a source to a sink. */
import type { PipelinePlan, SourcePlan } from '../contracts/plan.ts';
import type { TableRules } from '../contracts/rules.ts';
import type { TableDescription } from '../contracts/schema.ts';
import { sinkTakes } from './sink-tables.ts';

export function tableRules(
  pipeline: PipelinePlan,
  source: SourcePlan,
  tables: readonly TableDescription[],
): readonly TableRules[] {
  const mayLackColumns = source.manifest.rehydrates?.(source.config) !== true;
  return tables.flatMap((table) => {
    const takers = pipeline.sinks.filter((sink) => sinkTakes(sink, `${table.schema}.${table.table}`));
    const ends = takers.length > 0 ? takers.map(({ transform }) => transform) : [[]];
    return ends.map((end) => ({ steps: [...source.transform, ...pipeline.transform, ...end], table, mayLackColumns }));
  });
}
