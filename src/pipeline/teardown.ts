/** Removes what sources made upstream: replication slots, publications. */
import type { TeardownResult } from '../contracts/app.ts';
import { errorWords, TailraceError } from '../contracts/errors.ts';
import type { InstancePlan, PipelinePlan } from '../contracts/plan.ts';
import type { ConnectorContext } from '../contracts/plugin.ts';
import { labelOf } from './stored-names.ts';

/** One source that cannot be reached does not keep the others. */
export async function teardownPipelines(
  { instance }: InstancePlan,
  pipelines: readonly PipelinePlan[],
  context: ConnectorContext,
): Promise<TeardownResult[]> {
  const results: TeardownResult[] = [];
  for (const pipeline of pipelines) {
    for (const source of pipeline.sources) {
      const { manifest, name, config, tables, snapshot } = source;
      const part = `source ${labelOf(source)} (${manifest.type})`;
      try {
        await manifest.teardown({ config, name, instance, tables, snapshot, context });
        results.push({ pipeline: labelOf(pipeline), part, error: null });
      } catch (error) {
        if (!(error instanceof TailraceError)) throw error;
        results.push({ pipeline: labelOf(pipeline), part, error: errorWords(error) });
      }
    }
  }
  return results;
}
