/** Holds the rules of other pipeline files against the tables of sources that run, before anything is stopped for them. */
import type { TailraceError } from '../contracts/errors.ts';
import type { InstancePlan, PipelinePlan, SourcePlan } from '../contracts/plan.ts';
import type { ConnectorContext } from '../contracts/plugin.ts';
import type { Rules } from '../contracts/rules.ts';
import type { TableDescription } from '../contracts/schema.ts';
import { looseTables } from './table-directory.ts';
import { misfit, tableRules } from './table-rules.ts';

/**
 * Sources that do not run yet are asked when they begin.
 * @param known tables of a source as it found them, or null
 * @throws `config.invalid`
 */
export async function checkRules(
  pipelines: readonly PipelinePlan[],
  known: (source: string) => readonly TableDescription[] | null,
  options: { readonly instance: InstancePlan; readonly rules: Rules; readonly context: ConnectorContext },
): Promise<void> {
  const { instance, rules, context } = options;
  for (const pipeline of pipelines) {
    for (const source of pipeline.sources) {
      const found = known(source.name);
      const wrong = found === null ? null : misfitOf(pipeline, source, found, rules);
      if (wrong === null) continue;
      // Perhaps a table has other columns by now.
      const { manifest, config, name, tables, snapshot } = source;
      const asked = { config, name, instance: instance.instance, tables, ...looseTables(source), snapshot, context };
      const now = await manifest.describe(asked).catch(() => null);
      const still = now === null ? wrong : misfitOf(pipeline, source, now, rules);
      if (still !== null) throw still;
    }
  }
}

/** Null where one of its tables is not known: what is known says too little then. */
function misfitOf(
  pipeline: PipelinePlan,
  source: SourcePlan,
  known: readonly TableDescription[],
  rules: Rules,
): TailraceError | null {
  const own = source.tables.map((name) => known.find(({ schema, table }) => `${schema}.${table}` === name));
  const tables = own.filter((table) => table !== undefined);
  return tables.length < own.length ? null : misfit(source.name, tableRules(pipeline, source, tables), rules);
}
