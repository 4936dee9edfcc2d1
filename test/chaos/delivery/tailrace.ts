/** Tailrace under attack: a process that is killed, stopped and started again, and reports what it is doing. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { dieWithParent } from '../../../demo/servers/die-with-parent.ts';
import type { ChildOptions, ChildReport } from './instance-child.ts';
import { cutPower } from './undo-journal.ts';

const CHILD = fileURLToPath(new URL('./instance-child.ts', import.meta.url));

export class Tailrace {
  readonly #options: ChildOptions;
  #child: ChildProcess | null = null;
  #errors = '';
  /** What it said last; null since the start. */
  report: ChildReport | null = null;

  constructor(options: ChildOptions) {
    this.#options = options;
  }

  start(): void {
    this.report = null;
    this.#errors = '';
    const child = spawn(process.execPath, [CHILD, JSON.stringify(this.#options)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    dieWithParent(child);
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#errors = (this.#errors + text).slice(-2_000)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (this.#child === child) this.report = JSON.parse(line) as ChildReport;
    });
  }

  /** Null while it runs or rests with a problem that no time heals. */
  get problem(): string | null {
    if (this.#child !== null && this.#child.exitCode !== null) return `it ended by itself: ${this.#errors}`;
    return this.report?.problem ?? null;
  }

  /** SIGKILL. False when it was not alive. */
  async kill(): Promise<boolean> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return false;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    return true;
  }

  /** @returns changes of files that the disk did not have */
  async losePower(random: () => number): Promise<number> {
    if (!(await this.kill())) return 0;
    return cutPower(this.#options.journal, random);
  }

  pause(): boolean {
    return this.#child?.kill('SIGSTOP') ?? false;
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }
}
