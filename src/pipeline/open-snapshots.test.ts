import { expect, test } from 'vitest';
import { Target, Upstream } from '../../test/support/scripted-connectors.ts';
import { caughtUp, type Scene, startScene, temporaryDirectory, until } from '../../test/support/scripted-scene.ts';

const dir = temporaryDirectory();
const TRANSACTIONAL = { sink: { consistency: 'transactional' as const } };
const row = (id: number) => ({ op: 'c' as const, id, v: String(id) });

const settled = (scene: Scene, transactions: number) =>
  until(() => {
    const found = caughtUp(scene);
    return found.sink.state === 'running' && found.lag === 0 && found.transactions >= transactions;
  }, 'all read');
const isNotYet = (scene: Scene) => caughtUp(scene).sink.notYetTransactional === true;

test('a transactional sink is not yet that from the beginning of a snapshot to its end, also over a restart', async () => {
  const upstream = new Upstream();
  const target = new Target();
  upstream.add({ snapshot: 'begin', rows: [row(1)] });
  const first = await startScene(dir(), upstream, target, TRANSACTIONAL);
  await settled(first, 1);
  expect(isNotYet(first)).toBe(true);
  await first.stop();
  const second = await startScene(dir(), upstream, target, TRANSACTIONAL);
  await until(() => caughtUp(second).sink.state === 'running', 'running');
  expect(isNotYet(second)).toBe(true);
  upstream.add({ rows: [row(2)] }, { rows: [row(3)], snapshot: 'end' }, { rows: [row(4)] });
  await settled(second, 3);
  expect(isNotYet(second)).toBe(false);
  await second.stop();
});

test('what a target holds beyond the committed offsets counts', async () => {
  const upstream = new Upstream();
  const target = new Target();
  target.keepsPositions = true;
  upstream.add({ snapshot: 'begin', rows: [row(1)] });
  let dies = false;
  const failpoint = (name: string): void => {
    if (dies && name === 'sink.after-flush') throw new Error('the process dies');
  };
  const first = await startScene(dir(), upstream, target, { ...TRANSACTIONAL, failpoint });
  await settled(first, 1);
  dies = true;
  upstream.add({ rows: [row(2)], snapshot: 'end' });
  await until(() => target.rows().has(2), 'flushed');
  await first.stop();
  const second = await startScene(dir(), upstream, target, TRANSACTIONAL);
  await settled(second, 0);
  expect(isNotYet(second)).toBe(false);
  await second.stop();
});

test('an eventual sink never is', async () => {
  const upstream = new Upstream();
  upstream.add({ snapshot: 'begin', rows: [row(1)] });
  const scene = await startScene(dir(), upstream, new Target());
  await settled(scene, 1);
  expect(caughtUp(scene).sink.notYetTransactional).toBeUndefined();
  await scene.stop();
});
