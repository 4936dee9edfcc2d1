/**
 * Debezium's embedded engine as a peer: any of its connectors, in a Java process of its own that stays warm from run to run.
 * What it reads becomes JSON and is thrown away.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { compileJava, copyJars, findJava } from '../../demo/servers/java.ts';
import { cached, installOnce } from '../../demo/servers/server-cache.ts';
import { TailraceError } from '../../src/contracts/errors.ts';

const MAIN = 'DebeziumReader';

/** Of the connectors that are measured: the newest that there is. */
const VERSIONS = { mariadb: '3.5.0.Final', mysql: '3.5.0.Final', postgres: '3.6.1.Final' } as const;
export type DebeziumConnector = keyof typeof VERSIONS;

export interface DebeziumRun {
  /**
   * As its documentation has them: `connector.class`, `database.*`, `topic.prefix`, `snapshot.mode`, … Name, format, offsets
   * (kept nowhere unless `offset.storage.file.filename` is given) and sizes of queues are there by default.
   */
  readonly properties: Readonly<Record<string, string | number>>;
  /** Records of this topic are counted. */
  readonly topic: string;
  /** It has read enough. */
  readonly rows: number;
  /** Gives up after so many seconds. Default: 120. */
  readonly limitSeconds?: number;
}

export interface DebeziumResult {
  /** From the start of the engine to the end of the batch with the last row. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Of the process since it started. */
  readonly peakRssMb: number;
  readonly rows: number;
}

/** Faster than its defaults in every backlog that was tried. */
const COMMON = {
  name: 'bench',
  'offset.storage': 'org.apache.kafka.connect.storage.MemoryOffsetBackingStore',
  'offset.flush.interval.ms': 1_000,
  'converter.schemas.enable': false,
  'key.converter.schemas.enable': false,
  'value.converter.schemas.enable': false,
  'max.batch.size': 20_480,
  'max.queue.size': 81_920,
  'poll.interval.ms': 10,
};
const FILE_STORE = 'org.apache.kafka.connect.storage.FileOffsetBackingStore';

/** Starts the Java process. Throws `demo.missing` where there is no Java, or nothing to install with. */
export async function startDebezium(connector: DebeziumConnector, scratch: string): Promise<Debezium> {
  const name = `${connector}-${VERSIONS[connector]}`;
  const java = await findJava('Debezium');
  const directory =
    cached(`debezium-${name}`) ?? (await installOnce(`debezium-${name}`, (into) => install(connector, into)));
  const words = ['-Xmx1g', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp'];
  words.push(`${join(directory, 'classes')}:${join(directory, 'lib')}/*`, MAIN);
  const debezium = new Debezium(
    spawn(java, words, { stdio: ['pipe', 'pipe', 'inherit'] }),
    scratch,
    VERSIONS[connector],
  );
  await debezium.ready();
  return debezium;
}

const SOURCES = dirname(fileURLToPath(import.meta.url));

async function install(connector: DebeziumConnector, into: string): Promise<void> {
  const properties = { 'debezium.connector': connector, 'debezium.version': VERSIONS[connector] };
  await copyJars('Debezium', join(SOURCES, 'pom.xml'), into, properties);
  await compileJava('Debezium', join(SOURCES, `${MAIN}.java`), join(into, 'lib'), join(into, 'classes'));
}

export class Debezium {
  readonly version: string;
  readonly #process: ChildProcess;
  readonly #scratch: string;
  readonly #lines: AsyncIterator<string>;
  #runs = 0;

  constructor(process: ChildProcess, scratch: string, version: string) {
    this.#process = process;
    this.#scratch = scratch;
    this.version = version;
    this.#lines = createInterface({ input: process.stdout! })[Symbol.asyncIterator]();
  }

  async ready(): Promise<void> {
    await this.#answer();
  }

  /** One run of the engine, from nothing. Runs must not overlap. */
  async run({ properties, topic, rows, limitSeconds = 120 }: DebeziumRun): Promise<DebeziumResult> {
    const store = properties['offset.storage.file.filename'] === undefined ? {} : { 'offset.storage': FILE_STORE };
    const reader = { 'reader.topic': topic, 'reader.rows': rows, 'reader.limit': limitSeconds };
    const file = join(this.#scratch, `debezium-${++this.#runs}.properties`);
    const all = Object.entries({ ...COMMON, ...store, ...properties, ...reader });
    await writeFile(file, all.map(([name, value]) => `${name}=${String(value).replaceAll('\\', '\\\\')}\n`).join(''));
    this.#process.stdin!.write(`${file}\n`);
    const [word, ...rest] = (await this.#answer()).split(' ');
    if (word !== 'done') throw new TailraceError('internal.bug', `Debezium: ${rest.join(' ')}`);
    const [seconds, cpuSeconds, peakKb, found] = rest.map(Number) as [number, number, number, number];
    return { seconds, cpuSeconds, peakRssMb: peakKb / 1024, rows: found };
  }

  /** Resolves once the process ended. */
  async stop(): Promise<void> {
    const over = this.#process.exitCode !== null || this.#process.signalCode !== null;
    const ended = over ? undefined : new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.stdin!.end();
    await ended;
  }

  /** Its libraries may print as well. */
  async #answer(): Promise<string> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new TailraceError('internal.bug', 'Debezium ended without an answer');
      if (/^(ready|done|failed)\b/.test(value)) return value;
    }
  }
}
