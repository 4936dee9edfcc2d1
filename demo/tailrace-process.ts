/** Tailrace as the user runs it: a child process with its command line, watched over its HTTP API. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { InstanceStatus } from '../src/contracts/control.ts';
import { TailraceError } from '../src/contracts/errors.ts';
import { dieWithParent } from './servers/die-with-parent.ts';

const KEPT_LINES = 40;

export interface TailraceOptions {
  /** Pipeline file. */
  readonly file: string;
  /** Variables of the pipeline file and of tailrace.yaml. */
  readonly variables: Readonly<Record<string, string>>;
  readonly httpPort: number;
  /** `name:N`: the child kills itself with SIGKILL there. */
  readonly failpoint?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class TailraceProcess {
  readonly #child: ChildProcess;
  readonly #statusUrl: string;
  readonly #lines: string[] = [];
  readonly exited: Promise<Exit>;
  #exit: Exit | null = null;

  constructor(options: TailraceOptions) {
    const env: NodeJS.ProcessEnv = { ...process.env, ...options.variables };
    delete env.TAILRACE_FAILPOINT;
    if (options.failpoint !== undefined) env.TAILRACE_FAILPOINT = options.failpoint;
    this.#statusUrl = `http://127.0.0.1:${options.httpPort}/status`;
    this.#child = spawn(process.execPath, [launcher(), 'run', options.file], {
      env,
      cwd: dirname(options.file),
      // A session of its own: Ctrl-C reaches only us, and we stop things in order.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    dieWithParent(this.#child);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      let rest = '';
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        this.#lines.push(...lines);
        this.#lines.splice(0, this.#lines.length - KEPT_LINES);
      });
    }
    this.exited = new Promise((resolve) => {
      this.#child.once('error', () => resolve({ code: 127, signal: null }));
      // `close`, not `exit`: all output has been read.
      this.#child.once('close', (code, signal) => resolve({ code, signal }));
    }).then((exit) => {
      this.#exit = exit as Exit;
      return this.#exit;
    });
  }

  get exit(): Exit | null {
    return this.#exit;
  }

  /** Undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The last lines it wrote, standard output and error mixed. */
  get lastLines(): readonly string[] {
    return this.#lines;
  }

  /** Null while it does not answer. */
  async status(): Promise<InstanceStatus | null> {
    try {
      const response = await fetch(this.#statusUrl, { signal: AbortSignal.timeout(2_000) });
      return response.ok ? ((await response.json()) as InstanceStatus) : null;
    } catch {
      return null;
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Graceful; SIGKILL after ten seconds. */
  async stop(): Promise<Exit> {
    this.#child.kill('SIGTERM');
    const impatience = setTimeout(() => this.kill(), 10_000);
    const exit = await this.exited;
    clearTimeout(impatience);
    return exit;
  }
}

/** `bin/tailrace.cjs` of the repository or the package this file is part of (sources or `dist`). */
function launcher(): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dirname(dir) !== dir; dir = dirname(dir)) {
    const path = join(dir, 'bin', 'tailrace.cjs');
    if (existsSync(path)) return path;
  }
  throw new TailraceError('internal.bug', 'bin/tailrace.cjs was not found above the demo');
}
