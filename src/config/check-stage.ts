/** Steps that look at other rows: what of the pipeline around them does not fit. */
import type { SinkPlan } from '../contracts/plan.ts';
import type { StepSource } from '../contracts/rules.ts';
import { didYouMean } from '../lib/did-you-mean.ts';
import { quoted } from '../lib/printable.ts';
import type { ReadContext } from './parts.ts';

/** How many of the steps of the pipeline run in its stage. Absent: none. */
export function stagedOf({ registry }: ReadContext, transform: readonly StepSource[]): { staged?: number } {
  const { rules } = registry;
  if (rules.stateful === undefined) return {};
  const last = transform.findLastIndex((step) => rules.stateful!(step) !== null);
  return last < 0 ? {} : { staged: last + 1 };
}

/** @param tables that the sources capture, `schema.table`; null: not known */
export function checkStage(
  context: ReadContext,
  transform: readonly StepSource[],
  sinks: readonly SinkPlan[],
  tables: readonly string[] | null,
): void {
  const { registry, file } = context;
  const steps = transform.flatMap((source) => ({ source, step: registry.rules.stateful?.(source) ?? null }));
  for (const { source, step } of steps) {
    if (step?.kind === 'lookup' && tables !== null)
      checkTable(context, [...source.path, source.verb, 'from'], step.from, tables);
  }
  const stateful = steps.find(({ step }) => step !== null);
  if (stateful === undefined) return;
  for (const { consistency, path } of sinks) {
    if (consistency !== 'transactional') continue;
    const message = `a sink behind ${stateful.source.verb} cannot be transactional: rows are sent again by themselves`;
    const fix = 'remove the line, or the step';
    file.report({ level: 'error', code: 'invalid-value', message, path: [...path, 'consistency'], fix });
  }
}

function checkTable(
  { file }: ReadContext,
  path: readonly (string | number)[],
  name: string,
  tables: readonly string[],
): void {
  const short = (table: string) => table.slice(table.indexOf('.') + 1);
  const named = tables.filter((table) => table === name || short(table) === name);
  if (named.length === 1) return;
  const error = (code: string, message: string, fix: string) =>
    file.report({ level: 'error', code, message, path, fix });
  if (named.length > 1) {
    error('unknown-table', `${quoted(name)} may be any of ${named.join(', ')}`, `write ${named[0]}, say`);
    return;
  }
  const known = [...new Set(tables.flatMap((table) => [short(table), table]))];
  const all = `tables: ${tables.slice(0, 8).join(', ')}${tables.length > 8 ? ', …' : ''}`;
  error(
    'unknown-table',
    `no source of this pipeline captures the table ${quoted(name)}`,
    didYouMean(name, known) ?? all,
  );
}
