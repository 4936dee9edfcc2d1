/** `tailrace run` in a directory of its own, for as long as a suite runs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CERTIFICATE, KEY } from '../support/certificate.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/tailrace.cjs', import.meta.url));
const READY = 'running without pipelines';
const START_MS = 30_000;

export interface BrokerFiles {
  readonly name: string;
  /** `kafka:` of tailrace.yaml. */
  readonly kafka: object;
  /** In place of the listener: src/config/kafka-facade.ts. `key.pem` and `certificate.pem` lie beside it. */
  readonly facade: object | null;
}

export interface RunningBroker {
  stop(): Promise<void>;
}

/** Throws with the end of its log when it does not serve within half a minute. */
export async function startBroker({ name, kafka, facade }: BrokerFiles, work: string): Promise<RunningBroker> {
  const dir = join(work, name);
  const log = join(dir, 'broker.log');
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'tailrace.yaml'), JSON.stringify({ data_dir: './data', http: false, kafka }));
  writeFileSync(join(dir, 'key.pem'), KEY);
  writeFileSync(join(dir, 'certificate.pem'), CERTIFICATE);
  writeFileSync(join(dir, 'facade.json'), JSON.stringify(facade));
  const env = { ...process.env, TAILRACE_KAFKA_FACADE: facade === null ? '' : join(dir, 'facade.json') };
  const child = spawn(process.execPath, [LAUNCHER, 'run'], { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = createWriteStream(log);
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  for (let waited = 0; !readFileSync(log, { encoding: 'utf8', flag: 'a+' }).includes(READY); waited += 100) {
    if (child.exitCode !== null || waited > START_MS) {
      child.kill('SIGKILL');
      throw new Error(`the broker "${name}" does not serve:\n${readFileSync(log, 'utf8').slice(-2_000)}`);
    }
    await sleep(100);
  }
  return { stop: () => stop(child, ended) };
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  await ended;
}
