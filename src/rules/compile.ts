/** Steps held against a table, or against none: what is wrong with them, and the program they make. */
import { TailraceError } from '../contracts/errors.ts';
import type { Change } from '../contracts/row.ts';
import type { Problem, RowTransform, StepSource } from '../contracts/rules.ts';
import { type Column, keyColumns, type TableDescription, type TableSchema } from '../contracts/schema.ts';
import type { StatefulStep } from '../contracts/stateful-steps.ts';
import { didYouMean } from '../lib/did-you-mean.ts';
import { quoted } from '../lib/printable.ts';
import { canonicalSchema, schemaId } from '../lib/schema-id.ts';
import { OutboxTransform } from './outbox-transform.ts';
import { routeSteps } from './route-transform.ts';
import { splitSteps } from './split-transform.ts';
import { Stage } from './stage.ts';
import { stepCatalogue } from './steps/catalogue.ts';
import { dedupe, dedupeOf } from './steps/dedupe.ts';
import { lookup, lookupOf } from './steps/lookup.ts';
import { isOutboxOf, outboxOf } from './steps/outbox.ts';
import { isRouteOf } from './steps/route.ts';
import { split } from './steps/split.ts';
import { type Step, StepUse } from './steps/step.ts';
import { CompiledTransform, type Program } from './transform.ts';

/** Those of plugins are added: like their modules they are there as long as the process. */
const BY_VERB = new Map(stepCatalogue.map((step) => [step.verb, step]));
export const verbs = (): readonly string[] => [...BY_VERB.keys()];
export const fileVerbs: readonly string[] = stepCatalogue.filter((step) => step.takesFile).map(({ verb }) => verb);

/** Throws `plugin.clash` when there is a step of the verb. */
export function addStep(step: Step): void {
  if (BY_VERB.has(step.verb)) throw new TailraceError('plugin.clash', `there is a step ${quoted(step.verb)} already`);
  BY_VERB.set(step.verb, step);
}

/**
 * Runs the steps over a stage, which then holds what they made and what is wrong.
 * @param maskKey undefined: not judged
 */
export function runSteps(steps: readonly StepSource[], stage: Stage, maskKey: string | null | undefined): Stage {
  for (const [i, source] of steps.entries()) {
    if (stage.isEnded) break;
    stage.stepsRun++;
    const step = BY_VERB.get(source.verb);
    if (step === undefined) stage.problems.push(unknownVerb(source));
    else step.apply(new StepUse(source, stage, maskKey, steps.slice(0, i)));
  }
  return stage;
}

function unknownVerb({ verb, path }: StepSource): Problem {
  const fix = didYouMean(verb, verbs()) ?? `there are ${verbs().join(', ')}`;
  const message = `${quoted(verb)} is not a step`;
  return { level: 'error', code: 'unknown-step', message, path: [...path, verb], onKey: true, fix };
}

/** Throws `config.invalid` when something is wrong. */
export function compileSteps(steps: readonly StepSource[], table: TableSchema, maskKey: string | null): RowTransform {
  const stage = runSteps(steps, Stage.of(table), maskKey);
  const problem = stage.problems.find(({ level }) => level === 'error');
  if (problem !== undefined) throw invalid(table, problem);
  const stateful = steps.find((step) => statefulStep(step) !== null);
  if (stateful !== undefined) throw needsRows(stateful);
  const end = steps.findIndex((step) => isOutboxOf(step, `${table.schema}.${table.table}`));
  if (end >= 0) {
    const above = compileSteps(steps.slice(0, end), table, maskKey);
    return new OutboxTransform(above, outboxOf(steps[end]!));
  }
  const routed = steps.findIndex((step) => isRouteOf(step, `${table.schema}.${table.table}`));
  if (routed >= 0) return routeSteps(steps, routed, table, (part, of) => compileSteps(part, of, maskKey));
  const cut = steps.findIndex(({ verb }) => verb === split.verb);
  if (cut >= 0) return splitSteps(steps, cut, table, (part, of) => compileSteps(part, of, maskKey));
  const program = programOf(stage, table);
  if (program.isIdentity && program.instructions.length === 0) return new NoTransform(table);
  return new CompiledTransform(program);
}

/** Steps that look at other rows are run by the pipeline. */
export function statefulStep(step: StepSource): StatefulStep | null {
  if (step.verb === dedupe.verb) return dedupeOf(step);
  return step.verb === lookup.verb ? lookupOf(step) : null;
}

function needsRows({ verb, path }: StepSource): TailraceError {
  const message = `${verb} at ${path.join('.')} looks at other rows, and there are none here`;
  return new TailraceError('config.invalid', message, { remedy: 'tests of rules cannot go through it' });
}

function invalid({ schema, table }: TableDescription, { message, path, fix }: Problem): TailraceError {
  const place = path.join('.');
  return new TailraceError(
    'config.invalid',
    `the rule at ${place} does not fit table ${quoted(`${schema}.${table}`)}: ${message}`,
    {
      remedy: fix ?? 'run tailrace check: it shows every such place',
    },
  );
}

function programOf(stage: Stage, table: TableSchema): Program {
  const columns = stage.describe();
  const slots = stage.columns.map(({ slot }) => slot);
  const isIdentity =
    slots.length === table.columns.length &&
    slots.every((slot, i) => slot === i) &&
    hasSameNames(columns, table.columns);
  const { instructions, registers } = stage;
  const output = isIdentity ? table : outputTable(table, columns);
  return {
    columns: output.columns,
    slots,
    registers,
    output,
    instructions,
    isIdentity,
    newKey: newKey(stage, output, table),
  };
}

function hasSameNames(a: readonly Column[], b: readonly Column[]): boolean {
  return a.every(({ name }, i) => name === b[i]!.name);
}

function outputTable(table: TableSchema, columns: readonly Column[]): TableSchema {
  const { source, schema, table: name } = table;
  const description = { source, schema, table: name, columns };
  if (canonicalSchema(description) === canonicalSchema(table)) return table;
  return { id: schemaId(description), ...description };
}

/** Null when the text of the key stays as it is. */
function newKey({ columns }: Stage, output: TableSchema, input: TableSchema): readonly number[] | null {
  const keys = keyColumns(output).map(({ name }) => columns.findIndex((column) => column.name === name));
  const isSame = keyColumns(input).every(({ name }, i) => {
    const column = columns[keys[i]!];
    return column?.name === name && column.slot >= 0 && input.columns[column.slot]!.name === name;
  });
  return isSame ? null : keys;
}

/** No step changes this table. */
class NoTransform implements RowTransform {
  readonly output: TableSchema;

  constructor(table: TableSchema) {
    this.output = table;
  }

  apply(change: Change): readonly Change[] {
    return [change];
  }
}
