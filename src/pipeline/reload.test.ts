import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { scriptedSink, scriptedSource, Target, Upstream } from '../../test/support/scripted-connectors.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { PipelinePlan, SinkPlan, SourcePlan } from '../contracts/plan.ts';
import { createEnvelope } from '../envelope/index.ts';
import { systemClock } from '../lib/clock.ts';
import { openLog } from '../log/embedded-log.ts';
import { createRules } from '../rules/index.ts';
import { Instance } from './instance.ts';
import { planChanges } from './plan-changes.ts';

const step = (verb: string, config: unknown) => ({ verb, config, path: [] });

function sourceOf(upstream: Upstream, changes: Partial<SourcePlan> = {}): SourcePlan {
  return {
    name: 'shop',
    manifest: scriptedSource(upstream),
    config: { password: 'canary' },
    tables: ['public.t'],
    snapshot: 'initial',
    onGap: 'stop',
    transform: [],
    path: [],
    ...changes,
  };
}

function sinkOf(target: Target, changes: Partial<SinkPlan> = {}): SinkPlan {
  return {
    name: 'out',
    manifest: scriptedSink(target),
    config: { url: 'canary' },
    from: null,
    transform: [],
    batch: { maxRecords: 100, maxBytes: 1 << 20 },
    maxDeadLettersPerMinute: 100,
    path: [],
    ...changes,
  };
}

function pipelineOf(sources: SourcePlan[], sinks: SinkPlan[], changes: Partial<PipelinePlan> = {}): PipelinePlan {
  return { name: 'shop', file: 'shop.yaml', transform: [], sources, sinks, ...changes };
}

async function started(pipelines: readonly PipelinePlan[]) {
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-reload-'));
  const log = await openLog({ dir, clock: systemClock, random: Math.random, log: () => {} });
  const instance = await Instance.start({
    instance: { instance: 'main', dataDir: dir, http: null, kafka: null, memoryBytes: 64 << 20, maskKey: null },
    pipelines,
    log,
    envelope: createEnvelope({ productVersion: '0' }),
    rules: createRules(),
    context: { log: () => {}, clock: systemClock, failpoint: () => {}, random: () => 0.5 },
  });
  onTestFinished(async () => {
    await instance.stop();
    await log.close();
    await rm(dir, { recursive: true, force: true });
  });
  return instance;
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error('did not happen');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const row = (id: number, v: string) => ({ rows: [{ op: 'c' as const, id, v }] });

describe('in a running instance', () => {
  test('rules that do not fit the tables are refused, and what runs goes on', async () => {
    const [upstream, target] = [new Upstream(), new Target()];
    upstream.add(row(1, 'a'));
    const instance = await started([pipelineOf([sourceOf(upstream)], [sinkOf(target)])]);
    await until(() => target.rows().size === 1);
    const sink = sinkOf(target, { transform: [step('filter', `w != 'x'`)] });
    const wrong = [pipelineOf([sourceOf(upstream)], [sink])];
    const refused = { code: 'config.invalid', message: expect.stringContaining('there is no column "w"') };
    await expect(instance.checkRules(wrong)).rejects.toMatchObject(refused);
    await expect(instance.reload(wrong)).rejects.toMatchObject(refused);
    upstream.add(row(2, 'b'));
    await until(() => target.rows().size === 2);
    // The table has got the column meanwhile, and no row has shown it yet.
    const described = sourceOf(upstream);
    const w = { name: 'w', kind: 'text', native: 'text', nullable: true } as const;
    const describe = async (options: Parameters<typeof described.manifest.describe>[0]) =>
      (await described.manifest.describe(options)).map((table) => ({ ...table, columns: [...table.columns, w] }));
    const altered = { ...described, manifest: { ...described.manifest, describe } };
    await expect(instance.checkRules([pipelineOf([altered], [sink])])).resolves.toBeUndefined();
  });

  test('a plan says of each condition of a source where it runs', async () => {
    const [upstream, target] = [new Upstream(), new Target()];
    upstream.add(row(1, 'a'));
    const instance = await started([pipelineOf([sourceOf(upstream)], [sinkOf(target)])]);
    const transform = [step('filter', `v = 'a' and lower(v) = 'a'`)];
    const scripted = sourceOf(upstream, { transform });
    const asks: SourcePlan['manifest']['filterPlaces'] = async ({ filters }) =>
      [...filters!].flatMap(([table, conditions]) =>
        conditions.map((one) => {
          const why = 'hindrance' in one ? one.hindrance : null;
          return { table, condition: one.text, snapshot: why, stream: why ?? 'all are sent' };
        }),
      );
    const consequences = async (manifest: SourcePlan['manifest']) => {
      const after = [pipelineOf([{ ...scripted, manifest }], [sinkOf(target)])];
      const { changes } = await instance.withEffects(instance.planReload(after), after);
      return changes.flatMap((change) => change.consequences).slice(2);
    };
    expect(await consequences({ ...scripted.manifest, filterPlaces: asks })).toEqual([
      `filter v = 'a' of public.t: runs in the database where tables are read, here for changes (all are sent)`,
      `filter lower(v) = 'a' of public.t: runs here (it calls lower())`,
    ]);
    expect((await consequences(scripted.manifest))[0]).toBe(
      `filter v = 'a' of public.t: runs here (a ${scripted.manifest.type} source takes no conditions)`,
    );
    const away = async () => {
      throw new TailraceError('source.unreachable', 'nobody answers');
    };
    expect(await consequences({ ...scripted.manifest, describe: away })).toEqual([
      'where its filters run is not known: nobody answers',
    ]);
  });

  test('a plan says how many rows come out otherwise, and its hash stays while more come in', async () => {
    const [upstream, target] = [new Upstream(), new Target()];
    // The last change of a row decides; one that is deleted is in no target.
    upstream.add(row(1, 'a'), row(2, 'b'), row(3, 'c'), row(4, 'd'), row(5, 'e'), row(6, 'a'));
    upstream.add({ rows: [{ op: 'u', id: 1, v: 'c' }] }, { rows: [{ op: 'd', id: 6, v: null }] });
    const transform = [step('filter', `v in ('b', 'c')`)];
    const instance = await started([pipelineOf([sourceOf(upstream)], [sinkOf(target, { transform })])]);
    await until(() => target.rows().size === 3 && instance.status().pipelines[0]!.sinks[0]!.lagRecords === 0);
    const changed = [
      step('filter', `v <> 'b' and 10 / length(nullif(v, 'e')) > 0`),
      step('set', { v: `replace(v, 'c', 'C')` }),
    ];
    const after = [pipelineOf([sourceOf(upstream)], [sinkOf(target, { transform: changed })])];
    const plan = instance.planReload(after);
    const { changes, hash } = await instance.withEffects(plan, after);
    expect(changes[0]!.consequences).toEqual([
      'restarts; goes on from its committed position',
      'match no more, and stay in the target until they change: 1 row',
      'match now, and are missing in the target until they change: 1 row',
      'come out otherwise, and stay as they are in the target until they change: 2 rows',
      expect.stringMatching(/^a replay sends \d+ records$/),
    ]);
    const added = [pipelineOf([sourceOf(upstream)], [sinkOf(target, { transform }), sinkOf(target, { name: 'more' })])];
    const before = instance.planReload(added);
    upstream.add(row(7, 'b'));
    await until(() => target.rows().size === 4);
    const later = instance.planReload(added);
    expect(later.changes).not.toEqual(before.changes);
    expect([later.hash, hash]).toEqual([before.hash, plan.hash]);
  });

  test('a plan says that rows stay where other cases sent them', async () => {
    const [upstream, target] = [new Upstream(), new Target()];
    const routed = (condition: string) => [
      { verb: 'route', config: { t: { other: condition } }, path: ['sinks', 'search', 'transform', 0] },
    ];
    const source = sourceOf(upstream);
    const instance = await started([pipelineOf([source], [sinkOf(target, { transform: routed('id = 1') })])]);
    const after = [pipelineOf([source], [sinkOf(target, { transform: routed('id = 2') })])];
    const { changes } = await instance.withEffects(instance.planReload(after), after);
    expect(changes[0]!.consequences.at(-1)).toContain('rows stay where the old steps sent them');
  });

  test('a changed step restarts its sink alone, which goes on where it was', async () => {
    const [upstream, search, cache] = [new Upstream(), new Target(), new Target()];
    upstream.add(row(1, 'a'));
    const source = sourceOf(upstream);
    const before = pipelineOf([source], [sinkOf(search, { name: 'search' }), sinkOf(cache, { name: 'cache' })]);
    const instance = await started([before]);
    await until(() => search.rows().size === 1 && cache.rows().size === 1);
    const upper = sinkOf(search, { name: 'search', transform: [step('set', { v: 'upper(v)' })] });
    const after = pipelineOf([source], [upper, sinkOf(cache, { name: 'cache' })]);
    const { hash } = instance.planReload([after]);
    const reloaded = await instance.reload([after]);
    expect(reloaded).toMatchObject({
      plan: { hash, untouched: ['source shop', 'sink shop/cache'] },
      started: [],
      restarted: ['sink shop/search'],
      stopped: [],
    });
    upstream.add(row(2, 'b'));
    await until(() => search.rows().size === 2 && cache.rows().size === 2);
    expect([[...search.rows().values()], [...cache.rows().values()]]).toEqual([
      ['a', 'B'],
      ['a', 'b'],
    ]);
    // The same once more: nothing restarts.
    expect(await instance.reload([after])).toMatchObject({ plan: { changes: [] }, restarted: [] });
  });

  test('a sink that is new reads the log, one that is gone stops, and the instance goes on', async () => {
    const [upstream, first, second] = [new Upstream(), new Target(), new Target()];
    upstream.add(row(1, 'a'), row(2, 'b'));
    const source = sourceOf(upstream);
    const instance = await started([pipelineOf([source], [sinkOf(first, { name: 'first' })])]);
    await until(() => first.rows().size === 2);
    const reloaded = await instance.reload([pipelineOf([source], [sinkOf(second, { name: 'second' })])]);
    expect(reloaded).toMatchObject({ started: ['sink shop/second'], stopped: ['sink shop/first'] });
    await until(() => second.rows().size === 2);
    expect(instance.status().pipelines[0]!.sinks.map(({ name }) => name)).toEqual(['second']);
    // Without any pipeline it still runs, and takes one again.
    expect((await instance.reload([])).stopped).toEqual(['source shop', 'sink shop/second']);
    const again = await instance.reload([pipelineOf([source], [sinkOf(first, { name: 'first' })])]);
    expect(again.started).toEqual(['source shop', 'sink shop/first']);
    upstream.add(row(3, 'c'));
    await until(() => first.rows().size === 3);
  });
});

describe('a plan', () => {
  const upstream = new Upstream();
  const target = new Target();
  const source = sourceOf(upstream);
  const sink = sinkOf(target);
  const base = pipelineOf([source], [sink]);
  const changes = (after: PipelinePlan | null) => planChanges([base], after === null ? [] : [after], () => 1_204);

  test('says for each part what changes and what comes of it', () => {
    const filtered = { ...sink, transform: [step('filter', 'id > 1')] };
    expect(changes(pipelineOf([source], [filtered]))).toEqual([
      {
        change: 'changed',
        pipeline: 'shop',
        kind: 'sink',
        name: 'out',
        fields: [{ name: 'transform', before: '[]', after: '[{"filter":"id > 1"}]' }],
        consequences: [
          'restarts; goes on from its committed position',
          'rows that were delivered already stay as they are until they change',
        ],
        remedy: 'tailrace replay shop/out --from start',
      },
    ]);
    const wider = { ...source, tables: ['public.t', 'public.u'] };
    expect(changes(pipelineOf([wider], [{ ...sink, from: ['t'] }]))[0]).toMatchObject({
      kind: 'source',
      consequences: ['restarts; reads on from its saved position', 'reads public.u from the database first'],
    });
    const second = { ...sink, name: 'second' };
    expect(changes(pipelineOf([source], [sink, second]))).toMatchObject([
      { change: 'added', name: 'second', consequences: ['reads the 1,204 records that the log has, not the database'] },
    ]);
    expect(changes(null).map(({ change, kind, name }) => `${change} ${kind} ${name}`)).toEqual([
      'removed pipeline shop',
      'removed source shop',
      'removed sink out',
    ]);
  });

  test('nothing changes by places in the file, comments or order of keys', () => {
    const moved = pipelineOf([{ ...source, path: ['source'] }], [{ ...sink, path: ['sinks', 'out'] }], { file: 'x' });
    expect(changes(moved)).toEqual([]);
  });

  test('invariant 12: values of a connector are not in it', () => {
    const other = pipelineOf(
      [{ ...source, config: { password: 'canary 2' } }],
      [{ ...sink, config: { url: 'canary 3' } }],
    );
    const found = changes(other);
    expect(found.flatMap(({ fields }) => fields.map(({ name }) => name))).toEqual(['config.password', 'config.url']);
    expect(JSON.stringify(found)).not.toContain('canary');
  });
});
