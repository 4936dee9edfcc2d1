/** Pre-flight of whole pipelines: every source and sink is asked, rules are held against the tables, all findings come back. */
import type { CheckResult } from '../contracts/app.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Lineage } from '../contracts/log.ts';
import type { InstancePlan, PipelinePlan, SourcePlan } from '../contracts/plan.ts';
import type { ConnectorContext, Finding } from '../contracts/plugin.ts';
import type { FilterPlace } from '../contracts/predicate.ts';
import type { Rules } from '../contracts/rules.ts';
import type { TableDescription } from '../contracts/schema.ts';
import { isPattern, matchesName } from '../lib/name-pattern.ts';
import { filterPlaces, placeTexts, sourceFilters } from './source-filters.ts';
import { labelOf } from './stored-names.ts';
import { declaredTables, looseTables, TableDirectory } from './table-directory.ts';
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
    for (const plan of pipeline.sinks) {
      const { manifest, path, config } = plan;
      const id = `${pipeline.name}.${plan.name}`;
      const base = { config, id, pipeline: pipeline.name, generation: 0, lineage: NO_LINEAGE };
      const options = { ...base, maxBytes: CHECK_BUFFER_BYTES, context };
      const findings = await asFindings(() => manifest.check(options));
      const part = `sink ${labelOf(plan)} (${manifest.type})`;
      results.push({ pipeline: labelOf(pipeline), part, path, findings, problems: [] });
    }
  }
  return results;
}

async function checkSource(
  instance: InstancePlan,
  pipeline: PipelinePlan,
  declared: SourcePlan,
  rules: Rules,
  context: ConnectorContext,
): Promise<CheckResult> {
  const { manifest, path, name, config, snapshot } = declared;
  let described: readonly TableDescription[] = [];
  let filters: readonly FilterPlace[] = [];
  let plan = declared;
  const findings = await asFindings(async () => {
    const matched = await matchedTables(instance, declared, context);
    plan = matched.plan;
    const { tables } = plan;
    const options = { config, name, instance: instance.instance, tables, ...looseTables(plan), snapshot, context };
    const found = await manifest.check(options);
    if (found.some(({ level }) => level === 'problem')) return [...declaredFindings(found, plan), ...matched.findings];
    described = await manifest.describe(options);
    filters = await filterPlaces(plan, { ...options, ...sourceFilters(plan, described, rules) });
    const shown = placeTexts(filters).map((message): Finding => ({ level: 'ok', message }));
    return [...declaredFindings(found, plan), ...matched.findings, ...shown];
  });
  const problems = rules.lintTables(tableRules(pipeline, plan, described));
  const part = `source ${labelOf(declared)} (${manifest.type})`;
  return { pipeline: labelOf(pipeline), part, path, findings, problems, ...(filters.length > 0 && { filters }) };
}

/** The source with the tables that its patterns stand for, and what is left out of them. */
async function matchedTables(
  { instance }: InstancePlan,
  plan: SourcePlan,
  context: ConnectorContext,
): Promise<{ readonly plan: SourcePlan; readonly findings: readonly Finding[] }> {
  const declared = declaredTables(plan);
  if (!declared.some(isPattern)) return { plan, findings: [] };
  const directory = new TableDirectory({ instance, context: { ...context, log: () => {} } });
  const all = await directory.ask(plan);
  await directory.add(plan, all);
  const unfit = all.flatMap(({ name, unfit: why }) => {
    const index = declared.findIndex((pattern) => isPattern(pattern) && matchesName(pattern, name));
    return why === null || index < 0 || declared.includes(name) ? [] : [{ why, index }];
  });
  const findings = unfit.map(({ why, index }): Finding => {
    return { level: 'warning', message: `not captured: ${why.message}`, remedy: why.remedy, path: ['tables', index] };
  });
  const pipeline = { name: '', file: '', sources: [plan], transform: [], sinks: [] };
  return { plan: directory.apply([pipeline])[0]!.sources[0]!, findings };
}

const declaredFindings = (found: readonly Finding[], plan: SourcePlan) => found.map((one) => asDeclared(one, plan));

/** A finding of a table points at what stands for it in the file. */
function asDeclared(finding: Finding, { declared, tables }: SourcePlan): Finding {
  const [key, index, ...rest] = finding.path ?? [];
  if (declared === undefined || key !== 'tables' || typeof index !== 'number') return finding;
  const name = tables[index]!;
  const exact = declared.indexOf(name);
  const at = exact >= 0 ? exact : declared.findIndex((pattern) => isPattern(pattern) && matchesName(pattern, name));
  return { ...finding, path: [key, at, ...rest] };
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
