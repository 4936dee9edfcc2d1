/** A running instance over a real PostgreSQL that somebody changes all the time, and sinks that are verified meanwhile. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { source } from '../../connectors/postgres/index.ts';
import type { Log } from '../../src/contracts/log.ts';
import type { PipelinePlan, SinkPlan, SourcePlan } from '../../src/contracts/plan.ts';
import type { SinkManifest } from '../../src/contracts/plugin.ts';
import type { SinkCommands } from '../../src/contracts/replay.ts';
import type { StepSource } from '../../src/contracts/rules.ts';
import type { Difference, VerificationStatus, VerifyRequest } from '../../src/contracts/verification.ts';
import { createEnvelope } from '../../src/envelope/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { openLog } from '../../src/log/embedded-log.ts';
import { Instance } from '../../src/pipeline/instance.ts';
import { SinkControl } from '../../src/pipeline/sink-control.ts';
import { BackgroundVerification } from '../../src/pipeline/verify/background.ts';
import { Verifications } from '../../src/pipeline/verify/verifications.ts';
import { createRules } from '../../src/rules/index.ts';
import { until } from './project.ts';

export interface SceneSink {
  readonly name: string;
  readonly manifest: SinkManifest;
  readonly config: object;
  readonly transform?: readonly StepSource[];
  readonly verify?: SinkPlan['verify'];
}

export interface VerificationScene {
  readonly instance: Instance;
  /** Of the source's database, where that is PostgreSQL. */
  readonly client: pg.Client;
  verify(request?: Partial<VerifyRequest>): Promise<VerificationStatus[]>;
  verifications(): readonly VerificationStatus[];
  differences(sink: string): readonly Difference[];
  /** False: none was under way. */
  cancel(): boolean;
  /** One that has not begun. */
  background(): BackgroundVerification;
  readonly commands: SinkCommands;
  readonly log: Log;
  /** Resolves when every sink has what the log has. */
  caughtUp(): Promise<void>;
  /** Before the test's end, which does it otherwise. */
  close(): Promise<void>;
}

/** For one that is stopped and started again. */
export interface ScenePlace {
  readonly dir: string;
  readonly instance: string;
}

/** Between two transactions of a writer: what is verified must have something of the machine too. */
const REST_MS = 10;
const FIRST = { maxRecords: 500, maxBytes: 1 << 20 };

/** A step as it stands in a pipeline file. */
export const step = (verb: string, config: unknown): StepSource => ({ verb, config, path: [] });

export async function verificationScene(
  url: string,
  tables: readonly string[],
  sinks: readonly SceneSink[],
  more: Partial<SourcePlan> = {},
  place: Partial<ScenePlace> = {},
): Promise<VerificationScene> {
  const dir = place.dir ?? (await mkdtemp(join(tmpdir(), 'tailrace-verify-')));
  if (place.dir === undefined) onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const clock = systemClock;
  const silent = () => {};
  const log = await openLog({ dir, clock, random: Math.random, log: silent });
  onTestFinished(() => log.close());
  const pipeline = pipelineOf(url, tables, sinks, more);
  const envelope = createEnvelope({ productVersion: '0.0.0' });
  const rules = createRules();
  const context = { log: silent, clock, failpoint: () => {}, random: Math.random };
  const instance = await Instance.start({
    instance: {
      instance: place.instance ?? basename(new URL(url).pathname),
      dataDir: dir,
      http: null,
      kafka: null,
      memoryBytes: 256 << 20,
      maskKey: 'k',
    },
    pipelines: [pipeline],
    log,
    envelope,
    rules,
    context,
  });
  onTestFinished(() => instance.stop());
  const name = basename(new URL(url).pathname);
  const pipelines = () => instance.plans;
  const rulesContext = { maskKey: 'k' };
  const options = { name, pipelines, running: instance, log, envelope, rules, rulesContext, context };
  const verifications = new Verifications(options);
  onTestFinished(() => verifications.stop());
  const client = new pg.Client(url);
  if (url.startsWith('postgres')) await client.connect();
  onTestFinished(() => client.end().catch(() => {}));
  const close = async () => {
    await verifications.stop();
    await instance.stop();
    await log.close();
    await client.end();
  };
  const background = () => {
    const options = { log, context, pipelines, running: instance, verifications, lookMs: 20 };
    const made = new BackgroundVerification(options);
    onTestFinished(() => made.stop());
    return made;
  };
  const commands = new SinkControl({ log, envelope, context, running: instance });
  return { ...sceneOf(instance, verifications, client), close, background, commands, log };
}

function sceneOf(
  instance: Instance,
  verification: Verifications,
  client: pg.Client,
): Omit<VerificationScene, 'close' | 'background' | 'commands' | 'log'> {
  const isOver = ({ state }: VerificationStatus) => state !== 'running';
  return {
    instance,
    client,
    async verify(request = {}) {
      const defaults = { pipeline: 'p', sink: null, tables: null, rate: null, repair: false, resume: false };
      await verification.verify({ ...defaults, ...request });
      await until('the verification ends', async () => verification.verifications().every(isOver));
      return [...verification.verifications()];
    },
    verifications: () => verification.verifications(),
    differences: (sink) => verification.differences('p', sink),
    cancel: () => verification.cancelVerification('p', null),
    caughtUp: () =>
      until(`the sinks caught up`, async () => {
        const [status] = instance.status().pipelines;
        const isStreaming = status!.sources.every(({ state }) => state === 'streaming');
        return isStreaming && status!.sinks.every((sink) => sink.lagRecords === 0 && sink.records > 0);
      }),
  };
}

function pipelineOf(
  url: string,
  tables: readonly string[],
  sinks: readonly SceneSink[],
  more: Partial<SourcePlan>,
): PipelinePlan {
  const plan = ({ name, manifest, config, transform = [], verify }: SceneSink): SinkPlan => ({
    name,
    manifest,
    config: manifest.config.parse(config),
    from: null,
    transform,
    batch: FIRST,
    maxDeadLettersPerMinute: 100,
    ...(verify === undefined ? {} : { verify }),
    path: [],
  });
  const from = {
    name: 'p',
    manifest: source,
    config: (more.manifest ?? source).config.parse({ url }),
    tables,
    snapshot: 'initial' as const,
    onGap: 'stop' as const,
    transform: [],
    path: [],
    ...more,
  };
  return { name: 'p', file: 'p.yaml', sources: [from], transform: [], sinks: sinks.map(plan) };
}

/** Numbers in [0, 1), the same for a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Changes random rows of `items` until it is stopped: inserts, updates, deletes, several in a transaction. */
export class ConstantLoad {
  readonly #url: string;
  readonly #random: () => number;
  #stopped = false;
  #working: Promise<void> = Promise.resolve();
  transactions = 0;

  private constructor(url: string, random: () => number) {
    this.#url = url;
    this.#random = random;
  }

  static start(url: string, random: () => number, writers = 2): ConstantLoad {
    const load = new ConstantLoad(url, random);
    const all = Array.from({ length: writers }, () => load.#write());
    load.#working = Promise.all(all).then(() => {});
    onTestFinished(() => load.stop());
    return load;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working;
  }

  async #write(): Promise<void> {
    const client = new pg.Client(this.#url);
    await client.connect();
    try {
      for (; !this.#stopped; await systemClock.sleep(REST_MS)) await this.#transaction(client);
    } finally {
      await client.end();
    }
  }

  async #transaction(client: pg.Client): Promise<void> {
    const statements = Array.from({ length: 1 + Math.floor(this.#random() * 3) }, () => this.#statement());
    await client.query(['begin', ...statements.sort(), 'commit'].join('; ')).catch((error: { code?: string }) => {
      // Two writers that met in other orders.
      if (error.code !== '40P01') throw error;
      return client.query('rollback');
    });
    this.transactions++;
  }

  #statement(): string {
    const id = 1 + Math.floor(this.#random() * 250);
    const value = Math.floor(this.#random() * 1e9);
    const what = this.#random();
    if (what < 0.1) return `delete from items where id = ${id}`;
    if (what < 0.2) {
      return `insert into items (id, name, price) values (${id}, 'new ${value}', ${value} / 100.0) on conflict do nothing`;
    }
    return `update items set name = 'n${value}', price = ${value} / 100.0, at = clock_timestamp() where id = ${id}`;
  }
}
