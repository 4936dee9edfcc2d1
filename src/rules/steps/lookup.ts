/** `lookup`: columns of the row of another table. What runs is the stage of the pipeline, which keeps the rows. */
import type { StepSource } from '../../contracts/rules.ts';
import type { LookupStep } from '../../contracts/stateful-steps.ts';
import { didYouMean } from '../../lib/did-you-mean.ts';
import { lookupFamily } from '../../lib/lookup-family.ts';
import { quoted } from '../../lib/printable.ts';
import { nameOf } from '../expression/types.ts';
import { Stage, type StageColumn } from '../stage.ts';
import { type Step, StepUse } from './step.ts';

const EXAMPLE = 'lookup: { from: customers, on: { id: customer_id }, take: { customer: name } }';
const KEYS: readonly string[] = ['from', 'on', 'take', 'missing', 'refresh'];

export const lookup: Step = {
  verb: 'lookup',
  summary:
    'Adds columns of the row of another table: `from`, a table that the pipeline captures; `on`, its key columns and the columns of ours that name its row, their: our; `take`, new names and its columns, new: their, or a list. The table is seen as it stands behind the steps above. When its row changes, comes or goes later, all rows that name it are sent again, so that a target ends up as the `LEFT JOIN` of the two tables (`refresh: false`: they stay as they are until they change themselves). `missing`: `null` (the default) leaves the columns NULL, `drop` leaves the row out until there is one. Values are compared exactly: text letter by letter, numbers by what they are worth. Only under `transform:` of the pipeline: what stands above it runs with it in a stage of its own, whose output is a second copy of the tables in the log. A table that lacks the columns of `on` is not affected. `tailrace verify` leaves such a pipeline out, and so does `consistency: transactional`.',
  example: EXAMPLE,
  apply(use) {
    judgeOwnStage(use);
    const given = lookupArguments(use);
    if (given === null) return;
    const other = use.other(given.from);
    const pairs = given.on.map(({ theirs, ours }) => ({
      theirs,
      column: use.column(ours, { at: ['on', theirs] }),
    }));
    if (other !== null) judgeKey(use, given, other);
    if (pairs.some(({ column }) => column === undefined)) return;
    for (const { theirs, column } of pairs) judgePair(use, column!, theirs, other?.column(theirs));
    // More columns than those that are named by steps are not known without the table.
    if (!areNew(use, given.take, use.stage.isOpen ? [] : use.stage.names())) return;
    for (const { as, theirs } of given.take) add(use, as, theirs, other);
  },
};

/** What a step says; null: it has problems. */
export function lookupOf(step: StepSource): LookupStep | null {
  return lookupArguments(new StepUse(step, Stage.unknown(), undefined));
}

/** Steps that keep state stand where the stage of the pipeline can run them. */
export function judgeOwnStage(use: StepUse): void {
  const [first] = use.pathOf([]);
  if (first === 'transform') return;
  const { verb } = use;
  use.problem('step-place', `${verb} looks at other rows: it can stand under the pipeline only`, {
    onKey: true,
    fix: 'put it under transform: of the pipeline, beside source: and sink:',
  });
}

function judgeKey(use: StepUse, { on, take }: LookupStep, other: Stage): void {
  const place = (at: readonly (string | number)[], onKey: boolean, name: string) => ({
    at,
    onKey,
    fix: didYouMean(name, other.names()),
  });
  for (const { theirs } of on)
    if (other.column(theirs) === undefined)
      use.problem(
        'unknown-column',
        `the other table has no column ${quoted(theirs)}`,
        place(['on', theirs], true, theirs),
      );
  for (const [i, { as, theirs }] of take.entries())
    if (other.column(theirs) === undefined) {
      const isList = Array.isArray((use.config as { take?: unknown }).take);
      const at = ['take', isList ? i : as];
      use.problem('unknown-column', `the other table has no column ${quoted(theirs)}`, place(at, false, theirs));
    }
  const key = other.columns.filter(({ keyOrdinal }) => keyOrdinal !== undefined).map(({ name }) => name);
  const isKey = key.length === on.length && on.every(({ theirs }) => key.includes(theirs));
  if (isKey || on.some(({ theirs }) => other.column(theirs) === undefined)) return;
  const which = key.length === 0 ? 'it has none' : `it is ${key.join(', ')}`;
  use.problem('lookup-key', `"on" must name the key of the other table, all of it: ${which}`, {
    at: ['on'],
    onKey: true,
  });
}

function judgePair(use: StepUse, ours: StageColumn, theirs: string, other: StageColumn | undefined): void {
  if (ours.is === null || other === undefined || other.is === null) return;
  const family = lookupFamily(ours.is.kind);
  if (family !== null && family === lookupFamily(other.is.kind)) return;
  const message = `${quoted(ours.name)} is ${nameOf(ours.type)}, ${quoted(theirs)} of the other table ${nameOf(other.type)}: they cannot be compared`;
  const fix = family === null ? undefined : `cast it before: cast: { ${ours.name}: ${nameOf(other.type)} }`;
  use.problem('type-mismatch', message, { at: ['on', theirs], fix });
}

function add({ stage }: StepUse, as: string, theirs: string, other: Stage | null): void {
  const found = other?.column(theirs);
  stage.columns.push({
    ...{ name: as, nullable: true, keyOrdinal: undefined, slot: 0, inputs: [], ofRowOnly: true },
    is: found?.is ?? null,
    type: found?.type ?? Stage.unknown().column(as)!.type,
    run: () => null,
  });
}

type Given = Readonly<Record<string, unknown>>;

/** Reports what is wrong; null: something is. */
function lookupArguments(use: StepUse): LookupStep | null {
  const { config } = use;
  if (!isMap(config)) {
    use.problem('step-argument', 'a map must stand here', { fix: `for example ${EXAMPLE}` });
    return null;
  }
  const before = use.stage.problems.length;
  for (const key of Object.keys(config)) {
    if (KEYS.includes(key)) continue;
    const fix = didYouMean(key, KEYS) ?? `there are ${KEYS.join(', ')}`;
    use.problem('unknown-key', `"lookup" has no ${quoted(key)}`, { at: [key], onKey: true, fix });
  }
  const from = text(use, config, 'from', 'the name of a table');
  const on = pairsOf(use, config, 'on').map(([theirs, ours]) => ({ theirs, ours }));
  const take = takenOf(use, config);
  const missing = config.missing ?? 'null';
  const { refresh = true } = config;
  if (missing !== 'null' && missing !== 'drop')
    use.problem('step-argument', '"missing" must be null or drop', { at: ['missing'] });
  if (typeof refresh !== 'boolean')
    use.problem('step-argument', '"refresh" must be true or false', { at: ['refresh'] });
  if (use.stage.problems.length > before) return null;
  return { kind: 'lookup', from, on, take, missing: missing as 'null' | 'drop', refresh: refresh as boolean };
}

function text(use: StepUse, given: Given, key: string, what: string): string {
  const value = given[key];
  if (typeof value === 'string' && value !== '') return value;
  const at = value === undefined ? [] : [key];
  use.problem('step-argument', `${what} must stand under "${key}"`, { at, fix: `for example ${EXAMPLE}` });
  return '';
}

/** `{ a: b }`, at least one. */
function pairsOf(use: StepUse, given: Given, key: string): readonly (readonly [string, string])[] {
  const value = given[key];
  const entries = isMap(value) ? Object.entries(value) : [];
  if (entries.length === 0) {
    const at = value === undefined ? [] : [key];
    use.problem('step-argument', `a map of columns must stand under "${key}"`, { at, fix: `for example ${EXAMPLE}` });
  }
  return entries.flatMap(([left, right]) => {
    if (typeof right === 'string' && right !== '') return [[left, right] as const];
    use.problem('step-argument', 'the name of a column must stand here', { at: [key, left] });
    return [];
  });
}

function takenOf(use: StepUse, given: Given): LookupStep['take'] {
  const { take } = given;
  if (!Array.isArray(take)) return pairsOf(use, given, 'take').map(([as, theirs]) => ({ as, theirs }));
  if (take.length === 0) use.problem('step-argument', 'columns must stand under "take"', { at: ['take'] });
  return take.flatMap((name: unknown, i) => {
    if (typeof name === 'string' && name !== '') return [{ as: name, theirs: name }];
    use.problem('step-argument', 'the name of a column must stand here', { at: ['take', i] });
    return [];
  });
}

/** None of them is a column that there is already, and none stands there twice. */
function areNew(use: StepUse, take: LookupStep['take'], there: readonly string[]): boolean {
  const names = new Set(there);
  const isList = Array.isArray((use.config as Given).take);
  const twice = take.findIndex(({ as }) => {
    if (names.has(as)) return true;
    names.add(as);
    return false;
  });
  if (twice < 0) return true;
  const { as } = take[twice]!;
  const fix = isList ? `give it another name: take: { other_name: ${as} }` : 'choose another name';
  const at = ['take', isList ? twice : as];
  use.problem('duplicate-column', `there would be two columns ${quoted(as)}`, { at, onKey: !isList, fix });
  return false;
}

function isMap(value: unknown): value is Given {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
