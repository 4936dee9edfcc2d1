import { describe, expect, test } from 'vitest';
import { Target, Upstream } from '../../test/support/scripted-connectors.ts';
import {
  caughtUp,
  type Scene,
  type SceneOptions,
  startScene,
  temporaryDirectory,
  until,
} from '../../test/support/scripted-scene.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { ReplayRequest } from '../contracts/replay.ts';

const dir = temporaryDirectory();
const start = (upstream: Upstream, target: Target, options: SceneOptions = {}) =>
  startScene(dir(), upstream, target, options);

const ALL: ReplayRequest = {
  pipeline: 'p',
  sink: 'out',
  from: { at: 'start' },
  to: null,
  tables: null,
  rate: null,
  into: null,
};

const set = (text: string) => ({ transform: [{ verb: 'set', config: { v: `'${text}' || v` }, path: [] }] });

const settled = (scene: Scene, rows: number) =>
  until(() => {
    const { lag, sink, transactions } = caughtUp(scene);
    return sink.state === 'running' && lag === 0 && sink.replay === undefined && transactions >= rows;
  }, 'all read');

function rows(count: number): Upstream {
  const upstream = new Upstream();
  for (let id = 1; id <= count; id++) upstream.add({ rows: [{ op: 'c', id, v: String(id) }] });
  return upstream;
}

/** What the target was given, in order. */
const given = ({ applied }: Target) => applied.map(({ change }) => String(change.after?.get(1)));

describe('a replay', () => {
  test('with other rules into the same target makes every row new', async () => {
    const upstream = rows(8);
    const target = new Target();
    const first = await start(upstream, target, set('old '));
    await settled(first, 8);
    await first.stop();
    const scene = await start(upstream, target, set('new '));
    await until(() => caughtUp(scene).sink.state === 'running', 'running');
    expect(target.rows().get(1)).toBe('old 1');
    expect(await scene.control.replay(ALL)).toMatchObject({ records: 8, notes: [] });
    await settled(scene, 0);
    expect([...target.rows().values()]).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((id) => `new ${id}`));
    upstream.add({ rows: [{ op: 'c', id: 9, v: '9' }] });
    await until(() => target.rows().get(9) === 'new 9', 'goes on');
    await scene.stop();
  });

  test('from and to an offset, a time and a position of the source, and then on where it was', async () => {
    const upstream = rows(8);
    const target = new Target();
    const scene = await start(upstream, target);
    await settled(scene, 8);
    const from = (offset: number) => ({ at: 'offset' as const, offset: String(offset) });
    for (const [request, expected] of [
      [{ from: from(5) }, ['6', '7', '8']],
      [{ from: from(2), to: from(4) }, ['3', '4']],
      [{ from: { at: 'position' as const, position: '6' } }, ['7', '8']],
      [{ from: { at: 'time' as const, ms: 0 } }, ['1', '2', '3', '4', '5', '6', '7', '8']],
      [{ from: { at: 'time' as const, ms: Date.now() + 60_000 } }, []],
    ] as const) {
      const before = target.applied.length;
      const plan = await scene.control.replay({ ...ALL, ...request });
      expect(plan.records).toBe(expected.length);
      await settled(scene, 0);
      expect(given(target).slice(before)).toEqual(expected);
    }
    upstream.add({ rows: [{ op: 'c', id: 9, v: '9' }] });
    await settled(scene, 9);
    expect(given(target).at(-1)).toBe('9');
    await scene.stop();
  });

  test('what cannot be meant is refused', async () => {
    const scene = await start(rows(3), new Target());
    await settled(scene, 3);
    const refused = (request: Partial<ReplayRequest>) => scene.control.replay({ ...ALL, ...request });
    const offset = { at: 'offset' as const, offset: '40' };
    await expect(refused({ from: offset })).rejects.toMatchObject({ code: 'log.offset_out_of_range' });
    await expect(refused({ from: { at: 'position', position: 'x' } })).rejects.toMatchObject({
      code: 'replay.invalid',
    });
    await expect(refused({ tables: ['public.u'] })).rejects.toMatchObject({ code: 'replay.invalid' });
    await expect(refused({ into: 'other' })).rejects.toMatchObject({ code: 'replay.invalid' });
    await expect(refused({ sink: 'other' })).rejects.toMatchObject({ code: 'pipeline.not_found' });
    await scene.stop();
  });

  for (const point of ['sink.after-write', 'sink.after-flush']) {
    test(`invariant 2: a replay goes on after a crash at ${point}, also with the positions that the target keeps`, async () => {
      let writes = -1;
      const failpoint = (name: string) => {
        if (writes >= 0 && name === point && ++writes === 2) throw new TailraceError('internal.bug', 'crash');
      };
      const upstream = rows(9);
      const target = new Target();
      target.keepsPositions = true;
      const scene = await start(upstream, target, { failpoint });
      await settled(scene, 9);
      const before = target.applied.length;
      writes = 0;
      await scene.control.replay({ ...ALL, from: { at: 'offset', offset: '1' }, to: { at: 'offset', offset: '8' } });
      await until(() => caughtUp(scene).sink.state === 'failed', 'crashed');
      expect(caughtUp(scene).sink.replay).toMatchObject({ total: 7 });
      await scene.stop();
      const second = await start(upstream, target);
      await settled(second, 0);
      const again = given(target).slice(before);
      expect([...new Set(again)]).toEqual(['2', '3', '4', '5', '6', '7', '8']);
      expect(again.length).toBe(7);
      upstream.add({ rows: [{ op: 'c', id: 10, v: '10' }] });
      await until(() => target.rows().get(10) === '10', 'goes on');
      expect(given(target).slice(before + 7)).toEqual(['10']);
      await second.stop();
    });
  }

  test('can be cancelled: the sink goes on where it was', async () => {
    const upstream = rows(6);
    const target = new Target();
    const scene = await start(upstream, target);
    await settled(scene, 6);
    target.fault = () => {
      throw new TailraceError('sink.unreachable', 'down');
    };
    await scene.control.replay(ALL);
    expect(await scene.control.cancelReplay('p', 'out')).toBe(true);
    expect(await scene.control.cancelReplay('p', 'out')).toBe(false);
    target.fault = () => {};
    upstream.add({ rows: [{ op: 'c', id: 7, v: '7' }] });
    await settled(scene, 7);
    expect(given(target).slice(6)).toEqual(['7']);
    await scene.stop();
  });
});

test('a paused sink stays so over a restart, and misses nothing', async () => {
  const upstream = rows(3);
  const target = new Target();
  const scene = await start(upstream, target);
  await settled(scene, 3);
  expect(await scene.control.pause('p', null)).toEqual(['p/out']);
  expect(caughtUp(scene).sink.state).toBe('paused');
  await scene.stop();
  upstream.add({ rows: [{ op: 'c', id: 4, v: '4' }] });
  const second = await start(upstream, target);
  await until(() => caughtUp(second).transactions === 1, 'captured');
  expect([caughtUp(second).sink.state, target.rows().size]).toEqual(['paused', 3]);
  await second.control.resume('p', 'out');
  await settled(second, 1);
  expect(target.rows().size).toBe(4);
  await second.stop();
});

test('resume has a sink that stopped by itself try once more', async () => {
  const upstream = new Upstream();
  const target = new Target();
  target.poison.add(1);
  upstream.add({ rows: [{ op: 'c', id: 1, v: '1' }] });
  const scene = await start(upstream, target, { sink: { deadLetters: 'stop' } });
  await until(() => caughtUp(scene).sink.state === 'failed', 'stopped');
  target.poison.clear();
  await scene.control.resume('p', 'out');
  await settled(scene, 1);
  expect(target.rows().get(1)).toBe('1');
  await scene.stop();
});
