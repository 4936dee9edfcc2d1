/** What else there is around a stage: reload, plan, tap and trace, replay, verification. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  hasArrived,
  KeptTables,
  lookupPlan,
  Script,
  type ScriptedChange,
  startLookup,
  stepsOf,
} from '../../../test/support/lookup-scene.ts';
import { temporaryDirectory, until } from '../../../test/support/scripted-scene.ts';
import { createEnvelope } from '../../envelope/index.ts';
import { createRules } from '../../rules/index.ts';
import { LogInspector } from '../inspect/inspector.ts';

const dir = temporaryDirectory();
const lookup = (take: object) => stepsOf({ lookup: { from: 'customers', on: { id: 'customer' }, take } });
const order = (op: 'c' | 'u', id: number, note: string): ScriptedChange => ({
  op,
  table: 'orders',
  row: [id, 10, note],
});
const customer = (op: 'c' | 'u', name: string): ScriptedChange => ({ op, table: 'customers', row: [10, name, 'x'] });

test('a running pipeline gets a stage, another one, and none again; the plan says so, and no change is lost', async () => {
  const script = new Script();
  const target = new KeptTables();
  script.add([customer('c', 'Ada')], [order('c', 1, 'a')]);
  const scene = await startLookup(dir(), script, target, { transform: [] });
  const { instance } = scene;
  const arrived = () => until(() => hasArrived(scene, script), 'everything has arrived');
  const orders = () => [...target.rows('orders').values()];
  await arrived();
  const store = join(dir(), 'stages', 'p.db');
  for (const [take, expected, change] of [
    [{ name: 'name' }, { name: 'Ada' }, 'added'],
    [{ name: 'name', level: 'tier' }, { name: 'Ada', level: 'x' }, 'changed'],
  ] as const) {
    const plan = lookupPlan(script, target, { transform: lookup(take) });
    const { changes } = instance.planReload([plan]);
    expect(changes.map((one) => [one.change, one.kind])).toEqual([
      [change, 'stage'],
      ['changed', 'sink'],
    ]);
    const { started, restarted } = await instance.reload([plan]);
    expect(change === 'added' ? started : restarted).toContain('stage p');
    await until(() => hasArrived(scene, script) && 'name' in orders()[0]!, 'the rows have come again');
    await until(() => Object.keys(expected).every((name) => name in orders()[0]!), 'the columns have come');
    expect(orders()).toEqual([{ id: 1, customer: 10, note: 'a', ...expected }]);
    expect(existsSync(store)).toBe(true);
  }
  const plain = lookupPlan(script, target, { transform: [] });
  expect(instance.planReload([plain]).changes.map((one) => [one.change, one.kind])).toContainEqual([
    'removed',
    'stage',
  ]);
  expect((await instance.reload([plain])).stopped).toEqual(['stage p']);
  expect(existsSync(store)).toBe(false);
  script.add([order('u', 1, 'later')]);
  await arrived();
  expect(orders()).toMatchObject([{ id: 1, note: 'later' }]);
  await scene.stop();
});

test('a tap of a sink sees what the stage made, a trace both sides of it, and a replay sends the same again', async () => {
  const script = new Script();
  const target = new KeptTables();
  script.add([customer('c', 'Ada')], [order('c', 1, 'a')], [customer('u', 'Eve')]);
  const scene = await startLookup(dir(), script, target, { transform: lookup({ name: 'name' }) });
  await until(() => hasArrived(scene, script), 'everything has arrived');
  const rules = createRules();
  const envelope = createEnvelope({ productVersion: '0' });
  const pipelines = () => [scene.plan];
  const inspector = new LogInspector({ log: scene.log, envelope, rules, rulesContext: { maskKey: null }, pipelines });
  const request = { pipeline: 'p', step: null, table: 'orders', key: null, last: 10 };
  const stop = new AbortController();
  for (const [sink, names] of [
    ['out', ['Ada', 'Eve']],
    // Before the stage.
    [null, [undefined]],
  ] as const) {
    for await (const tapped of inspector.tap({ ...request, sink }, stop.signal)) {
      expect(tapped.map(({ change }) => change!.after!.name)).toEqual(names);
      break;
    }
  }
  const traced = await inspector.trace({ table: 'orders', key: ['1'], limit: 10 });
  expect(traced.map(({ topic, sinks }) => [topic, sinks.map(({ isAcknowledged }) => isAcknowledged)])).toEqual([
    ['src.public.orders', []],
    ['__tailrace_stage.p.src.public.orders', [true]],
    ['__tailrace_stage.p.src.public.orders', [true]],
  ]);
  const before = target.applied.map(({ change: { key, version } }) => [key, version]);
  const all = { pipeline: 'p', sink: 'out', tables: ['orders'], rate: null, to: null, into: null };
  await scene.control.replay({ ...all, from: { at: 'start' } });
  await until(() => target.applied.length === before.length + 2, 'the orders have come again');
  await until(() => hasArrived(scene, script), 'everything has arrived');
  const again = target.applied.slice(before.length).map(({ change: { key, version } }) => [key, version]);
  expect(before).toEqual(expect.arrayContaining(again));
  await scene.stop();
});
