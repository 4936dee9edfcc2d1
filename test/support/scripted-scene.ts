/** An instance over a real log, with the scripted source and sink. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { SinkStatus, SourceStatus } from '../../src/contracts/control.ts';
import type { PipelinePlan, SinkPlan } from '../../src/contracts/plan.ts';
import type { ConnectorContext } from '../../src/contracts/plugin.ts';
import type { StepSource } from '../../src/contracts/rules.ts';
import { createEnvelope } from '../../src/envelope/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type EmbeddedLog, openLog } from '../../src/log/embedded-log.ts';
import { Desk } from '../../src/pipeline/dead-letters/desk.ts';
import { Instance } from '../../src/pipeline/instance.ts';
import { SinkControl } from '../../src/pipeline/sink-control.ts';
import { createRules } from '../../src/rules/index.ts';
import { scriptedSink, scriptedSource, type Target, type Upstream } from './scripted-connectors.ts';

export interface Scene {
  readonly log: EmbeddedLog;
  readonly instance: Instance;
  readonly desk: Desk;
  readonly control: SinkControl;
  readonly plan: PipelinePlan;
  stop(): Promise<void>;
}

export interface SceneOptions {
  readonly failpoint?: (name: string) => void;
  /** Dead letters a minute. */
  readonly max?: number;
  readonly transform?: readonly StepSource[];
  readonly sourceTransform?: readonly StepSource[];
  /** Of the sink. */
  readonly sink?: Partial<SinkPlan>;
}

/** A new directory for each test of the file. */
export function temporaryDirectory(): () => string {
  let dir = '';
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tailrace-pipeline-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));
  return () => dir;
}

/** Retries come at once: waits end as soon as the event loop turns. */
const eagerClock = { ...systemClock, sleep: () => new Promise<void>((resolve) => setImmediate(resolve)) };

/** The source is `src` of the table `public.t`, the pipeline `p`, the sink `out`. */
export async function startScene(
  dir: string,
  upstream: Upstream,
  target: Target,
  options: SceneOptions = {},
): Promise<Scene> {
  const failpoint = options.failpoint ?? (() => {});
  const context: ConnectorContext = { log: () => {}, clock: eagerClock, failpoint, random: () => 0.5 };
  const log = await openLog({ dir, clock: systemClock, random: Math.random, log: () => {} });
  const plan = pipelineOf(upstream, target, options);
  const envelope = createEnvelope({ productVersion: '0' });
  const rules = createRules();
  const named = { instance: 'main', dataDir: dir, http: null, kafka: null, memoryBytes: 64 << 20, maskKey: null };
  const instance = await Instance.start({ instance: named, pipelines: [plan], log, envelope, rules, context });
  const rulesContext = { maskKey: null };
  const desk = new Desk({ log, envelope, rules, rulesContext, context, sinks: () => instance.sinks() });
  const control = new SinkControl({ log, envelope, context, running: instance });
  const stop = async () => {
    await instance.stop();
    await log.close();
  };
  return { log, instance, desk, control, plan, stop };
}

export function pipelineOf(upstream: Upstream, target: Target, options: SceneOptions = {}): PipelinePlan {
  const source = {
    name: 'src',
    manifest: scriptedSource(upstream),
    config: {},
    tables: ['public.t'],
    snapshot: 'initial' as const,
    onGap: 'stop' as const,
    transform: options.sourceTransform ?? [],
    path: ['source'],
  };
  const sink: SinkPlan = {
    name: 'out',
    manifest: scriptedSink(target),
    config: {},
    from: null,
    transform: options.transform ?? [],
    batch: { maxRecords: 3, maxBytes: 1 << 20 },
    maxDeadLettersPerMinute: options.max ?? 100,
    path: ['sink'],
    ...options.sink,
  };
  return { name: 'p', file: 'p.yaml', transform: [], sources: [source], sinks: [sink] };
}

/** Waits for a condition of the status, checked whenever the event loop turns. */
export async function until(condition: () => boolean, what: string, deadlineMs = 20_000): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export interface Progress {
  readonly transactions: number;
  readonly lag: number;
  readonly source: SourceStatus;
  readonly sink: SinkStatus;
}

export function caughtUp({ instance }: Pick<Scene, 'instance'>): Progress {
  const { sources, sinks } = instance.status().pipelines[0]!;
  return { transactions: sources[0]!.transactions, lag: sinks[0]!.lagRecords, source: sources[0]!, sink: sinks[0]! };
}
