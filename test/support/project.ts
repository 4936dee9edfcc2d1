/** A project directory as a user has it, and the `tailrace` command run in it as a child process. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { freePort } from '../../demo/servers/free-port.ts';
import { TailraceProcess } from '../../demo/tailrace-process.ts';
import type { InstanceStatus, SinkStatus, SourceStatus } from '../../src/contracts/control.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/tailrace.cjs', import.meta.url));
const PATIENCE_MS = 150_000;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Project {
  readonly dir: string;
  readonly file: string;
  readonly httpPort: number;
  readonly variables: Readonly<Record<string, string>>;

  private constructor(dir: string, name: string, httpPort: number, variables: Readonly<Record<string, string>>) {
    this.dir = dir;
    this.file = join(dir, name);
    this.httpPort = httpPort;
    this.variables = variables;
  }

  /** Removed when the test ends. `yaml` is the pipeline file; `settings` follow in tailrace.yaml. */
  static async make(yaml: string, variables: Readonly<Record<string, string>>, settings = ''): Promise<Project> {
    const project = new Project(newDir(), 'pipeline.yaml', await freePort(), variables);
    writeFileSync(project.file, yaml);
    project.#writeSettings(settings);
    return project;
  }

  /** Without a pipeline: the log alone, for Kafka clients. */
  static async alone(settings: string, variables: Readonly<Record<string, string>> = {}): Promise<Project> {
    const project = new Project(newDir(), 'tailrace.yaml', await freePort(), variables);
    project.#writeSettings(settings);
    return project;
  }

  #writeSettings(settings: string): void {
    writeFileSync(join(this.dir, 'tailrace.yaml'), `http:\n  port: ${this.httpPort}\n${settings}`);
  }

  /** `tailrace run` in the background, killed when the test ends. */
  start(failpoint?: string): TailraceProcess {
    const { file, variables, httpPort } = this;
    const started = new TailraceProcess({
      file,
      variables,
      httpPort,
      ...(failpoint === undefined ? {} : { failpoint }),
    });
    onTestFinished(() => started.kill());
    return started;
  }

  /** Runs a command to its end. */
  run(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    const env = { ...process.env, ...this.variables, ...variables };
    const child = spawn(process.execPath, [LAUNCHER, ...args], {
      cwd: this.dir,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...output })));
  }
}

function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-e2e-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Polls until the condition holds; the message of a failure holds what the process wrote. */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  running?: TailraceProcess,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > end) {
      const status = JSON.stringify(await running?.status());
      throw new Error(`did not happen: ${what}\n${running?.lastLines.join('\n') ?? ''}\n${status}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function untilStatus(
  what: string,
  running: TailraceProcess,
  condition: (source: SourceStatus, sinks: readonly SinkStatus[], status: InstanceStatus) => boolean,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  await until(
    what,
    async () => {
      const status = await running.status();
      const pipeline = status?.pipelines[0];
      const source = pipeline?.sources[0];
      return status != null && source !== undefined && condition(source, pipeline!.sinks, status);
    },
    running,
    patienceMs,
  );
}
