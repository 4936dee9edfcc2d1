/** The whole product in a process of its own, with a plugin under test at one end and the kit at the other. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const PATIENCE_MS = 40_000;
const POLL_MS = 20;
const KEPT_CHARACTERS = 4_000;
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const KIT_PLUGIN = fileURLToPath(new URL(`kit-plugin.${EXTENSION}`, import.meta.url));

export interface ProductParts {
  /** Absolute path of the plugin's module; null: the connector is built in. */
  readonly module: string | null;
  readonly source: Readonly<Record<string, unknown>>;
  readonly sink: Readonly<Record<string, unknown>>;
}

/** The launcher of this very product: two or three levels above the sources or the built files. */
function launcher(): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); ; dir = dirname(dir)) {
    const path = join(dir, 'bin', 'tailrace.cjs');
    if (existsSync(path)) return path;
    assert.notEqual(dirname(dir), dir, 'bin/tailrace.cjs of this package is not there');
  }
}

/** A project of one pipeline, and the processes that run it one after the other. */
export class ProductRun {
  /** Of the pipeline and of its source. Targets that many share keep positions by it. */
  readonly name = `kit${randomUUID().slice(0, 8)}`;
  readonly #dir: string;
  #child: ChildProcess | null = null;
  #output = '';

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async make({ module, source, sink }: ProductParts): Promise<ProductRun> {
    const dir = await mkdtemp(join(tmpdir(), 'tailrace-kit-'));
    const plugins = module === null ? [KIT_PLUGIN] : [KIT_PLUGIN, module];
    // JSON is YAML; what looks like a variable is none.
    const yaml = (value: unknown) => JSON.stringify(value).replaceAll('${', '$$${');
    await writeFile(join(dir, 'tailrace.yaml'), yaml({ http: false, plugins }));
    const run = new ProductRun(dir);
    await writeFile(join(dir, 'pipeline.yaml'), yaml({ name: run.name, source, sink }));
    return run;
  }

  /** @param failpoint as in `TAILRACE_FAILPOINT`: the process kills itself there with SIGKILL */
  start(failpoint = ''): void {
    const env = { ...process.env, TAILRACE_FAILPOINT: failpoint };
    const words = [launcher(), 'run', join(this.#dir, 'pipeline.yaml')];
    const child = spawn(process.execPath, words, { cwd: this.#dir, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream!.on('data', (text) => (this.#output = (this.#output + String(text)).slice(-KEPT_CHARACTERS)));
    }
    this.#child = child;
  }

  get isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when the process has been killed at its failpoint. */
  async killed(signal: AbortSignal): Promise<void> {
    const child = this.#child!;
    await this.#until(() => !this.isRunning, 'reached no failpoint', signal);
    assert.equal(child.signalCode, 'SIGKILL', `the process ended by itself:\n${this.#output}`);
  }

  /** Resolves when the condition holds; rejects when the process ends before. */
  async until(condition: () => Promise<boolean>, what: string, signal: AbortSignal): Promise<void> {
    await this.#until(
      async () => {
        assert.ok(this.isRunning, `the process ended:\n${this.#output}`);
        return condition();
      },
      what,
      signal,
    );
  }

  async #until(condition: () => boolean | Promise<boolean>, what: string, signal: AbortSignal): Promise<void> {
    for (const end = performance.now() + PATIENCE_MS; !(await condition()); ) {
      assert.ok(performance.now() < end, `${what} in ${PATIENCE_MS / 1_000} s; the process says:\n${this.#output}`);
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === null || !this.isRunning) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    await ended;
  }

  /** Ends the process at once, and removes everything. */
  async remove(): Promise<void> {
    const child = this.#child;
    if (child !== null && this.isRunning) {
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGKILL');
      await ended;
    }
    await rm(this.#dir, { recursive: true, force: true });
  }
}
