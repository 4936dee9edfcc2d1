/** Pre-flight of whole pipelines: every source and sink is asked, all findings come back. */
import type { CheckResult } from '../contracts/app.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Lineage } from '../contracts/log.ts';
import type { InstancePlan, PipelinePlan } from '../contracts/plan.ts';
import type { ConnectorContext, Finding } from '../contracts/plugin.ts';

const CHECK_BUFFER_BYTES = 1 << 20;
/** A check writes nothing, so it has no log of its own: no stored position is judged. */
const NO_LINEAGE: Lineage = { current: '0000000000000000', covers: () => true };

export async function checkPipelines(
  instance: InstancePlan,
  pipelines: readonly PipelinePlan[],
  context: ConnectorContext,
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const pipeline of pipelines) {
    for (const { manifest, path, ...plan } of pipeline.sources) {
      const options = { ...plan, instance: instance.instance, context };
      const findings = await asFindings(() => manifest.check(options));
      results.push({ pipeline: pipeline.name, part: `source ${plan.name} (${manifest.type})`, path, findings });
    }
    for (const { manifest, path, name, config } of pipeline.sinks) {
      const id = `${pipeline.name}.${name}`;
      const base = { config, id, pipeline: pipeline.name, generation: 0, lineage: NO_LINEAGE };
      const options = { ...base, maxBytes: CHECK_BUFFER_BYTES, context };
      const findings = await asFindings(() => manifest.check(options));
      results.push({ pipeline: pipeline.name, part: `sink ${name} (${manifest.type})`, path, findings });
    }
  }
  return results;
}

async function asFindings(check: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof TailraceError)) throw error;
    const remedy = error.remedy ?? 'see the message';
    return [{ level: 'problem', message: error.message, remedy }];
  }
}
