import { rm } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { Target, Upstream } from '../../test/support/scripted-connectors.ts';
import {
  caughtUp,
  type SceneOptions,
  startScene,
  temporaryDirectory,
  until,
} from '../../test/support/scripted-scene.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { EmbeddedLog } from '../log/embedded-log.ts';
import { deadLetterTopic } from './checkpoint-names.ts';

const dir = temporaryDirectory();
const start = (upstream: Upstream, target: Target, options: SceneOptions = {}) =>
  startScene(dir(), upstream, target, options);

function history(transactions: number): { rows: { op: 'c' | 'u' | 'd'; id: number; v: string }[] }[] {
  return Array.from({ length: transactions }, (_, i) => ({
    rows: [
      { op: 'c', id: 3 * i, v: `new ${i}` },
      { op: 'c', id: 3 * i + 1, v: `twin ${i}` },
      ...(i > 0
        ? ([
            { op: 'u', id: 3 * (i - 1), v: `changed ${i}` },
            { op: 'd', id: 3 * (i - 1) + 1, v: '' },
          ] as const)
        : []),
    ],
  }));
}

function expected(transactions: number): Map<number, string> {
  const rows = new Map<number, string>();
  for (const { rows: changes } of history(transactions)) {
    for (const { op, id, v } of changes) op === 'd' ? rows.delete(id) : rows.set(id, v);
  }
  return rows;
}

describe('delivery', () => {
  test('every row arrives, in order, and a restart repeats nothing that was committed', async () => {
    const upstream = new Upstream();
    const target = new Target();
    upstream.add(...history(20));
    const first = await start(upstream, target);
    await until(() => caughtUp(first).transactions === 20 && caughtUp(first).lag === 0, 'caught up');
    await first.stop();
    expect(target.rows()).toEqual(expected(20));
    const before = target.applied.length;
    const second = await start(upstream, target);
    await until(() => caughtUp(second).sink.state === 'running', 'running again');
    upstream.add({ rows: [{ op: 'c', id: 999, v: 'last' }] });
    await until(() => target.rows().get(999) === 'last', 'the new row');
    await second.stop();
    expect(target.applied.length).toBe(before + 1);
  });

  for (const [invariant, points] of [
    ['invariant 1', ['source.before-commit', 'source.after-commit']],
    ['invariant 2', ['sink.after-write', 'sink.after-flush']],
  ] as const) {
    test(`${invariant}: a crash at every step of ${points.join(' and ')} loses nothing`, async () => {
      for (let crashAt = 1; crashAt <= 12; crashAt++) {
        const upstream = new Upstream();
        const target = new Target();
        upstream.add(...history(4));
        let steps = 0;
        const crash = (name: string) => {
          if ((points as readonly string[]).includes(name) && ++steps === crashAt)
            throw new TailraceError('internal.bug', 'crash');
        };
        const first = await start(upstream, target, { failpoint: crash });
        for (const more of history(8).slice(4)) {
          await new Promise((resolve) => setImmediate(resolve));
          upstream.add(more);
        }
        await until(
          () =>
            caughtUp(first).source.state === 'failed' ||
            caughtUp(first).sink.state === 'failed' ||
            (caughtUp(first).transactions === 8 && caughtUp(first).lag === 0),
          'crashed or done',
        );
        await first.stop();
        const second = await start(upstream, target);
        await until(
          () => caughtUp(second).lag === 0 && upstream.acknowledged === 8,
          `caught up after crash ${crashAt}`,
        );
        await second.stop();
        expect(upstream.lost).toBe(0);
        expect(target.rows(), `crash at step ${crashAt}`).toEqual(expected(8));
        await rm(dir(), { recursive: true, force: true });
      }
    });
  }

  test('a sink that fails for a while catches up, in order, and the source does not wait for it', async () => {
    const upstream = new Upstream();
    const target = new Target();
    let left = 5;
    target.fault = () => {
      if (left-- > 0) throw new TailraceError('sink.unreachable', 'down');
    };
    upstream.add(...history(10));
    const session = await start(upstream, target);
    await until(() => caughtUp(session).transactions === 10 && caughtUp(session).lag === 0, 'caught up');
    await session.stop();
    expect(target.rows()).toEqual(expected(10));
  });
});

test('a target that keeps positions and has none is filled from the start, whatever was committed', async () => {
  const upstream = new Upstream();
  upstream.add(...history(5));
  for (const resume of [null, []]) {
    // Another, empty target under the same name.
    const target = new Target();
    target.resume = resume;
    const session = await start(upstream, target);
    await until(() => caughtUp(session).lag === 0 && target.rows().size === expected(5).size, 'caught up');
    await session.stop();
    expect(target.rows()).toEqual(expected(5));
  }
});

test('invariant 7: versions go on rising when the clock of the source is set back, over a restart too', async () => {
  const upstream = new Upstream();
  const target = new Target();
  const times = [1_700_000_000_000_000, 1_600_000_000_000_000, 1_700_000_000_000_000, 1_500_000_000_000_000];
  const row = (timeUs: number, n: number) => ({ timeUs, rows: [{ op: 'u' as const, id: 1, v: `state ${n}` }] });
  for (const half of [0, 2]) {
    upstream.add(...times.slice(half, half + 2).map((timeUs, n) => row(timeUs, half + n)));
    const session = await start(upstream, target);
    await until(() => target.applied.length === half + 2, 'delivered');
    await session.stop();
  }
  const versions = target.applied.map(({ change }) => change.version);
  expect(versions).toEqual([...new Set(versions)].sort((a, b) => (a < b ? -1 : 1)));
  expect(target.rows().get(1)).toBe('state 3');
});

describe('dead letters', () => {
  test('invariant 2: a crash before the dead letter of a poison row is durable does not lose it', async () => {
    const upstream = new Upstream();
    const target = new Target();
    target.poison.add(2);
    upstream.add({ rows: [1, 2, 3].map((id) => ({ op: 'c', id, v: `v${id}` })) });
    const failpoint = (name: string) => {
      if (name === 'sink.after-write') throw new TailraceError('internal.bug', 'crash');
    };
    const first = await start(upstream, target, { failpoint });
    await until(() => caughtUp(first).sink.state === 'failed', 'crashed');
    expect(await letters(first.log)).toEqual([]);
    await first.stop();
    const second = await start(upstream, target);
    await until(() => caughtUp(second).lag === 0 && target.rows().size === 2, 'the good rows');
    expect(await letters(second.log)).toMatchObject([{ state: 'open', offset: '1' }]);
    await second.stop();
  });

  test('invariant 6: a poison row goes aside durably, the rest arrives, a later full row supersedes it', async () => {
    const upstream = new Upstream();
    const target = new Target();
    target.poison.add(2);
    upstream.add({ rows: [1, 2, 3].map((id) => ({ op: 'c', id, v: `v${id}` })) });
    const session = await start(upstream, target);
    await until(() => caughtUp(session).lag === 0 && target.rows().size === 2, 'the good rows');
    expect(caughtUp(session).sink.deadLetters).toBe(1);
    expect(await letters(session.log)).toMatchObject([{ state: 'open', code: 'sink.rejected', offset: '1' }]);
    target.poison.clear();
    upstream.add({ rows: [{ op: 'u', id: 2, v: 'mended' }] });
    await until(() => target.rows().get(2) === 'mended', 'the mended row');
    await until(() => caughtUp(session).lag === 0, 'committed');
    expect((await letters(session.log)).at(-1)).toMatchObject({ state: 'superseded', row: expect.any(String) });
    await session.stop();
  });

  test('invariant 6: behind a step that needs every change, later ones of a poison row wait', async () => {
    const upstream = new Upstream();
    const target = new Target();
    target.poison.add(2);
    upstream.add({ rows: [1, 2, 3].map((id) => ({ op: 'c', id, v: `v${id}` })) });
    const transform = [{ verb: 'route', config: { t: { other: 'id = 2' } }, path: ['sink', 'transform', 0] }];
    const session = await start(upstream, target, { transform });
    await until(() => caughtUp(session).lag === 0 && target.rows().size === 2, 'the good rows');
    target.poison.clear();
    upstream.add({ rows: [{ op: 'u', id: 2, v: 'later' }] });
    await until(() => caughtUp(session).sink.deadLetters === 2 && caughtUp(session).lag === 0, 'it waits');
    expect(target.rows().has(2)).toBe(false);
    expect((await letters(session.log)).at(-1)).toMatchObject({ state: 'held' });
    await session.stop();
  });

  test('a burst pauses the sink instead of emptying the topic into the dead letters', async () => {
    const upstream = new Upstream();
    const target = new Target();
    for (let id = 0; id < 50; id++) target.poison.add(id);
    upstream.add({ rows: Array.from({ length: 50 }, (_, id) => ({ op: 'c' as const, id, v: 'x' })) });
    const session = await start(upstream, target, { max: 10 });
    await until(() => caughtUp(session).sink.state === 'paused', 'paused');
    expect(caughtUp(session).sink.problem?.code).toBe('dlq.burst');
    expect(caughtUp(session).sink.lagRecords).toBeGreaterThan(30);
    await session.stop();
  });
});

async function letters(log: EmbeddedLog): Promise<object[]> {
  const batches = await log.read(deadLetterTopic('p'), 0, 0n, 1 << 20);
  return batches.flatMap((batch) =>
    [...batch.records()].map(({ value }) => JSON.parse(Buffer.from(value!).toString())),
  );
}
