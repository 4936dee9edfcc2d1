/** Transform steps: what `transform:` lists in a pipeline file. */
import type { Problem, Rules, StepSource, TableRules } from '../contracts/rules.ts';
import { addStep, compileSteps, fileVerbs, runSteps, statefulStep, verbs } from './compile.ts';
import { conditions } from './conditions.ts';
import { sourceFilters } from './pushdown/source-filters.ts';
import { RoutedTables } from './routed-tables.ts';
import { Stage } from './stage.ts';
import { isNamed } from './steps/arguments.ts';
import { pluginStep } from './steps/plugin-step.ts';
import { route } from './steps/route.ts';

export function createRules(): Rules {
  return {
    get verbs() {
      return verbs();
    },
    fileVerbs,
    add: (step) => addStep(pluginStep(step)),
    lint(steps, { maskKey }) {
      const { problems, absences } = runSteps(steps, Stage.unknown(), maskKey);
      // Whatever the table: an earlier step left only named columns.
      return [...problems, ...absences.map(({ problem }) => problem)];
    },
    lintTable: (steps, table) => runSteps(steps, Stage.of(table), undefined).problems,
    lintTables,
    conditions,
    stateful: statefulStep,
    sourceFilters,
    compile: (steps, table, { maskKey }) => compileSteps(steps, table, maskKey),
    needEveryChange: (steps) => steps.some(({ verb }) => verb === route.verb),
  };
}

/**
 * All problems, once each. A column that a step names and a table lacks is a problem when every table that the step is for
 * lacks it.
 */
function lintTables(uses: readonly TableRules[]): readonly Problem[] {
  const found = new Map<string, Problem>();
  const absent = new Map<string, { problem: Problem; step: string; tables: number }>();
  const tablesOfStep = new Map<string, number>();
  const places = new RoutedTables();
  for (const { steps, table, mayLackColumns = false, others = [] } of uses) {
    const stage = Stage.of(table, mayLackColumns);
    stage.others = (name, above) => behindSteps(name, above, others);
    const { problems, absences, stepsRun } = runSteps(steps, stage, undefined);
    places.add(steps, table, stage.routes);
    for (const step of new Set(steps.slice(0, stepsRun).map(stepName)))
      tablesOfStep.set(step, (tablesOfStep.get(step) ?? 0) + 1);
    for (const problem of problems) found.set(problemName(problem), problem);
    for (const { problem, path } of absences) {
      const name = problemName(problem);
      const known = absent.get(name);
      if (known === undefined) absent.set(name, { problem, step: JSON.stringify(path), tables: 1 });
      else
        absent.set(name, {
          ...known,
          tables: known.tables + 1,
          problem: known.problem.fix === undefined ? problem : known.problem,
        });
    }
  }
  for (const [name, { problem, step, tables }] of absent) {
    if (tables === tablesOfStep.get(step)) found.set(name, problem);
  }
  for (const problem of places.problems()) found.set(problemName(problem), problem);
  return [...found.values()];
}

/** Of several tables of the name none is meant. */
function behindSteps(
  name: string,
  above: readonly StepSource[],
  others: NonNullable<TableRules['others']>,
): Stage | null {
  const named = others.filter(({ table }) => isNamed([name], `${table.schema}.${table.table}`));
  const [other] = named;
  if (other === undefined || named.length > 1) return null;
  const ofPipeline = above.filter(({ path }) => path[0] === 'transform');
  const stage = Stage.of(other.table);
  stage.others = (another, steps) => behindSteps(another, steps, others);
  return runSteps([...other.steps, ...ofPipeline], stage, undefined);
}

function stepName({ path }: StepSource): string {
  return JSON.stringify(path);
}

/** The same place and cause, whichever table showed it; the nearest column may differ. */
function problemName({ code, message, path, offset }: Problem): string {
  return JSON.stringify([code, message, path, offset]);
}
