/** Composition root: the only file that sees every part. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectors } from '../connectors/index.ts';
import { main } from './cli/main.ts';
import type { App, CheckResult, Running, StartOptions, StoredReader } from './contracts/app.ts';
import type { InstanceStatus } from './contracts/control.ts';
import type { DeadLetterDesk } from './contracts/dead-letters.ts';
import type { Envelope } from './contracts/envelope.ts';
import type { LogLines } from './contracts/log-lines.ts';
import type { GroupMembership } from './contracts/operations.ts';
import type { InstancePlan, PipelinePlan } from './contracts/plan.ts';
import type { ConnectorContext, Logger, SinkManifest, SourceManifest } from './contracts/plugin.ts';
import type { Registry } from './contracts/registry.ts';
import type { SinkCommands } from './contracts/replay.ts';
import type { Rules } from './contracts/rules.ts';
import { systemClock } from './lib/clock.ts';
import { failpointFrom } from './lib/failpoint.ts';
import { memoryShares } from './lib/memory-shares.ts';
import type { EmbeddedLog } from './log/embedded-log.ts';
import type { ReadOnlyLog } from './log/read-only.ts';
import type { TopicRules } from './operations/index.ts';
import type { Instance } from './pipeline/instance.ts';
import type { RebuildOptions } from './pipeline/rebuild/rebuild.ts';
import type { Rebuilds } from './pipeline/rebuild/sink-jobs.ts';
import type { BackgroundVerification } from './pipeline/verify/background.ts';
import type { Verifications } from './pipeline/verify/verifications.ts';
import { pluginAuthoring } from './plugins/authoring.ts';
import { PluginRegistry } from './plugins/plugin-registry.ts';
import { createRules } from './rules/index.ts';

const version = productVersion();

/** Next to the sources in the repository, one level further up in the built package. */
function productVersion(): string {
  for (const candidate of ['../package.json', '../../package.json']) {
    try {
      return JSON.parse(readFileSync(new URL(candidate, import.meta.url), 'utf8')).version;
    } catch {
      // The other place has it.
    }
  }
  return '0.0.0';
}

/** @param dataDir absent: of a command that leaves the data directory alone */
function connectorContext(log: Logger, dataDir?: string): ConnectorContext {
  const failpoint = failpointFrom(process.env.TAILRACE_FAILPOINT);
  const scratch = dataDir === undefined ? {} : { scratch: join(dataDir, 'scratch') };
  return { log, clock: systemClock, failpoint, random: Math.random, ...scratch };
}

async function createRegistry(): Promise<Registry> {
  const sources = new Map<string, SourceManifest>();
  const sinks = new Map<string, SinkManifest>();
  for (const [type, load] of Object.entries(connectors)) {
    const module = await load();
    if (module.source !== undefined) sources.set(type, module.source);
    if (module.sink !== undefined) sinks.set(type, module.sink);
  }
  return new PluginRegistry(sources, sinks, createRules());
}

async function start(
  registry: Registry,
  instance: InstancePlan,
  pipelines: readonly PipelinePlan[],
  plainLog: Logger,
  options: StartOptions = { load: async () => ({ problems: [], pipelines }), redact: (text) => text },
): Promise<Running> {
  const [{ openLog }, { createEnvelope }, { Instance }, { LogBuffer }] = await Promise.all([
    import('./log/embedded-log.ts'),
    import('./envelope/index.ts'),
    import('./pipeline/instance.ts'),
    import('./operations/log-buffer.ts'),
  ]);
  const logs = new LogBuffer(systemClock.now);
  const log = logs.keeping(plainLog, options.redact);
  const context = connectorContext(log, instance.dataDir);
  const { clock, random } = context;
  const limits = { holdLimit: holdLimitOf(instance), ...memoryShares(instance.memoryBytes).log };
  const store = await openLog({ dir: instance.dataDir, clock, random, log, ...limits });
  const envelope = createEnvelope({ productVersion: version });
  const closers: (() => Promise<void>)[] = [() => store.close()];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const { rules } = registry;
    const parts = { instance, pipelines, log: store, topicAdmin: store.admin.topics, envelope, rules, context };
    const running = await Instance.prepare(parts);
    closers.push(() => running.stop());
    const verification = await verificationsOf({ running, store, envelope, rules }, instance, context);
    closers.push(() => verification.stop());
    const background = await backgroundOf({ running, store, verification }, context);
    closers.push(() => background.stop());
    const rebuilds = await rebuildsOf({ running, store, envelope, verification }, context);
    closers.push(() => rebuilds.stop());
    // What listens comes first: a taken port is found before anything was made at a source.
    const isOpen = openTopics(() => running.plans.flatMap(({ sources }) => sources.map(({ name }) => name)));
    const kafka = await startKafka(instance, isOpen, store, context);
    if (kafka !== null) closers.push(() => kafka.close());
    const groups = kafka !== null && 'groups' in kafka ? kafka.groups : null;
    const served = { running, store, envelope, rules, isOpen, groups, logs, options, verification, rebuilds };
    const api = await startApi(served, instance, context);
    if (api !== null) closers.push(() => api.close());
    running.begin();
    rebuilds.resume();
    background.begin();
    // Without pipelines there is nothing that could end by itself but the log.
    const done =
      pipelines.length === 0
        ? new Promise<unknown>((resolve) => closers.push(async () => resolve(null)))
        : running.done;
    const ended = Promise.race([done, store.failed]).finally(close);
    return { ...shownParts(running), log, url: api?.url ?? null, stop: close, ended };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What whoever started an instance sees of it. */
function shownParts(running: Instance): Omit<Running, 'log' | 'url' | 'stop' | 'ended'> {
  return {
    status: () => running.status(),
    topics: () => running.topics(),
    checkRules: (others) => running.checkRules(others),
    withEffects: (plan, others) => running.withEffects(plan, others),
    planReload: (others) => running.planReload(others),
    reload: (others) => running.reload(others),
  };
}

/** Whether outside clients and people may write to a topic: not to what sources and Tailrace itself write. */
function openTopics(sources: () => readonly string[]): (topic: string) => boolean {
  return (topic) => !topic.startsWith('__') && !sources().some((source) => topic.startsWith(`${source}.`));
}

async function topicRules(isOpen: (topic: string) => boolean): Promise<TopicRules> {
  const [{ configProblem, effectiveConfigs }, { nameProblem }, { MAX_PARTITIONS }] = await Promise.all([
    import('./protocol/topic-configs.ts'),
    import('./protocol/topics.ts'),
    import('./protocol/topic-changes.ts'),
  ]);
  return {
    isOpen,
    maxPartitions: MAX_PARTITIONS,
    nameProblem,
    settingProblem: configProblem,
    settings: (config) =>
      effectiveConfigs(config).map(({ key: { name }, value, isDefault }) => ({ name, value, isDefault })),
  };
}

interface Served {
  readonly running: Instance;
  readonly store: EmbeddedLog;
  readonly envelope: Envelope;
  readonly rules: Rules;
  readonly isOpen: (topic: string) => boolean;
  readonly groups: GroupMembership | null;
  readonly logs: LogLines;
  readonly options: StartOptions;
  readonly verification: Verifications;
  readonly rebuilds: Rebuilds;
}

async function verificationsOf(
  { running, store: log, envelope, rules }: Pick<Served, 'running' | 'store' | 'envelope' | 'rules'>,
  { instance: name, maskKey }: InstancePlan,
  context: ConnectorContext,
): Promise<Verifications> {
  const { Verifications: Made } = await import('./pipeline/verify/verifications.ts');
  const pipelines = () => running.plans;
  return new Made({ name, pipelines, running, log, envelope, rules, rulesContext: { maskKey }, context });
}

async function backgroundOf(
  { running, store: log, verification: verifications }: Pick<Served, 'running' | 'store' | 'verification'>,
  context: ConnectorContext,
): Promise<BackgroundVerification> {
  const { BackgroundVerification: Made } = await import('./pipeline/verify/background.ts');
  return new Made({ log, context, pipelines: () => running.plans, running, verifications });
}

async function deadLetterDesk(
  { running, store: log, envelope, rules }: Pick<Served, 'running' | 'store' | 'envelope' | 'rules'>,
  maskKey: string | null,
  context: ConnectorContext,
): Promise<DeadLetterDesk> {
  const { Desk } = await import('./pipeline/dead-letters/desk.ts');
  return new Desk({ log, envelope, rules, rulesContext: { maskKey }, context, sinks: () => running.sinks() });
}

async function sinkCommands(
  { running, store: log, envelope }: Pick<Served, 'running' | 'store' | 'envelope'>,
  context: ConnectorContext,
): Promise<SinkCommands> {
  const { SinkControl } = await import('./pipeline/sink-control.ts');
  return new SinkControl({ log, envelope, context, running });
}

async function rebuildsOf(
  { running, store: log, envelope, verification }: Pick<Served, 'running' | 'store' | 'envelope' | 'verification'>,
  context: ConnectorContext,
): Promise<Rebuilds> {
  const { Rebuilds: Made } = await import('./pipeline/rebuild/sink-jobs.ts');
  const verify: RebuildOptions['verify'] = ({ pipeline, plan }, signal) =>
    verification.verifyBeside(pipeline, plan, signal);
  return new Made({ log, envelope, context, running, verify });
}

async function startApi(served: Served, { http, dataDir, maskKey }: InstancePlan, context: ConnectorContext) {
  if (http === null) return null;
  const { running, store, envelope, rules, isOpen, groups: membership, logs, options, verification, rebuilds } = served;
  const [{ startApi: start }, { createOperations }, { LogInspector }, { FileReload }, { NamedSnapshots }, topics] =
    await Promise.all([
      import('./api/server.ts'),
      import('./operations/index.ts'),
      import('./pipeline/inspect/inspector.ts'),
      import('./pipeline/file-reload.ts'),
      import('./pipeline/snapshot-places.ts'),
      topicRules(isOpen),
    ]);
  const operations = createOperations({
    log: store,
    admin: store.admin,
    rules: topics,
    clock: systemClock,
    membership,
    compact: (topic) => store.clean({ compact: topic }),
    backUp: (...call) => store.backup(...call),
  });
  const pipelines = () => running.plans;
  const snapshots = new NamedSnapshots(running);
  const deadLetters = await deadLetterDesk(served, maskKey, context);
  const sinks = await sinkCommands(served, context);
  const inspector = new LogInspector({ log: store, envelope, rules, rulesContext: { maskKey }, pipelines });
  const reloader = new FileReload(running, options.load, options.redact);
  return start(
    {
      control: running,
      operations,
      inspector,
      reloader,
      verification,
      deadLetters,
      sinks,
      jobs: rebuilds,
      snapshots,
      logs,
      version,
    },
    { ...http, dataDir, log: context.log },
  );
}

function holdLimitOf({ holdLimit }: InstancePlan) {
  if (holdLimit === undefined) return {};
  const { ms, bytes } = holdLimit;
  return bytes === null ? { ms } : { ms, bytes };
}

/** The log for Kafka clients. */
async function startKafka(
  { kafka, memoryBytes }: InstancePlan,
  mayProduce: (topic: string) => boolean,
  store: EmbeddedLog,
  { clock, log, failpoint }: ConnectorContext,
) {
  if (kafka === null) return null;
  const [{ startKafkaListener }, { aclOptions }] = await Promise.all([
    import('./protocol/index.ts'),
    import('./protocol/security/acl-rules.ts'),
  ]);
  const topics = { autoCreate: true, defaultPartitions: 1, mayProduce };
  const facade = await kafkaFacade({ log: store, admin: store.admin, clock, logger: log, topics, failpoint });
  if (facade !== null) return facade;
  const { host, port, advertise, tls, users, acls, superUsers, quotas } = kafka;
  const listener = await startKafkaListener({
    log: store,
    admin: store.admin,
    clock,
    logger: log,
    listen: { host, port },
    limits: memoryShares(memoryBytes).kafka,
    topics,
    failpoint,
    ...(advertise === null ? {} : { advertise }),
    security: {
      users,
      quotas,
      ...(tls === null ? {} : { tls: { cert: tls.certificate, key: tls.key } }),
      ...(acls === null ? {} : { acls: aclOptions(acls, superUsers) }),
    },
  });
  log('info', 'serves Kafka clients', { kafka: `${listener.host}:${listener.port}`, tls: tls !== null });
  return listener;
}

/** In place of the listener, where the environment asks for it: for test suites of other projects only. */
async function kafkaFacade(options: Parameters<typeof import('./protocol/facade.ts').startKafkaFacade>[0]) {
  const { readKafkaFacade } = await import('./config/kafka-facade.ts');
  const facade = readKafkaFacade(process.env);
  if (facade === null) return null;
  const served = await (await import('./protocol/facade.ts')).startKafkaFacade(options, facade);
  options.logger('warn', 'shows the log as a cluster that does not exist', {
    kafka: served.endpoints.map(({ host, port }) => `${host}:${port}`),
  });
  return served;
}

async function check(
  registry: Registry,
  instance: InstancePlan,
  pipelines: readonly PipelinePlan[],
  log: Logger,
): Promise<CheckResult[]> {
  const { checkPipelines } = await import('./pipeline/check.ts');
  return checkPipelines(
    instance,
    await storedNames(instance, pipelines, { mayRun: true }),
    registry.rules,
    connectorContext(log),
  );
}

const silent: Logger = () => {};

function openStored({ dataDir }: InstancePlan): Promise<ReadOnlyLog> {
  const options = { dir: dataDir, clock: systemClock, random: Math.random, log: silent };
  return import('./log/read-only.ts').then(({ openLogReadOnly }) => openLogReadOnly(options));
}

/** Under the names of their state; where its log cannot be read, what the files say of renames is taken for true. */
async function storedNames(
  instance: InstancePlan,
  pipelines: readonly PipelinePlan[],
  { mayRun }: { readonly mayRun: boolean },
): Promise<readonly PipelinePlan[]> {
  const { withStoredNames } = await import('./pipeline/stored-names.ts');
  const log = await openStored(instance).catch((error: { readonly code?: unknown }) => {
    // One that runs keeps the log to itself.
    if (!mayRun && error.code === 'log.locked') throw error;
    return null;
  });
  try {
    return withStoredNames(pipelines, log?.checkpoints ?? null).pipelines;
  } finally {
    await log?.close();
  }
}

async function storedStatus(instance: InstancePlan): Promise<InstanceStatus> {
  const { offlineStatus } = await import('./pipeline/offline-status.ts');
  const log = await openStored(instance);
  try {
    return offlineStatus(instance.instance, log);
  } finally {
    await log.close();
  }
}

/** Pipelines are not read: which topics belong to a source is known from what it has stored. */
async function storedReader(instance: InstancePlan): Promise<StoredReader> {
  const { createLogReader } = await import('./operations/index.ts');
  const log = await openStored(instance);
  const sources = log.checkpoints.list('source/').map(([name]) => name.slice('source/'.length));
  const rules = await topicRules(openTopics(() => sources));
  const reader = createLogReader({ log, times: log.times, configOf: log.configOf, rules });
  const groups = log.checkpoints.list('group/').map(([name]) => name);
  const isKnown = (pipeline: string) => groups.some((name) => name.startsWith(`group/tailrace.${pipeline}.`));
  const { LetterReader } = await import('./pipeline/dead-letters/reader.ts');
  return { ...reader, deadLetters: new LetterReader(log, isKnown), close: () => log.close() };
}

export async function createApp(): Promise<App> {
  const registry = await createRegistry();
  return {
    registry,
    version,
    authoring: pluginAuthoring(),
    start: (instance, pipelines, log, options) => start(registry, instance, pipelines, log, options),
    check: (instance, pipelines, log) => check(registry, instance, pipelines, log),
    describe: async (instance, pipelines, log) => {
      const { describeTables } = await import('./pipeline/describe.ts');
      return describeTables(instance, pipelines, connectorContext(log));
    },
    lintTables: async (pipeline, tables) => {
      const { tableRules } = await import('./pipeline/table-rules.ts');
      const ownOf = (name: string) => tables.filter(({ source }) => source === name);
      const uses = pipeline.sources.flatMap((source) => tableRules(pipeline, source, ownOf(source.name)));
      return registry.rules.lintTables(uses);
    },
    teardown: async (instance, pipelines, log) => {
      const { teardownPipelines } = await import('./pipeline/teardown.ts');
      // What is removed must be what the instance made, under the name that it gave it.
      const named = await storedNames(instance, pipelines, { mayRun: false });
      return teardownPipelines(instance, named, connectorContext(log));
    },
    offline: { status: storedStatus, open: storedReader },
    ruleTests: async () => (await import('./rules/testing/run-tests.ts')).runRuleTests,
    logTools: async () => {
      const { createLogTools } = await import('./log/tools/index.ts');
      return createLogTools({ clock: systemClock, random: Math.random });
    },
    testPlugin: async (test) => {
      const [{ loadTestedPlugin }, { pluginSuites, runSuites }] = await Promise.all([
        import('./plugins/load-driver.ts'),
        import('./testkit/index.ts'),
      ]);
      const { parts, driver, module } = loadTestedPlugin(test, registry);
      return runSuites(pluginSuites(parts, driver, module), test);
    },
    demo: async (args) => {
      const { runDemo } = await import('../demo/main.ts');
      return runDemo([...args]);
    },
  };
}

export { main };
