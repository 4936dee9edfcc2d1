import { expect, test } from 'vitest';
import fc from '../../../test/support/fast-check.ts';
import {
  hasArrived,
  KeptTables,
  Script,
  type ScriptedChange,
  startLookup,
  stepsOf,
} from '../../../test/support/lookup-scene.ts';
import { temporaryDirectory, until } from '../../../test/support/scripted-scene.ts';
import { TailraceError } from '../../contracts/errors.ts';

const dir = temporaryDirectory();
const RUNS = process.env.TAILRACE_FULL === undefined ? 3 : 150;
const WINDOW_US = 10_000_000;
const transform = stepsOf({ dedupe: { by: ['note', 'customer'], within: '10s' } });
const START_US = 1_700_000_000_000_000;
const insert = (id: number, note: string, customer: number | null = 1): ScriptedChange => ({
  op: 'c',
  table: 'orders',
  row: [id, customer, note],
});
const seconds = (at: number, ...changes: readonly ScriptedChange[]) => ({ changes, timeUs: START_US + at * 1_000_000 });

/** Ids of the orders in the order in which they were delivered, deletes as negative ones. */
const delivered = (target: KeptTables) =>
  target.applied
    .filter(({ change }) => change.table.table === 'orders')
    .map(({ change }) => (change.op === 'delete' ? -1 : 1) * Number(JSON.parse(change.key).id));

test('the first of a window passes, of each table that has the columns, and is counted from there', async () => {
  const script = new Script();
  const target = new KeptTables();
  script.addAt(
    seconds(0, insert(1, 'a'), insert(2, 'a'), insert(3, 'b'), insert(4, 'a', null), insert(5, 'a', null)),
    seconds(9, insert(6, 'a')),
    seconds(10, insert(7, 'a'), { op: 'c', table: 'customers', row: [1, 'a', 'a'] }),
    seconds(19, insert(8, 'a'), { op: 'c', table: 'customers', row: [2, 'a', 'a'] }),
  );
  const scene = await startLookup(dir(), script, target, { transform });
  await until(() => hasArrived(scene, script), 'everything has arrived');
  expect(scene.instance.status().pipelines[0]!.stage).toMatchObject({ repeats: 4 });
  await scene.stop();
  expect(delivered(target)).toEqual([1, 3, 4, 7]);
  expect(target.rows('customers').size).toBe(2);
});

test('updates, deletes and rows of a snapshot pass; a row that is gone makes room for the next', async () => {
  const script = new Script();
  const target = new KeptTables();
  script.addAt(
    seconds(0, insert(1, 'a'), insert(2, 'a'), { op: 'u', table: 'orders', row: [2, 1, 'a'] }),
    seconds(1, { op: 'snapshot-begin', table: 'orders' }, { op: 'r', table: 'orders', row: [3, 1, 'a'] }),
    seconds(2, { op: 'snapshot-end', table: 'orders' }, { op: 'd', table: 'orders', row: [1] }, insert(4, 'a')),
    seconds(3, { op: 'd', table: 'orders', row: [4] }, insert(5, 'a'), insert(6, 'a')),
  );
  const scene = await startLookup(dir(), script, target, { transform });
  await until(() => hasArrived(scene, script), 'everything has arrived');
  await scene.stop();
  const rows = delivered(target).filter((id) => !Number.isNaN(id));
  expect(rows).toEqual([1, 2, 3, -1, 4, -4, 5]);
});

/** What passes, said plainly. */
function model(commits: readonly { readonly at: number; readonly id: number; readonly note: string }[]): number[] {
  const passed: { at: number; note: string }[] = [];
  let now = 0;
  return commits.flatMap(({ at, id, note }) => {
    now = Math.max(at, ...passed.map((one) => one.at));
    const first = passed.findLast((one) => one.note === note);
    if (first !== undefined && (now - first.at) * 1_000_000 < WINDOW_US) return [];
    passed.push({ at: now, note });
    return [id];
  });
}

const POINTS = [
  'stage.before-commit',
  'stage.after-commit',
  'stage.before-keep',
  'stage.after-keep',
  'stage.after-batch',
];

test('invariant 3: what passes is the same, once and in its order, wherever the process dies', async () => {
  let runs = 0;
  const rows = fc.record({ gap: fc.integer({ min: -2, max: 8 }), note: fc.constantFrom('a', 'b', 'c') });
  const crashes = fc.array(fc.tuple(fc.constantFrom(...POINTS), fc.integer({ min: 1, max: 4 })), { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(fc.array(rows, { minLength: 5, maxLength: 30 }), crashes, async (given, dying) => {
      const script = new Script();
      const target = new KeptTables();
      let at = 100;
      const commits = given.map(({ gap, note }, id) => ({ at: (at += gap), id: id + 1, note }));
      const size = Math.ceil(commits.length / (dying.length + 1));
      const place = `${dir()}/${runs++}`;
      for (let part = 0; part <= dying.length; part++) {
        const more = commits.slice(part * size, (part + 1) * size);
        script.addAt(...more.map((one) => seconds(one.at, insert(one.id, one.note))));
        await runUntilDeath(place, script, target, dying[part] ?? null);
      }
      expect(delivered(target)).toEqual(model(commits));
    }),
    { numRuns: RUNS },
  );
});

async function runUntilDeath(
  place: string,
  script: Script,
  target: KeptTables,
  death: readonly [string, number] | null,
): Promise<void> {
  let passed = 0;
  let isDead = false;
  const failpoint = (name: string) => {
    if (isDead || name !== death?.[0] || ++passed < death[1]) return;
    isDead = true;
    throw new TailraceError('internal.bug', 'died');
  };
  const scene = await startLookup(place, script, target, { transform, failpoint });
  await until(() => isDead || hasArrived(scene, script), 'everything has arrived');
  await scene.stop();
}
