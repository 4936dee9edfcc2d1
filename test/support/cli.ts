/** The command line in this process, with everything it touches of a process given by the test. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Subjects } from '../../src/api/route.ts';
import type { Io } from '../../src/cli/io.ts';
import { main } from '../../src/cli/main.ts';
import type { App, Running } from '../../src/contracts/app.ts';
import type { InstanceStatus, TopicStatus } from '../../src/contracts/control.ts';
import type { Operations } from '../../src/contracts/operations.ts';
import type { PipelinePlan } from '../../src/contracts/plan.ts';
import type { Logger } from '../../src/contracts/plugin.ts';
import type { Reloaded, ReloadPlan } from '../../src/contracts/reload.ts';
import { pluginAuthoring } from '../../src/plugins/authoring.ts';
import { runRuleTests } from '../../src/rules/testing/run-tests.ts';
import { testRegistry } from './config-registry.ts';

/** A directory with files, removed when the test ends. */
export function projectDir(files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-cli-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(dir, name, '..'), { recursive: true });
    writeFileSync(join(dir, name), content);
  }
  return dir;
}

export class Terminal implements Io {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  out = '';
  err = '';
  /** Set when the process was to end at once. */
  forced: number | null = null;
  readonly stdin: Io['stdin'];
  readonly stdout: Io['stdout'];
  readonly stderr: Io['stderr'];
  readonly #handlers = new Set<(signal: 'SIGINT' | 'SIGTERM') => void>();
  #outputClosed = () => {};

  constructor(cwd: string, options: { env?: Record<string, string>; isTty?: boolean; input?: readonly string[] } = {}) {
    const { env = {}, isTty = false, input = [] } = options;
    this.cwd = cwd;
    this.env = { LANG: 'en_GB.UTF-8', ...env };
    this.stdin = {
      isTty,
      async *lines() {
        yield* input;
      },
    };
    const drained = async () => {};
    this.stdout = { isTty, drained, write: (text) => void (this.out += text) };
    this.stderr = { isTty, drained, write: (text) => void (this.err += text) };
  }

  onSignal(handler: (signal: 'SIGINT' | 'SIGTERM') => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  onOutputClosed(handler: () => void): void {
    this.#outputClosed = handler;
  }

  exit(code: number): void {
    this.forced ??= code;
  }

  signal(signal: 'SIGINT' | 'SIGTERM'): void {
    for (const handler of this.#handlers) handler(signal);
  }

  closeOutput(): void {
    this.#outputClosed();
  }

  get listens(): boolean {
    return this.#handlers.size > 0;
  }
}

export const STOPPED: InstanceStatus = { instance: 'main', running: false, pid: null, startedMs: null, pipelines: [] };

/** An App whose parts the test fills in; what it did not expect to be used throws. */
export function fakeApp(parts: Partial<App> = {}): App {
  const unexpected = (what: string) => () => Promise.reject(new Error(`${what} was not expected`));
  return {
    registry: testRegistry,
    version: '1.2.3',
    authoring: pluginAuthoring(),
    start: unexpected('start'),
    check: unexpected('check'),
    describe: unexpected('describe'),
    lintTables: unexpected('lintTables'),
    teardown: unexpected('teardown'),
    offline: { status: unexpected('offline.status'), open: unexpected('offline.open') },
    ruleTests: async () => runRuleTests,
    logTools: unexpected('logTools'),
    testPlugin: unexpected('testPlugin'),
    demo: unexpected('demo'),
    ...parts,
  };
}

/** Operations of which the test fills in parts; what it did not expect to be used throws. */
export function fakeOperations(parts: { readonly [K in keyof Operations]?: Partial<Operations[K]> } = {}): Operations {
  const unexpected = (what: string) => () => {
    throw new Error(`${what} was not expected`);
  };
  const never = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, unexpected(name)]));
  return {
    topics: { ...never(['list', 'describe', 'read']), ...parts.topics },
    topicWriter: { ...never(['create', 'delete', 'write', 'compact']), ...parts.topicWriter },
    groups: { ...never(['list', 'describe']), ...parts.groups },
    seeker: { ...never(['plan', 'apply']), ...parts.seeker },
    backups: { ...never(['backup', 'startBackup', 'cancelBackup']), ...parts.backups },
  } as Operations;
}

/** What the API serves, of which the test fills in parts. */
export function fakeSubjects(parts: Partial<Subjects> = {}): Subjects {
  const unexpected = (what: string) => () => {
    throw new Error(`${what} was not expected`);
  };
  return {
    control: { status: unexpected('status'), topics: unexpected('topics') },
    operations: fakeOperations(),
    inspector: { tap: unexpected('tap'), trace: unexpected('trace') },
    reloader: { plan: unexpected('plan'), apply: unexpected('apply') },
    version: '1.2.3',
    ...parts,
  };
}

/** A stopped instance with these topics. */
export function storedTopics(topics: readonly TopicStatus[]): App['offline']['open'] {
  const unexpected = async () => {
    throw new Error('dead letters were not expected');
  };
  const deadLetters = { list: unexpected, show: unexpected };
  return async () => ({ ...fakeOperations({ topics: { list: () => topics } }), deadLetters, close: async () => {} });
}

/** A running instance that does what the test says. */
export class FakeRunning implements Running {
  readonly url: string | null = 'http://127.0.0.1:7600';
  log: Logger = () => {};

  /** As a real one writes into the log that it was given. */
  loggingTo(log: Logger): this {
    this.log = log;
    return this;
  }

  current: InstanceStatus = STOPPED;
  stops = 0;
  /** Replaced by a test whose instance does not stop in time. */
  stopping: () => Promise<void> = async () => this.end(null);
  end: (error: unknown) => void = () => {};
  readonly ended = new Promise<unknown>((resolve) => {
    this.end = resolve;
  });

  /** How often the status was asked for. */
  looks = 0;

  status(): InstanceStatus {
    this.looks++;
    return this.current;
  }

  topics() {
    return [];
  }

  /** Pipelines that were asked for after the start. */
  readonly reloads: (readonly PipelinePlan[])[] = [];

  async checkRules(): Promise<void> {}

  async withEffects(plan: ReloadPlan): Promise<ReloadPlan> {
    return plan;
  }

  planReload(): ReloadPlan {
    return { hash: '0123456789ab', changes: [], untouched: [] };
  }

  async reload(pipelines: readonly PipelinePlan[]): Promise<Reloaded> {
    this.reloads.push(pipelines);
    const restarted = pipelines.flatMap(({ name, sinks }) => sinks.map((sink) => `sink ${name}/${sink.name}`));
    return { plan: this.planReload(), started: [], restarted, stopped: [] };
  }

  async stop(): Promise<void> {
    this.stops++;
    await this.stopping();
  }
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function cli(
  args: readonly string[],
  options: {
    dir?: string;
    app?: App;
    env?: Record<string, string>;
    isTty?: boolean;
    input?: readonly string[];
  } = {},
): Promise<Ran> {
  const terminal = new Terminal(options.dir ?? '/', options);
  const code = await main(args, async () => options.app ?? fakeApp(), terminal);
  return { code, out: terminal.out, err: terminal.err };
}
