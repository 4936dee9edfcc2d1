/** Tables of all sources, as their streams will describe them. */
import type { InstancePlan, PipelinePlan } from '../contracts/plan.ts';
import type { ConnectorContext } from '../contracts/plugin.ts';
import type { TableDescription } from '../contracts/schema.ts';

export async function describeTables(
  { instance }: InstancePlan,
  pipelines: readonly PipelinePlan[],
  context: ConnectorContext,
): Promise<TableDescription[]> {
  const all: TableDescription[] = [];
  for (const { manifest, config, name, tables, snapshot } of pipelines.flatMap(({ sources }) => sources)) {
    all.push(...(await manifest.describe({ config, name, instance, tables, snapshot, context })));
  }
  return all;
}
