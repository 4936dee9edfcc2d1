/** The brokers that are compared: Tailrace's listener and a real Kafka, each in a process of its own with a data directory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../demo/servers/free-port.ts';
import { startKafka } from '../../demo/servers/kafka.ts';
import { createTopics } from '../../src/wire/messages/create-topics.ts';
import { listOffsets } from '../../src/wire/messages/list-offsets.ts';
import { metadata } from '../../src/wire/messages/metadata.ts';
import { WireClient } from '../../test/support/kafka-wire.ts';
import { builtLauncher } from '../build.ts';

export interface Broker {
  /** `host:port` */
  readonly address: string;
  readonly port: number;
  readonly pid: number;
  /** ms from the start of the process to the first answer. */
  readonly startMs: number;
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

export const KINDS = ['Tailrace', 'Kafka', 'Kafka, flush per message'] as const;
export type Kind = (typeof KINDS)[number];

export function start(kind: Kind, dataDir: string): Promise<Broker> {
  if (kind === 'Tailrace') return startTailrace(dataDir);
  const settings: Record<string, string> = kind === 'Kafka' ? {} : { 'log.flush.interval.messages': '1' };
  return kafka(dataDir, settings);
}

async function kafka(dataDir: string, settings: Record<string, string>): Promise<Broker> {
  const server = await startKafka({ dataDir, jvm: 'defaults', settings });
  return { ...server, port: Number(server.address.split(':')[1]) };
}

/** The product with its defaults, `tailrace run` without pipelines. */
async function startTailrace(dataDir: string): Promise<Broker> {
  const program = builtLauncher();
  const port = await freePort();
  const project = `${dataDir}.project`;
  await mkdir(project, { recursive: true });
  const settings = `data_dir: ${dataDir}\nhttp: { port: 0 }\nkafka: { listen: "127.0.0.1:${port}" }\n`;
  await writeFile(join(project, 'tailrace.yaml'), settings);
  const started = performance.now();
  const child = spawn(process.execPath, [program, 'run', project], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  let hasEnded = false;
  void ended.then(() => (hasEnded = true));
  while (!(await answers(port))) {
    if (hasEnded) throw new Error('the Tailrace broker did not start');
    await new Promise((wake) => setTimeout(wake, 2));
  }
  const startMs = performance.now() - started;
  const end = async (signal: NodeJS.Signals) => {
    if (!hasEnded) child.kill(signal);
    await ended;
  };
  return {
    address: `127.0.0.1:${port}`,
    port,
    pid: child.pid!,
    startMs,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

async function answers(port: number): Promise<boolean> {
  const client = await WireClient.connect(port).catch(() => null);
  if (client === null) return false;
  const request = { topics: null, allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false };
  const answered = await client.ask(metadata, 4, request).then(
    () => true,
    () => false,
  );
  client.close();
  return answered;
}

/** Starts one of each kind, runs, and leaves nothing behind. */
export async function withBrokers(
  kinds: readonly Kind[],
  run: (brokers: ReadonlyMap<Kind, Broker>) => Promise<void>,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-bench-'));
  const brokers = new Map<Kind, Broker>();
  try {
    await Promise.all(kinds.map(async (kind, i) => brokers.set(kind, await start(kind, join(dir, String(i))))));
    await run(brokers);
  } finally {
    for (const broker of brokers.values()) await broker.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Resolves when the partitions are served, which for Kafka is a little later than the answer. */
export async function createTopic({ port }: Broker, name: string, partitions: number): Promise<void> {
  const client = await WireClient.connect(port);
  const topic = { name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] };
  const { topics } = await client.ask(createTopics, 4, { topics: [topic], timeoutMs: 10_000, validateOnly: false });
  if (topics[0]?.errorCode !== 0) throw new Error(`topic ${name}: error ${topics[0]?.errorCode}`);
  while ((await endOf(client, name, partitions - 1)) === null) await new Promise((wake) => setTimeout(wake, 20));
  client.close();
}

/** End offset of a partition; null while it is not served. */
export async function endOf(client: WireClient, topic: string, partition: number): Promise<bigint | null> {
  const partitions = [{ partitionIndex: partition, timestamp: -1n }];
  const request = { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions }] };
  const { topics } = await client.ask(listOffsets, 2, request);
  const told = topics[0]?.partitions[0];
  return told?.errorCode === 0 ? told.offset : null;
}

/** Seconds of CPU that the process has used, and its resident memory in MiB: now, and the most so far. */
export function usage({ pid }: Broker): { cpuSeconds: number; rssMb: number; peakRssMb: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  // User and system time in clock ticks of 1/100 s (proc(5)).
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100, rssMb: mb('VmRSS'), peakRssMb: mb('VmHWM') };
}
