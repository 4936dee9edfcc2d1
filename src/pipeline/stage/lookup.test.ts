import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type Cell,
  hasArrived,
  KeptTables,
  type LookupScene,
  type LookupSceneOptions,
  Script,
  type ScriptedChange,
  startLookup,
  stepsOf,
  TABLES,
} from '../../../test/support/lookup-scene.ts';
import { temporaryDirectory, until } from '../../../test/support/scripted-scene.ts';

const dir = temporaryDirectory();
const LOOKUP = { from: 'customers', on: { id: 'customer' }, take: { name: 'name' } };
const lookup = (more: object = {}) => ({ transform: stepsOf({ lookup: { ...LOOKUP, ...more } }) });
const order = (op: 'c' | 'u' | 'd' | 'r', ...row: Cell[]): ScriptedChange => ({ op, table: 'orders', row });
const customer = (op: 'c' | 'u' | 'd' | 'r', ...row: Cell[]): ScriptedChange => ({ op, table: 'customers', row });
const marker = (op: 'truncate' | 'snapshot-begin' | 'snapshot-end', table: string): ScriptedChange => ({ op, table });

/** Runs until all has arrived. */
async function run(
  script: Script,
  target: KeptTables,
  options: LookupSceneOptions = lookup(),
  act: (scene: LookupScene) => Promise<void> = async () => {},
): Promise<void> {
  const scene = await startLookup(dir(), script, target, options);
  try {
    await until(() => hasArrived(scene, script), 'everything has arrived');
    await act(scene);
  } finally {
    await scene.stop();
  }
}

const orders = (target: KeptTables) => [...target.rows('orders').values()];
const names = (target: KeptTables) => orders(target).map(({ id, name }) => [id, name]);

describe('what is looked up', () => {
  test('whichever came first, and what becomes of it later; what names nothing has NULL', async () => {
    const script = new Script();
    const target = new KeptTables();
    script.add(
      [order('c', 1, 10, 'early')],
      [customer('c', 10, 'Ada', 'gold'), customer('c', 11, 'Bob', 'tin')],
      [order('c', 2, 11, 'late'), order('c', 3, null, 'nobody'), order('c', 4, 99, 'lost')],
      [customer('u', 11, 'Bob', 'gold')],
    );
    await run(script, target, lookup({ take: { name: 'name', level: 'tier' } }));
    expect(orders(target)).toEqual([
      { id: 1, customer: 10, note: 'early', name: 'Ada', level: 'gold' },
      { id: 2, customer: 11, note: 'late', name: 'Bob', level: 'gold' },
      { id: 3, customer: null, note: 'nobody', name: null, level: null },
      { id: 4, customer: 99, note: 'lost', name: null, level: null },
    ]);
    expect(target.rows('customers').get(11)).toEqual({ id: 11, name: 'Bob', tier: 'gold' });
  });

  test('rows are sent again only when something that is taken has changed', async () => {
    const script = new Script();
    const target = new KeptTables();
    script.add([customer('c', 10, 'Ada', 'gold')], [order('c', 1, 10, 'x')], [customer('u', 10, 'Ada', 'tin')]);
    await run(script, target);
    expect(target.applied.filter(({ change }) => change.table.table === 'orders')).toHaveLength(1);
  });

  test('refresh: false leaves rows as they are until they change', async () => {
    const script = new Script();
    const target = new KeptTables();
    script.add([customer('c', 10, 'Ada', 'x')], [order('c', 1, 10, 'x'), order('c', 2, 10, 'x')]);
    script.add([customer('u', 10, 'Eve', 'x')], [order('u', 2, 10, 'y')]);
    await run(script, target, lookup({ refresh: false }));
    expect(names(target)).toEqual([
      [1, 'Ada'],
      [2, 'Eve'],
    ]);
  });

  test('what a change says of the row before it has what was there then', async () => {
    const script = new Script();
    const target = new KeptTables();
    script.add([customer('c', 10, 'Ada', 'x')], [order('c', 1, 10, 'x')]);
    script.add([{ op: 'u', table: 'orders', before: [1, 10, 'x'], row: [1, 11, 'x'] }]);
    script.add([order('u', 1, 10, 'x')], [customer('u', 10, 'Eve', 'x')]);
    await run(script, target);
    const sides = target.applied
      .filter(({ change }) => change.table.table === 'orders')
      .map(({ change: { before, after } }) => [before?.toObject().name, after?.toObject().name]);
    expect(sides).toEqual([
      [undefined, 'Ada'],
      ['Ada', null],
      [undefined, 'Ada'],
      ['Ada', 'Eve'],
    ]);
  });

  test('invariant 9: a column that an update leaves out is what it was, on both sides, and never NULL', async () => {
    const script = new Script();
    const target = new KeptTables();
    script.add([customer('c', 10, 'Ada', 'gold')], [order('c', 1, 10, 'long')]);
    // The name of the customer, then what the order names and says.
    script.add([customer('u', 10, undefined, 'tin')], [order('u', 1, undefined, undefined)]);
    script.add([customer('u', 10, 'Eve', 'tin')]);
    await run(script, target);
    expect(orders(target)).toEqual([{ id: 1, customer: 10, note: 'long', name: 'Eve' }]);
    const sent = target.applied.filter(({ change }) => change.table.table === 'orders');
    expect(sent.map(({ change }) => change.after!.toObject().name)).toEqual(['Ada', 'Ada', 'Eve']);
    const last = sent.at(-1)!;
    expect(last.change.after!.toObject()).toEqual({ id: 1, customer: 10, note: 'long', name: 'Eve' });
  });
});

describe('what is gone at the source', () => {
  test('invariant 7: the end of a snapshot takes away what it did not see, on both sides, and nothing brings it back', async () => {
    const script = new Script();
    const target = new KeptTables();
    script.add([customer('c', 10, 'Ada', 'x'), customer('c', 11, 'Bob', 'x')]);
    script.add([order('c', 1, 10, 'stays'), order('c', 2, 10, 'goes'), order('c', 3, 11, 'stays')]);
    // Orders 2 and customer 11 were deleted while nobody saw it; a change in the midst sends order 2 again.
    script.add([marker('snapshot-begin', 'orders'), order('r', 1, 10, 'stays'), customer('u', 10, 'Eve', 'x')]);
    script.add([order('r', 3, 11, 'stays'), marker('snapshot-end', 'orders')]);
    script.add([marker('snapshot-begin', 'customers'), customer('r', 10, 'Eve', 'x')]);
    script.add([marker('snapshot-end', 'customers')], [customer('u', 10, 'Zoe', 'x')]);
    await run(script, target);
    expect(names(target)).toEqual([
      [1, 'Zoe'],
      [3, null],
    ]);
    expect([...target.rows('customers').keys()]).toEqual([10]);
  });

  test('invariant 7: rows of a table that was truncated are not sent again', async () => {
    const script = new Script();
    const target = new KeptTables();
    script.add([customer('c', 10, 'Ada', 'x')], [order('c', 1, 10, 'x')], [marker('truncate', 'orders')]);
    script.add([customer('u', 10, 'Eve', 'x')], [order('c', 2, 10, 'x')]);
    script.add([marker('truncate', 'customers')]);
    await run(script, target);
    expect(names(target)).toEqual([[2, null]]);
  });
});

describe('the store', () => {
  const script = () => {
    const made = new Script();
    made.add([customer('c', 10, 'Ada', 'x'), customer('c', 11, 'Bob', 'x')], [order('c', 1, 10, 'x')]);
    return made;
  };
  const file = () => join(dir(), 'stages', 'p.db');
  const faults: readonly (readonly [string, () => void])[] = [
    ['is lost', () => rmSync(file())],
    ['is no database', () => writeFileSync(file(), 'x'.repeat(8192))],
    ['is cut', () => truncateSync(file(), 4096)],
  ];

  test.each(faults)('that %s is taken from the log again, and nothing is sent for it', async (_, fault) => {
    const upstream = script();
    const target = new KeptTables();
    await run(upstream, target);
    const sent = target.applied.length;
    fault();
    await run(upstream, target);
    expect(target.applied).toHaveLength(sent);
    upstream.add([customer('u', 10, 'Eve', 'x')]);
    await run(upstream, target);
    expect(names(target)).toEqual([[1, 'Eve']]);
  });

  test('with other steps every row is sent again as they make it, also when the process dies meanwhile', async () => {
    const upstream = script();
    const target = new KeptTables();
    upstream.add(Array.from({ length: 300 }, (_, i) => order('c', i + 2, 11, `n${i}`)));
    await run(upstream, target);
    const other = lookup({ take: { name: 'name', level: 'tier' } });
    let commits = 0;
    const failpoint = (name: string) => {
      if (name === 'stage.after-commit' && ++commits === 2) throw new Error('died');
    };
    const dying = run(upstream, target, { ...other, failpoint });
    await expect(dying).rejects.toThrow();
    expect(commits).toBe(2);
    await run(upstream, target, other);
    expect(orders(target)).toHaveLength(301);
    expect(new Set(orders(target).map(({ level }) => level))).toEqual(new Set(['x']));
  });
});

test('a pause of the pipeline holds its stage too; of the sink, only the sink', async () => {
  const script = new Script();
  const target = new KeptTables();
  script.add([order('c', 1, 10, 'x')]);
  await run(script, target, lookup(), async ({ control, instance }) => {
    const stage = () => instance.status().pipelines[0]!.stage!;
    await control.pause('p', 'out');
    expect(stage().state).toBe('running');
    await control.pause('p', null);
    expect(stage().state).toBe('paused');
    script.add([order('c', 2, 10, 'x')]);
    await until(() => stage().lagRecords === 1, 'the stage is behind');
    await control.resume('p', null);
    await until(() => hasArrived({ instance }, script), 'everything has arrived');
  });
  expect(orders(target)).toHaveLength(2);
});

test('columns of the other table that come later are taken when they come, and are not NULL before', async () => {
  const script = new Script();
  const target = new KeptTables();
  script.add([customer('c', 10, 'Ada', 'x')], [order('c', 1, 10, 'x')]);
  await run(script, target);
  script.tables = { ...TABLES, customers: [...TABLES.customers!, { ...TABLES.customers![1]!, name: 'city' }] };
  script.add([order('u', 1, 10, 'y')], [customer('u', 10, 'Ada', 'x', 'Rome')]);
  await run(script, target, lookup({ take: { name: 'name', city: 'city' } }));
  expect(orders(target)).toEqual([{ id: 1, customer: 10, note: 'y', name: 'Ada', city: 'Rome' }]);
  const cities = target.applied.filter(({ change }) => change.table.table === 'orders');
  expect(cities.some(({ change }) => change.after?.toObject().city === null)).toBe(false);
});

test('a stage that cannot go on says why and where, and passes nothing over', async () => {
  const script = new Script();
  const target = new KeptTables();
  script.add([order('c', 1, 10, '1')], [order('c', 2, 10, 'x')], [order('c', 3, 10, '3')]);
  const transform = stepsOf({ cast: { note: 'integer' } }, { lookup: LOOKUP });
  const scene = await startLookup(dir(), script, target, { transform });
  const stage = () => scene.instance.status().pipelines[0]!.stage!;
  await until(() => stage().state === 'failed', 'the stage has stopped');
  expect(stage()).toMatchObject({ problem: { code: 'rule.failed' }, lagRecords: expect.any(Number) });
  await scene.stop();
  await run(script, target, { transform: stepsOf({ lookup: LOOKUP }) });
  expect(orders(target)).toHaveLength(3);
});
