/** Composition root: the only file that sees every part. */
import { readFileSync } from 'node:fs';
import { connectors } from '../connectors/index.ts';
import { main } from './cli/main.ts';
import type { App, CheckResult, Running } from './contracts/app.ts';
import type { InstancePlan, PipelinePlan } from './contracts/plan.ts';
import type { ConnectorContext, Logger, SinkManifest, SourceManifest } from './contracts/plugin.ts';
import type { Registry } from './contracts/registry.ts';
import { systemClock } from './lib/clock.ts';
import { failpointFrom } from './lib/failpoint.ts';
import type { EmbeddedLog } from './log/embedded-log.ts';
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

function connectorContext(log: Logger): ConnectorContext {
  const failpoint = failpointFrom(process.env.TAILRACE_FAILPOINT);
  return { log, clock: systemClock, failpoint, random: Math.random };
}

async function createRegistry(): Promise<Registry> {
  const sources = new Map<string, SourceManifest>();
  const sinks = new Map<string, SinkManifest>();
  for (const [type, load] of Object.entries(connectors)) {
    const module = await load();
    if (module.source !== undefined) sources.set(type, module.source);
    if (module.sink !== undefined) sinks.set(type, module.sink);
  }
  return {
    sourceTypes: [...sources.keys()],
    sinkTypes: [...sinks.keys()],
    source: (type) => sources.get(type),
    sink: (type) => sinks.get(type),
    rules: createRules(),
  };
}

async function start(
  registry: Registry,
  instance: InstancePlan,
  pipelines: readonly PipelinePlan[],
  log: Logger,
): Promise<Running> {
  const [{ openLog }, { createEnvelope }, { Instance }] = await Promise.all([
    import('./log/embedded-log.ts'),
    import('./envelope/index.ts'),
    import('./pipeline/instance.ts'),
  ]);
  const context = connectorContext(log);
  const { clock, random } = context;
  const store = await openLog({ dir: instance.dataDir, clock, random, log });
  const envelope = createEnvelope({ productVersion: version });
  const closers: (() => Promise<void>)[] = [() => store.close()];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const running = await Instance.prepare({
      instance,
      pipelines,
      log: store,
      envelope,
      rules: registry.rules,
      context,
    });
    closers.push(() => running.stop());
    // What listens comes first: a taken port is found before anything was made at a source.
    const { http, dataDir } = instance;
    const api =
      http === null ? null : await (await import('./api/server.ts')).startApi(running, { ...http, dataDir, log });
    if (api !== null) closers.push(() => api.close());
    const kafka = await startKafka(instance, pipelines, store, context);
    if (kafka !== null) closers.push(() => kafka.close());
    running.begin();
    // Without pipelines there is nothing that could end by itself but the log.
    const done =
      pipelines.length === 0
        ? new Promise<unknown>((resolve) => closers.push(async () => resolve(null)))
        : running.done;
    const ended = Promise.race([done, store.failed]).finally(close);
    return {
      url: api?.url ?? null,
      status: () => running.status(),
      topics: () => running.topics(),
      stop: close,
      ended,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The log for Kafka clients. They may not write to what sources and Tailrace itself write. */
async function startKafka(
  { kafka }: InstancePlan,
  pipelines: readonly PipelinePlan[],
  store: EmbeddedLog,
  { clock, log, failpoint }: ConnectorContext,
) {
  if (kafka === null) return null;
  const [{ startKafkaListener }, { aclOptions }] = await Promise.all([
    import('./protocol/index.ts'),
    import('./protocol/security/acl-rules.ts'),
  ]);
  const sources = pipelines.flatMap((pipeline) => pipeline.sources.map(({ name }) => `${name}.`));
  const mayProduce = (topic: string) => !topic.startsWith('__') && !sources.some((name) => topic.startsWith(name));
  const topics = { autoCreate: true, defaultPartitions: 1, mayProduce };
  const facade = await kafkaFacade({ log: store, admin: store.admin, clock, logger: log, topics, failpoint });
  if (facade !== null) return facade;
  const { host, port, advertise, tls, users, acls, superUsers } = kafka;
  const listener = await startKafkaListener({
    log: store,
    admin: store.admin,
    clock,
    logger: log,
    listen: { host, port },
    topics,
    failpoint,
    ...(advertise === null ? {} : { advertise }),
    security: {
      users,
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
  return checkPipelines(instance, pipelines, registry.rules, connectorContext(log));
}

const silent: Logger = () => {};

async function stored<T>(
  instance: InstancePlan,
  read: (log: import('./log/read-only.ts').ReadOnlyLog) => T,
): Promise<T> {
  const { openLogReadOnly } = await import('./log/read-only.ts');
  const log = await openLogReadOnly({ dir: instance.dataDir, clock: systemClock, random: Math.random, log: silent });
  try {
    return read(log);
  } finally {
    await log.close();
  }
}

export async function createApp(): Promise<App> {
  const registry = await createRegistry();
  return {
    registry,
    version,
    start: (instance, pipelines, log) => start(registry, instance, pipelines, log),
    check: (instance, pipelines, log) => check(registry, instance, pipelines, log),
    offline: {
      status: async (instance) => {
        const { offlineStatus } = await import('./pipeline/offline-status.ts');
        return stored(instance, (log) => offlineStatus(instance.instance, log));
      },
      topics: async (instance) => {
        const { topicStatus } = await import('./pipeline/topic-status.ts');
        return stored(instance, (log) => log.topics.list().map(topicStatus));
      },
    },
    demo: async (args) => {
      const { runDemo } = await import('../demo/main.ts');
      return runDemo([...args]);
    },
  };
}

export { main };
