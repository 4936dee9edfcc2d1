import { describe, expect, test } from 'vitest';
import { Target, Upstream } from '../../../test/support/scripted-connectors.ts';
import {
  caughtUp,
  type Scene,
  type SceneOptions,
  startScene,
  temporaryDirectory,
  until,
} from '../../../test/support/scripted-scene.ts';
import { TailraceError } from '../../contracts/errors.ts';

const dir = temporaryDirectory();
const start = (upstream: Upstream, target: Target, options: SceneOptions = {}) =>
  startScene(dir(), upstream, target, options);

/** Everything written is read, and every dead letter that was sent again has been tried. */
const settled = (scene: Scene, what: string, transactions?: number) =>
  until(() => {
    const { lag, sink, transactions: seen } = caughtUp(scene);
    return sink.state === 'running' && lag === 0 && (transactions === undefined || seen >= transactions);
  }, what);

const states = async ({ desk }: Scene) => {
  const all = ['open', 'held', 'retrying', 'resolved', 'superseded', 'discarded'] as const;
  const { letters } = await desk.list('p', { states: all });
  return letters.map(({ state, offset }) => `${offset} ${state}`);
};

async function withPoison(options: SceneOptions = {}) {
  const upstream = new Upstream();
  const target = new Target();
  target.poison.add(2);
  upstream.add({ rows: [1, 2, 3].map((id) => ({ op: 'c', id, v: `v${id}` })) });
  const scene = await start(upstream, target, options);
  await settled(scene, 'the good rows', 1);
  return { upstream, target, scene };
}

describe('a retry', () => {
  test('is applied when the target takes it now, and a second one changes nothing', async () => {
    const { target, scene } = await withPoison();
    const { total, groups, letters } = await scene.desk.list('p', {});
    expect([total, groups]).toMatchObject([1, [{ code: 'sink.rejected', count: 1, sample: 'p/out/src.public.t-0-1' }]]);
    expect(letters[0]).toMatchObject({ state: 'open', attempts: 1, step: null, class: 'poison' });
    expect(await scene.desk.retry('p', {}, 'ann')).toMatchObject({ selected: 1, sent: 1 });
    await until(() => caughtUp(scene).sink.deadLetters === 1 && caughtUp(scene).lag === 0, 'refused once more');
    const again = await scene.desk.show('p/out/src.public.t-0-1');
    expect(again).toMatchObject({
      state: 'open',
      attempts: 2,
      acts: [{ act: 'retry', by: 'ann' }, { act: 'refused' }],
    });
    target.poison.clear();
    await scene.desk.retry('p', {}, 'ann');
    await until(() => caughtUp(scene).sink.deadLetters === 0, 'applied');
    expect(target.rows().get(2)).toBe('v2');
    expect(await states(scene)).toEqual(['1 resolved']);
    expect(await scene.desk.retry('p', { ids: ['p/out/src.public.t-0-1'] }, 'ann')).toMatchObject({ sent: 0 });
    await scene.stop();
  });

  test('invariant 7: cannot bring back a row that was deleted meanwhile', async () => {
    const { upstream, target, scene } = await withPoison();
    target.poison.clear();
    upstream.add({ rows: [{ op: 'd', id: 2, v: null }] });
    await settled(scene, 'the delete', 2);
    expect(await states(scene)).toEqual(['1 superseded']);
    expect(await scene.desk.retry('p', {}, 'ann')).toMatchObject({ selected: 0, sent: 0 });
    await scene.stop();
    expect([...target.rows().keys()]).toEqual([1, 3]);
  });

  test('sends what somebody wrote instead, and never the key', async () => {
    const { target, scene } = await withPoison();
    const id = 'p/out/src.public.t-0-1';
    for (const columns of [{ id: '7' }, { w: '1' }]) {
      await expect(scene.desk.edit({ id, by: 'ann', columns })).rejects.toMatchObject({ code: 'dlq.invalid' });
    }
    expect(await scene.desk.edit({ id, by: 'ann', columns: { v: 'mended' } })).toMatchObject({ isEdited: true });
    const { value, edited } = await scene.desk.show(id);
    expect(JSON.parse(value as string).after).toEqual({ id: 2, v: 'v2' });
    expect(JSON.parse(edited as string).after).toEqual({ id: 2, v: 'mended' });
    target.poison.clear();
    await scene.desk.retry('p', {}, 'ann');
    await until(() => caughtUp(scene).sink.deadLetters === 0, 'applied');
    expect(target.rows().get(2)).toBe('mended');
    await scene.stop();
  });

  for (const point of ['sink.after-write', 'sink.after-flush']) {
    test(`survives a crash at ${point}`, async () => {
      let armed = false;
      const failpoint = (name: string) => {
        if (armed && name === point) throw new TailraceError('internal.bug', 'crash');
      };
      const { upstream, target, scene } = await withPoison({ failpoint });
      armed = true;
      target.poison.clear();
      await scene.desk.retry('p', {}, 'ann');
      await until(() => caughtUp(scene).sink.state === 'failed', 'crashed');
      await scene.stop();
      const second = await start(upstream, target);
      await until(
        () => caughtUp(second).sink.state === 'running' && caughtUp(second).sink.deadLetters === 0,
        'applied',
      );
      expect(target.rows().get(2)).toBe('v2');
      expect(await states(second)).toEqual(['1 resolved']);
      await second.stop();
    });
  }
});

describe('policies', () => {
  test('invariant 6: a change that does not say all of its row waits behind the refused one, and follows it', async () => {
    const { upstream, target, scene } = await withPoison();
    target.poison.clear();
    upstream.add({ rows: [{ op: 'u', id: 2, v: null }] }, { rows: [{ op: 'u', id: 1, v: null }] });
    await settled(scene, 'all read', 3);
    expect(await states(scene)).toEqual(['1 open', expect.stringMatching(/^\d+ held$/)]);
    expect([...target.rows().keys()]).toEqual([1, 3]);
    expect(await scene.desk.retry('p', { ids: ['p/out/src.public.t-0-1'] }, 'ann')).toMatchObject({
      selected: 1,
      alongside: 1,
      sent: 2,
    });
    await until(() => caughtUp(scene).sink.deadLetters === 0, 'both applied');
    const versions = target.applied
      .filter(({ change }) => change.key.includes('2'))
      .map(({ change }) => change.version);
    expect(versions.length).toBe(2);
    expect(versions[0]! < versions[1]!).toBe(true);
    expect(target.rows().get(2)).toBe('v2');
    await scene.stop();
  });

  test('what was held follows by itself when the refused one is discarded', async () => {
    const { upstream, target, scene } = await withPoison();
    target.poison.clear();
    upstream.add({ rows: [{ op: 'u', id: 2, v: null }] });
    await settled(scene, 'all read', 2);
    const discarded = await scene.desk.discard('p', { ids: ['p/out/src.public.t-0-1'] }, 'ann', 'not wanted');
    expect(discarded).toBe(1);
    await until(() => caughtUp(scene).sink.deadLetters === 0, 'applied');
    expect(target.rows().get(2)).toBe('?');
    expect(await states(scene)).toEqual(['1 discarded', expect.stringMatching(/^\d+ resolved$/)]);
    await scene.stop();
  });

  test('invariant 6: block_key holds whole rows too, and sends all in their order', async () => {
    const { upstream, target, scene } = await withPoison({ sink: { deadLetters: 'block_key' } });
    target.poison.clear();
    upstream.add({ rows: [{ op: 'u', id: 2, v: 'later' }] }, { rows: [{ op: 'u', id: 2, v: 'last' }] });
    await settled(scene, 'all read', 3);
    expect(target.rows().has(2)).toBe(false);
    await scene.desk.retry('p', {}, 'ann');
    await until(() => caughtUp(scene).sink.deadLetters === 0, 'applied');
    const seen = target.applied.filter(({ change }) => change.key.includes('2'));
    expect(seen.map(({ change }) => change.after!.get(1))).toEqual(['v2', 'later', 'last']);
    await scene.stop();
  });

  test('stop: the sink stops at the refused record, which stays where it is', async () => {
    const upstream = new Upstream();
    const target = new Target();
    target.poison.add(2);
    upstream.add({ rows: [1, 2, 3].map((id) => ({ op: 'c', id, v: `v${id}` })) });
    const scene = await start(upstream, target, { sink: { deadLetters: 'stop' } });
    await until(() => caughtUp(scene).sink.state === 'failed', 'stopped');
    expect(caughtUp(scene).sink).toMatchObject({ problem: { code: 'sink.rejected' }, deadLetters: 0 });
    expect(caughtUp(scene).lag).toBeGreaterThanOrEqual(3);
    await scene.stop();
    expect(target.rows().size).toBe(0);
  });
});

test('invariant 7: the sweep of a snapshot leaves alone the rows whose newer state is a dead letter', async () => {
  const upstream = new Upstream();
  const target = new Target();
  const row = (id: number, v: string) => ({ op: 'c' as const, id, v });
  upstream.add({ rows: [row(1, 'a'), row(2, 'b'), row(3, 'c')] });
  const scene = await start(upstream, target);
  await settled(scene, 'first', 1);
  target.poison.add(2);
  upstream.add({ snapshot: 'begin', rows: [row(1, 'a'), row(2, 'refused')] }, { snapshot: 'end', rows: [] });
  await settled(scene, 'swept', 3);
  await scene.stop();
  const markers = target.applied.filter(({ change }) => change.op === 'snapshot-end');
  expect(markers.map(({ change }) => change.sweepExcept)).toEqual([['{"id":2}']]);
});

test('a trial tells what would succeed today, and writes nothing', async () => {
  const upstream = new Upstream();
  const target = new Target();
  const cast = (column: string) => [{ verb: 'cast', config: { v: column }, path: [] }];
  upstream.add({ rows: [1, 2, 3].map((id) => ({ op: 'c', id, v: id === 2 ? 'two' : String(id) })) });
  const scene = await start(upstream, target, { transform: cast('integer') });
  await settled(scene, 'the good rows', 1);
  expect((await scene.desk.list('p', {})).groups).toMatchObject([{ code: 'rule.failed', step: expect.any(String) }]);
  const before = { selected: 1, sent: 0, refused: [{ code: 'rule.failed' }], judgedBy: 'rules' };
  expect(await scene.desk.tryOut('p', {})).toMatchObject(before);
  await scene.stop();
  const mended = await start(upstream, target, { transform: cast('text') });
  await until(() => caughtUp(mended).sink.state === 'running', 'running');
  expect(await mended.desk.tryOut('p', {})).toMatchObject({ selected: 1, sent: 1, refused: [] });
  expect(await states(mended)).toEqual(['1 open']);
  expect(target.rows().has(2)).toBe(false);
  await mended.desk.retry('p', {}, 'ann');
  await until(() => caughtUp(mended).sink.deadLetters === 0, 'applied');
  expect(target.rows().get(2)).toBe('two');
  await mended.stop();
});
