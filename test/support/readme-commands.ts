/**
 * Runs the commands of a README as a reader would, in a copy of its folder. A block ```sh is run line by line to its end;
 * ```sh background starts one program that stays. A ```text block behind it is what it prints: `…` stands for anything within
 * a line, a line of `…` alone for any lines.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../demo/servers/free-port.ts';
import { until } from './project.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Block {
  readonly commands: readonly string[];
  readonly isBackground: boolean;
  /** Null: anything. */
  readonly expected: string | null;
}

export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  for (const [, kind, body = ''] of markdown.matchAll(/^```(sh|sh background|text)\n([\s\S]*?)^```$/gm)) {
    if (kind !== 'text') {
      blocks.push({ commands: body.trim().split('\n'), isBackground: kind === 'sh background', expected: null });
      continue;
    }
    const last = blocks.pop();
    if (last === undefined) throw new Error('a ```text block before every command');
    blocks.push({ ...last, expected: body });
  }
  return blocks;
}

/** @param isWhole the text has ended; otherwise more may follow */
export function expectedPattern(expected: string, isWhole: boolean): RegExp {
  const lines = expected.trimEnd().split('\n');
  const pattern = lines.map((line) => {
    if (line.trim() === '…') return '(?:.*\\n)*?';
    const words = line.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return `${words.join('.*')}[ ]*\\n`;
  });
  return new RegExp(`^${pattern.join('')}${isWhole ? '$' : ''}`, isWhole ? '' : 'm');
}

/** `onTestFinished` of the test: several run side by side. */
export type AtEnd = (clean: () => void) => void;

/** A folder with a README whose commands can be run. Everything it starts ends with the test. */
export class ReadmeRun {
  readonly dir: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #atEnd: AtEnd;
  /** Command → what it has printed on standard output so far. */
  readonly printed = new Map<string, string>();
  #errors = '';

  private constructor(dir: string, env: NodeJS.ProcessEnv, atEnd: AtEnd) {
    this.dir = dir;
    this.#env = env;
    this.#atEnd = atEnd;
  }

  static async of(folder: string, atEnd: AtEnd, variables: NodeJS.ProcessEnv = {}): Promise<ReadmeRun> {
    const dir = mkdtempSync(join(tmpdir(), 'tailrace-readme-'));
    atEnd(() => rmSync(dir, { recursive: true, force: true }));
    cpSync(join(ROOT, folder), dir, { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
    writeFileSync(join(dir, 'package.json'), '{"type":"module"}\n');
    const bin = join(dir, '.bin');
    mkdirSync(bin);
    const launcher = join(ROOT, 'bin', 'tailrace.cjs');
    program(join(bin, 'node'), `exec "${process.execPath}" "$@"`);
    program(join(bin, 'npx'), `shift\nexec "${process.execPath}" "${launcher}" "$@"`);
    const ports = { KAFKA_PORT: String(await freePort()), HTTP_PORT: String(await freePort()) };
    const env = {
      ...process.env,
      ...variables,
      ...ports,
      NO_COLOR: '1',
      PATH: `${bin}${delimiter}${process.env.PATH}`,
    };
    return new ReadmeRun(dir, env, atEnd);
  }

  /** Throws when a command fails or prints something else. */
  async runAll(): Promise<void> {
    for (const block of blocksOf(readFileSync(join(this.dir, 'README.md'), 'utf8'))) {
      if (block.isBackground) await this.#start(block);
      else await this.#run(block);
    }
  }

  async #run({ commands, expected }: Block): Promise<void> {
    let all = '';
    for (const command of commands) {
      const child = this.#spawn(command);
      const code = await new Promise((resolve) => child.once('close', resolve));
      all += this.printed.get(command);
      if (code !== 0) throw new Error(`${command}: exit code ${code}\n${this.printed.get(command)}\n${this.#errors}`);
    }
    if (expected !== null && !expectedPattern(expected, true).test(all)) {
      throw new Error(`${commands.join('\n')}\nprinted\n${all}\ninstead of\n${expected}`);
    }
  }

  async #start({ commands: [command = ''], expected }: Block): Promise<void> {
    const child = this.#spawn(command);
    let isGone = false;
    child.once('close', () => {
      isGone = true;
    });
    const pattern = expectedPattern(expected ?? '…', false);
    await until(`${command} prints ${expected}`, async () => {
      if (isGone) throw new Error(`${command} ended:\n${this.printed.get(command)}\n${this.#errors}`);
      return pattern.test(this.printed.get(command) ?? '');
    });
  }

  #spawn(command: string): ChildProcess {
    const child = spawn('sh', ['-c', `exec ${command}`], {
      cwd: this.dir,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#atEnd(() => void child.kill('SIGKILL'));
    this.printed.set(command, '');
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.printed.set(command, `${this.printed.get(command)}${text}`);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    return child;
  }
}

function program(path: string, script: string): void {
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}
