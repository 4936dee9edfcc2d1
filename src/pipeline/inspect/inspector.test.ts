import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  type ScriptedTransaction,
  scriptedSink,
  scriptedSource,
  Target,
  Upstream,
} from '../../../test/support/scripted-connectors.ts';
import type { Tapped, TapRequest } from '../../contracts/inspect.ts';
import type { PipelinePlan } from '../../contracts/plan.ts';
import { createEnvelope } from '../../envelope/index.ts';
import { systemClock } from '../../lib/clock.ts';
import { openLog } from '../../log/embedded-log.ts';
import { createRules } from '../../rules/index.ts';
import { Instance } from '../instance.ts';
import { LogInspector } from './inspector.ts';
import { isKey } from './key-words.ts';

const step = (verb: string, config: unknown, path: (string | number)[]) => ({ verb, config, path });

function pipelineOf(upstream: Upstream, target: Target, name = 'shop'): PipelinePlan {
  return {
    name,
    file: `${name}.yaml`,
    transform: [step('set', { v: 'upper(v)' }, ['transform', 0])],
    sources: [
      {
        name,
        manifest: scriptedSource(upstream),
        config: {},
        tables: ['public.t'],
        snapshot: 'initial',
        onGap: 'stop',
        transform: [],
        path: ['source'],
      },
    ],
    sinks: [
      {
        name: 'out',
        manifest: scriptedSink(target),
        config: {},
        from: null,
        transform: [step('filter', "id < 100 and v <> 'HIDDEN'", ['sink', 'transform', 0])],
        batch: { maxRecords: 100, maxBytes: 1 << 20 },
        maxDeadLettersPerMinute: 100,
        path: ['sink'],
      },
    ],
  };
}

const FIRST: readonly ScriptedTransaction[] = [
  {
    rows: [
      { op: 'c', id: 1, v: 'a' },
      { op: 'c', id: 2, v: 'b' },
    ],
  },
  { rows: [{ op: 'u', id: 1, v: 'hidden' }] },
];

/** An instance whose sink has applied what the source has. */
async function caughtUp() {
  const upstream = new Upstream();
  upstream.add(...FIRST);
  return { ...(await inspected([pipelineOf(upstream, new Target())], [3])), upstream };
}

/** @param records that the sink of each pipeline has applied */
async function inspected(pipelines: readonly PipelinePlan[], records: readonly number[]) {
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-inspect-'));
  const log = await openLog({ dir, clock: systemClock, random: Math.random, log: () => {} });
  const envelope = createEnvelope({ productVersion: '0' });
  const rules = createRules();
  const instance = await Instance.start({
    instance: { instance: 'main', dataDir: dir, http: null, kafka: null, memoryBytes: 64 << 20, maskKey: null },
    pipelines,
    log,
    envelope,
    rules,
    context: { log: () => {}, clock: systemClock, failpoint: () => {}, random: () => 0.5 },
  });
  onTestFinished(async () => {
    await instance.stop();
    await log.close();
    await rm(dir, { recursive: true, force: true });
  });
  const inspector = new LogInspector({
    log,
    envelope,
    rules,
    rulesContext: { maskKey: null },
    pipelines: () => pipelines,
  });
  const applied = async (counts: readonly number[]) => {
    const isMissing = (count: number, i: number) => instance.status().pipelines[i]!.sinks[0]!.records < count;
    while (counts.some(isMissing)) await new Promise((resolve) => setImmediate(resolve));
  };
  await applied(records);
  return { inspector, applied };
}

const TAP: TapRequest = { pipeline: 'shop', sink: null, step: null, table: null, key: null, last: 10 };

/** The first so many, then the tap is ended. */
async function taken(tap: AsyncIterable<readonly Tapped[]>, count: number): Promise<Tapped[]> {
  const all: Tapped[] = [];
  for await (const list of tap) {
    all.push(...list);
    if (all.length >= count) break;
  }
  return all;
}

test('the newest changes of a row, whichever pipeline captured them', async () => {
  const [late, early] = [new Upstream(), new Upstream()];
  const changes = ['a', 'b', 'c', 'd', 'e'];
  early.add(...changes.map((v, i) => ({ rows: [{ op: i === 0 ? 'c' : 'u', id: 1, v } as const] })));
  const pipelines = [pipelineOf(late, new Target(), 'late'), pipelineOf(early, new Target(), 'early')];
  const { inspector, applied } = await inspected(pipelines, [0, changes.length]);
  // In a later millisecond than the others.
  for (const nowMs = systemClock.now(); systemClock.now() <= nowMs; ) await new Promise((wake) => setImmediate(wake));
  late.add({ rows: [{ op: 'c', id: 1, v: 'late' }] });
  await applied([1, changes.length]);
  const traced = await inspector.trace({ table: 't', key: ['1'], limit: 1 });
  expect(traced.map(({ pipeline }) => pipeline)).toEqual(['late']);
  expect(await inspector.trace({ table: 't', key: ['1'], limit: 10 })).toHaveLength(6);
});

test('the story of one row: what each step made of it, what dropped it, and whether the sink has it', async () => {
  const { inspector } = await caughtUp();
  const story = await inspector.trace({ table: 't', key: ['1'], limit: 10 });
  expect(story).toMatchObject([
    {
      pipeline: 'shop',
      change: { op: 'insert', table: 'public.t', key: '{"id":1}', position: '0', after: { id: 1, v: 'a' } },
      sinks: [
        {
          sink: 'out',
          isAcknowledged: true,
          steps: [
            { number: 1, verb: 'set', outcome: 'changed', condition: null },
            { number: 2, verb: 'filter', outcome: 'passed', condition: null },
          ],
          results: [{ op: 'insert', after: { id: 1, v: 'A' } }],
        },
      ],
    },
    {
      change: { op: 'update', after: { id: 1, v: 'hidden' } },
      sinks: [
        {
          steps: [
            { verb: 'set', outcome: 'changed' },
            { number: 2, verb: 'filter', outcome: 'dropped', condition: "v <> 'HIDDEN'" },
          ],
          results: [{ op: 'delete', key: '{"id":1}', after: null }],
        },
      ],
    },
  ]);
  expect(await inspector.trace({ table: 'public.t', key: ['id=1'], limit: 1 })).toMatchObject([
    { change: { op: 'update' } },
  ]);
  expect(await inspector.trace({ table: 't', key: ['7'], limit: 10 })).toEqual([]);
  await expect(inspector.trace({ table: 'tt', key: ['7'], limit: 10 })).rejects.toMatchObject({
    code: 'pipeline.not_found',
    message: 'no running pipeline captures a table "tt"',
    remedy: 'did you mean "t"?',
  });
});

test('a tap shows the log, what a sink gets, and a step from both sides', async () => {
  const { inspector, upstream } = await caughtUp();
  const { signal } = new AbortController();
  const log = await taken(inspector.tap(TAP, signal), 3);
  expect(log.map(({ change }) => change?.after)).toEqual([
    { id: 1, v: 'a' },
    { id: 2, v: 'b' },
    { id: 1, v: 'hidden' },
  ]);
  const sink = await taken(inspector.tap({ ...TAP, sink: 'out', key: ['1'] }, signal), 2);
  expect(sink.map(({ change }) => [change?.op, change?.after])).toEqual([
    ['insert', { id: 1, v: 'A' }],
    ['delete', null],
  ]);
  const filter = await taken(inspector.tap({ ...TAP, sink: 'out', step: 2, last: 1 }, signal), 1);
  expect(filter).toMatchObject([
    { step: { verb: 'filter' }, change: { op: 'update', after: { v: 'HIDDEN' } }, results: [{ op: 'delete' }] },
  ]);
  // What comes later is shown when it comes.
  const live = taken(inspector.tap({ ...TAP, last: 0 }, signal), 1);
  upstream.add({ rows: [{ op: 'c', id: 9, v: 'new' }] });
  expect(await live).toMatchObject([{ change: { after: { id: 9, v: 'new' } } }]);
});

test('what is not there is told by its name', async () => {
  const { inspector } = await caughtUp();
  const { signal } = new AbortController();
  const refused = (request: Partial<TapRequest>) => taken(inspector.tap({ ...TAP, ...request }, signal), 1);
  await expect(refused({ pipeline: 'shp' })).rejects.toMatchObject({ remedy: expect.stringContaining('"shop"') });
  await expect(refused({ sink: 'outt' })).rejects.toMatchObject({ remedy: expect.stringContaining('"out"') });
  await expect(refused({ sink: 'out', step: 3 })).rejects.toMatchObject({
    message: 'there is no step 3: the way to out has 2 steps',
  });
  await expect(refused({ step: 1 })).rejects.toMatchObject({ code: 'pipeline.not_found' });
});

test.each([
  ['{"id":7}', ['7'], true],
  ['{"id":7}', ['id=7'], true],
  ['{"id":7}', ['id=8'], false],
  ['{"id":9007199254740993}', ['9007199254740993'], true],
  ['{"id":9007199254740993}', ['9007199254740992'], false],
  ['{"a":"x","b":2}', ['x', '2'], true],
  ['{"a":"x","b":2}', ['2', 'x'], false],
  ['{"a":"x","b":2}', ['b=2', 'a=x'], true],
  ['{"a":"x","b":2}', ['x'], false],
  ['no json', ['x'], false],
])('key %s, asked for as %j: %j', (key, words, expected) => {
  expect(isKey(key, words)).toBe(expected);
});
