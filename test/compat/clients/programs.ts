/** The client programs beside this file, each with what it needs on this machine. */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findKafka } from '../../../demo/servers/kafka-jars.ts';
import { findKcat } from '../../../demo/servers/kcat.ts';
import { onPath, output } from '../../../demo/servers/programs.ts';
import { cached, installOnce } from '../../../demo/servers/server-cache.ts';
import { TailraceError } from '../../../src/contracts/errors.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
/** The clients, and codecs for the one that brings none. */
const PYTHON_PACKAGES = ['confluent-kafka==2.16.1', 'kafka-python==3.0.12', 'lz4', 'python-snappy', 'zstandard'];
/** A program that has not ended by then never will. */
const PROGRAM_MS = process.env.TAILRACE_FULL === undefined ? 40_000 : 600_000;
const PYTHON_NAME = 'python-kafka-clients-1';

export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Codec = (typeof CODECS)[number];

export interface Program {
  /** Words of the command, to be followed by the arguments of lines.ts. */
  readonly command: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export interface Client {
  readonly name: string;
  readonly codecs: readonly Codec[];
  /** As in `.ci/allowed-skips`. */
  readonly skipKey: string;
  /** Throws `demo.missing`. */
  readonly find: () => Promise<Program>;
}

const own = (name: string, codecs: readonly Codec[]): Client => {
  const command = [process.execPath, join(HERE, `${name}.ts`)];
  return { name, codecs, skipKey: name, find: async () => ({ command }) };
};
const python = (name: string, script: string): Client => {
  return { name, codecs: CODECS, skipKey: 'python-kafka-clients', find: () => findPython(script) };
};

export const CLIENTS: readonly Client[] = [
  own('kafkajs', ['none', 'gzip']),
  own('platformatic', CODECS),
  { name: 'kcat', codecs: CODECS, skipKey: 'kcat', find: async () => ({ command: [await findKcat()] }) },
  python('confluent-kafka', 'confluent.py'),
  python('kafka-python', 'kafka_python.py'),
  { name: 'Java', codecs: CODECS, skipKey: 'java-kafka-clients', find: findJava },
];

async function findPython(script: string): Promise<Program> {
  const program = await onPath('python3');
  const remedy = 'Install python3 with pip (on Debian: apt-get install python3-pip).';
  if (program === null) throw new TailraceError('demo.missing', 'There is no python3.', { remedy });
  const install = async (into: string) => {
    const words = ['-m', 'pip', 'install', '--quiet', '--target', into, '--only-binary=:all:', ...PYTHON_PACKAGES];
    await output(program, words).catch((cause: Error) => {
      const said = cause.message.trim().slice(-300);
      throw new TailraceError('demo.missing', `The Python clients cannot be installed: ${said}`, { remedy, cause });
    });
  };
  const packages = cached(PYTHON_NAME) ?? (await installOnce(PYTHON_NAME, install));
  return { command: [program, join(HERE, script)], env: { PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: '1' } };
}

/** Run from its source, which needs a development kit. */
async function findJava(): Promise<Program> {
  const { java, classPath } = await findKafka();
  const options = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error';
  const modules = await output(java, ['--list-modules']);
  if (!modules.includes('jdk.compiler')) {
    const remedy = 'Install a Java development kit (on Debian: apt-get install openjdk-17-jdk-headless).';
    throw new TailraceError('demo.missing', 'The Java clients need a compiler; this Java has none.', { remedy });
  }
  return { command: [java, ...options, quiet, '-cp', classPath, join(HERE, 'RoundTrip.java')] };
}

/** What the program prints. Rejects, with the end of its error output, when it fails or does not end. */
export function run(words: readonly string[], env: NodeJS.ProcessEnv, input: string | Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...process.env, NODE_OPTIONS: '', ...env }, timeout: PROGRAM_MS, killSignal: 'SIGKILL' };
    const child = spawn(words[0]!, words.slice(1), options as { timeout: number });
    const out: Buffer[] = [];
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + String(chunk)).slice(-2_000);
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(Buffer.concat(out));
      else reject(new Error(`${words[0]} ended with ${code}: ${said}`));
    });
  });
}
