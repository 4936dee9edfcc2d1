/** Tables of all sources, as their streams will describe them. */
import type { InstancePlan, PipelinePlan } from '../contracts/plan.ts';
import type { ConnectorContext } from '../contracts/plugin.ts';
import type { TableDescription } from '../contracts/schema.ts';
import { looseTables, TableDirectory } from './table-directory.ts';

export async function describeTables(
  { instance }: InstancePlan,
  pipelines: readonly PipelinePlan[],
  context: ConnectorContext,
): Promise<TableDescription[]> {
  const all: TableDescription[] = [];
  const directory = new TableDirectory({ instance, context });
  await directory.refresh(pipelines);
  for (const plan of directory.apply(pipelines).flatMap(({ sources }) => sources)) {
    const { manifest, config, name, tables, snapshot } = plan;
    all.push(...(await manifest.describe({ config, name, instance, tables, ...looseTables(plan), snapshot, context })));
  }
  return all;
}
