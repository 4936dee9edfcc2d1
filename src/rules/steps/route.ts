/** `route`: rows of one table as rows of several. What runs is route-transform.ts. */
import type { StepSource } from '../../contracts/rules.ts';
import { quoted } from '../../lib/printable.ts';
import type { CompiledExpression } from '../expression/compile.ts';
import { nameOf } from '../expression/types.ts';
import { dependencies, Stage } from '../stage.ts';
import { columnMap, isNamed } from './arguments.ts';
import { type Step, StepUse } from './step.ts';

const EXAMPLE = "route: { orders: { orders_eu: region = 'eu', orders_us: region = 'us' } }";
const ONLY_BEHIND_THE_LOG =
  'route works behind the log only: before it, each table has a topic of its own and no other';

export interface RouteCase {
  /** Name of the table, in the schema of the one that is routed. */
  readonly table: string;
  readonly condition: string;
  readonly path: readonly (string | number)[];
}

export const route: Step = {
  verb: 'route',
  summary:
    'Makes rows of a table rows of other tables, which a sink writes where it writes tables of these names (`index: "{table}"`). Below the name of the table stand the others and their conditions: the first that is true decides, a row for which none is stays where it is. A row for which another is true after an update is deleted where it was and written where it is, by one write. Where the source sends no old rows (PostgreSQL: without `REPLICA IDENTITY FULL`) an update deletes the row in all other places, unless the conditions look at key columns alone. Truncates and sweeps of snapshots reach all places. A sink behind it needs every change: dead letters block their row (`dead_letters: skip` is refused), and it is a gap when compaction was faster than it. `tailrace verify` leaves the table out. Only under `transform:` of the pipeline or of a sink.',
  example: EXAMPLE,
  apply(use) {
    judgePlace(use);
    const table = tableOf(use);
    if (table === null) return;
    const cases = casesOf(use, table);
    if (!isNamed([table], use.stage.name)) {
      use.elsewhere('unknown-table', `no table here is ${quoted(table)}`, { at: [table] });
      return;
    }
    const { stage } = use;
    if (stage.routes.some(({ from }) => from === table || !stage.isOpen)) {
      const fix = 'put all cases into one step';
      use.problem('step-place', 'its rows are routed above already', { at: [table], onKey: true, fix });
    }
    for (const { table: name, condition, path } of cases) {
      const compiled = use.expression(condition, [table, name]);
      if (compiled !== null) judge(use, compiled, [table, name]);
      stage.routes.push({ from: table, table: name, path });
    }
  },
};

/** What a step that has no problem says. */
export function routeOf(step: StepSource): { readonly from: string; readonly cases: readonly RouteCase[] } {
  const use = new StepUse(step, Stage.unknown(), undefined);
  const from = tableOf(use)!;
  return { from, cases: casesOf(use, from) };
}

/** Whether the step is for the table, `schema.table`. */
export function isRouteOf(step: StepSource, table: string): boolean {
  return step.verb === route.verb && isNamed([routeOf(step).from], table);
}

function judgePlace(use: StepUse): void {
  const kind = use.pathOf([])[0];
  if (kind === 'source' || kind === 'sources') {
    const fix = 'put it under transform: of the pipeline or of a sink; messages of their own topics are made by outbox';
    use.problem('step-place', ONLY_BEHIND_THE_LOG, { onKey: true, fix });
  }
}

function tableOf(use: StepUse): string | null {
  const entries = columnMap(use, EXAMPLE);
  if (entries.length === 0) return null;
  const second = entries[1];
  if (second !== undefined) {
    use.problem('step-argument', 'one table must stand here', {
      at: [second[0]],
      onKey: true,
      fix: 'make it a step of its own',
    });
    return null;
  }
  return entries[0]![0];
}

function casesOf(use: StepUse, table: string): readonly RouteCase[] {
  const given = (use.config as Readonly<Record<string, unknown>>)[table];
  if (typeof given !== 'object' || given === null || Array.isArray(given) || Object.keys(given).length === 0) {
    use.problem('step-argument', 'a map from tables to conditions must stand here', {
      at: [table],
      fix: `for example ${EXAMPLE}`,
    });
    return [];
  }
  return Object.entries(given).flatMap(([name, condition]) => {
    const at = [table, name];
    const text = typeof condition === 'boolean' ? String(condition) : condition;
    if (name === '' || name.includes('.')) {
      use.problem('step-argument', 'the name of a table must stand here, without its schema', { at, onKey: true });
      return [];
    }
    if (typeof text !== 'string' || text.trim() === '') {
      use.problem('step-argument', 'a condition must stand here', { at, fix: `for example ${EXAMPLE}` });
      return [];
    }
    return [{ table: name, condition: text, path: use.pathOf(at) }];
  });
}

/** Where a row is must be told by the row alone: it is asked of old rows too. */
function judge(use: StepUse, compiled: CompiledExpression, at: readonly string[]): void {
  if (compiled.bound === null) return;
  const { type } = compiled.bound;
  if (!['bool', 'untyped', 'unresolved'].includes(type.kind))
    use.problem('type-mismatch', `a condition is needed, this is ${nameOf(type)}`, {
      at,
      fix: 'compare it with something, for example … > 0',
    });
  if (!dependencies(compiled).ofRowOnly)
    use.problem('step-argument', 'where a row goes can only depend on its columns', {
      at,
      fix: 'leave out before., $op and the like',
    });
}
