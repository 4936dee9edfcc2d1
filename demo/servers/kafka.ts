/** A real Kafka broker on 127.0.0.1: one node that is broker and controller. */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TailraceError } from '../../src/contracts/errors.ts';
import { freePort } from './free-port.ts';
import { GuardedProcess } from './guarded-process.ts';
import { findKafka, type KafkaJars } from './kafka-jars.ts';
import { output } from './programs.ts';

const START_MS = 60_000;
/** What Kafka's own start script uses. */
const JVM_DEFAULTS = [
  '-Xmx1G',
  '-Xms1G',
  ...['-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35'],
  ...['-XX:+ExplicitGCInvokesConcurrent', '-XX:MaxInlineLevel=15', '-Djava.awt.headless=true'],
];
const JVM_SMALL = ['-Xmx256m', '-Xms256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

export interface KafkaOptions {
  /** Kept after `stop` and used again. Default: a temporary one, removed. */
  readonly dataDir?: string;
  /** As `server.properties`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** `defaults`: what Kafka's start script uses; `small` (default): a heap of 256 MB, quick to start. */
  readonly jvm?: 'defaults' | 'small';
}

export interface KafkaServer {
  /** `host:port`, for clients. */
  readonly address: string;
  readonly pid: number;
  /** ms from the start of the process to the first answer. */
  readonly startMs: number;
  /** Idempotent. A temporary data directory is removed. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash. The data directory stays. */
  kill(): Promise<void>;
}

/** Answers requests when it resolves. Throws `demo.missing`; `internal.bug` with the end of the server's output. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const jars = await findKafka();
  const temporary = options.dataDir === undefined ? await mkdtemp(join(tmpdir(), 'tailrace-kafka-')) : null;
  const dataDir = options.dataDir ?? temporary!;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const port = await freePort();
  const properties = join(dataDir, 'server.properties');
  await writeFile(properties, settingsText(dataDir, port, await freePort(), options.settings ?? {}));
  await format(jars, properties, dataDir);
  const logFile = join(dataDir, 'server.out');
  const log = openSync(logFile, 'a', 0o600);
  const pidFile = join(dataDir, 'pid');
  const jvm = options.jvm === 'defaults' ? JVM_DEFAULTS : JVM_SMALL;
  const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';
  const command = [jars.java, ...jvm, quiet, '-cp', jars.classPath, 'kafka.Kafka', properties];
  const words = ['/bin/sh', '-c', 'echo $$ > "$1"; shift; exec "$@"', 'kafka', pidFile, ...command];
  const started = performance.now();
  const remove = temporary === null ? [] : [temporary];
  const child = new GuardedProcess(words, { output: log, remove, signals: ['TERM', 'KILL'] });
  closeSync(log);
  if (!(await answers(child, port))) {
    await child.stop();
    const said = await readFile(logFile, 'utf8').catch(() => '');
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
    throw new TailraceError('internal.bug', `Kafka did not start: ${said.slice(-800)}`);
  }
  const startMs = performance.now() - started;
  return running(child, port, startMs, Number(await readFile(pidFile, 'utf8')), temporary);
}

function running(
  child: GuardedProcess,
  port: number,
  startMs: number,
  pid: number,
  temporary: string | null,
): KafkaServer {
  return {
    address: `127.0.0.1:${port}`,
    pid,
    startMs,
    async stop() {
      await child.stop();
      if (temporary !== null) await rm(temporary, { recursive: true, force: true });
    },
    async kill() {
      if (!child.over) process.kill(pid, 'SIGKILL');
      await child.waitForEnd();
    },
  };
}

async function format({ java, classPath }: KafkaJars, properties: string, dataDir: string): Promise<void> {
  const formatted = await readFile(join(dataDir, 'data', 'meta.properties')).catch(() => null);
  if (formatted !== null) return;
  const id = randomBytes(16).toString('base64url');
  const words = ['-Xmx64m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', classPath, 'kafka.tools.StorageTool'];
  await output(java, [...words, 'format', `--cluster-id=${id}`, '-c', properties]);
}

function settingsText(
  dataDir: string,
  port: number,
  controllerPort: number,
  settings: Readonly<Record<string, string>>,
): string {
  const all = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(dataDir, 'data'),
    ...ONE_NODE,
    ...settings,
  };
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** Internal topics of one replica, and groups that form at once. */
const ONE_NODE = {
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'share.coordinator.state.topic.num.partitions': '1',
  'group.initial.rebalance.delay.ms': '0',
};

/** Waits until the broker lists itself in its metadata. False when it ended, or takes too long. */
async function answers(child: GuardedProcess, port: number): Promise<boolean> {
  const deadline = performance.now() + START_MS;
  while (!child.over && performance.now() < deadline) {
    if ((await brokersAt(port)) > 0) return !child.over;
    await Promise.race([child.ended, new Promise((wake) => setTimeout(wake, 20))]);
  }
  return false;
}

/** Brokers in the answer to Metadata 1 for no topic; 0 when there is none. */
export function brokersAt(port: number): Promise<number> {
  // Size, API key 3, version 1, correlation id, null client id, no topics.
  const request = Buffer.from('0000000e0003000100000001ffff00000000', 'hex');
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    let seen = Buffer.alloc(0);
    const end = (brokers: number) => {
      socket.destroy();
      resolve(brokers);
    };
    socket.on('data', (chunk) => {
      seen = Buffer.concat([seen, chunk]);
      // Size, correlation id, number of brokers.
      if (seen.length >= 12) end(seen.readInt32BE(8));
    });
    socket.on('error', () => end(0));
    socket.on('close', () => end(0));
    socket.setTimeout(2_000, () => end(0));
  });
}
