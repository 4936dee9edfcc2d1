/** Pre-flight of whole pipelines: every source and sink is asked, rules are held against the tables, all findings come back. */
import type { CheckResult } from '../contracts/app.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Lineage } from '../contracts/log.ts';
import type { InstancePlan, PipelinePlan, SourcePlan } from '../contracts/plan.ts';
import type { ConnectorContext, Finding } from '../contracts/plugin.ts';
import type { Rules } from '../contracts/rules.ts';
import type { TableDescription } from '../contracts/schema.ts';
import { tableRules } from './table-rules.ts';

const CHECK_BUFFER_BYTES = 1 << 20;
/** A check writes nothing, so it has no log of its own: no stored position is judged. */
const NO_LINEAGE: Lineage = { current: '0000000000000000', covers: () => true };

export async function checkPipelines(
  instance: InstancePlan,
  pipelines: readonly PipelinePlan[],
  rules: Rules,
  context: ConnectorContext,
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const pipeline of pipelines) {
    for (const source of pipeline.sources) {
      results.push(await checkSource(instance, pipeline, source, rules, context));
    }
    for (const { manifest, path, name, config } of pipeline.sinks) {
      const id = `${pipeline.name}.${name}`;
      const base = { config, id, pipeline: pipeline.name, generation: 0, lineage: NO_LINEAGE };
      const options = { ...base, maxBytes: CHECK_BUFFER_BYTES, context };
      const findings = await asFindings(() => manifest.check(options));
      results.push({ pipeline: pipeline.name, part: `sink ${name} (${manifest.type})`, path, findings, problems: [] });
    }
  }
  return results;
}

async function checkSource(
  instance: InstancePlan,
  pipeline: PipelinePlan,
  plan: SourcePlan,
  rules: Rules,
  context: ConnectorContext,
): Promise<CheckResult> {
  const { manifest, path, name, config, tables, snapshot } = plan;
  const options = { config, name, instance: instance.instance, tables, snapshot, context };
  let described: readonly TableDescription[] = [];
  const findings = await asFindings(async () => {
    const found = await manifest.check(options);
    if (!found.some(({ level }) => level === 'problem')) described = await manifest.describe(options);
    return found;
  });
  const problems = rules.lintTables(tableRules(pipeline, plan, described));
  return { pipeline: pipeline.name, part: `source ${name} (${manifest.type})`, path, findings, problems };
}

async function asFindings(check: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof TailraceError)) throw error;
    const remedy = error.remedy ?? 'see the message';
    return [{ level: 'problem', message: error.message, remedy, code: error.code }];
  }
}
