/** The plugins of a project, and the list of them in its tailrace.yaml. */
import { readFileSync } from 'node:fs';
import { readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { App } from '../contracts/app.ts';
import { type ErrorWords, errorWords, TailraceError } from '../contracts/errors.ts';
import type { CommandContext, Option } from './command.ts';
import { textOption } from './places.ts';
import { problemsError } from './problems.ts';

export const PROJECT_OPTION: Readonly<Record<string, Option>> = {
  project: {
    type: 'string',
    short: 'C',
    value: 'DIR',
    summary: 'directory of the tailrace.yaml, instead of the working one',
  },
};

const FILE = 'tailrace.yaml';

export interface PluginFacts {
  /** As `plugins:` names it. */
  readonly name: string;
  readonly package: { readonly name: string; readonly version: string } | null;
  readonly api: number | null;
  readonly source: string | null;
  readonly sink: string | null;
  readonly steps: readonly string[];
  /** Why it cannot be used. */
  readonly error: ErrorWords | null;
}

export function projectDir(context: CommandContext): string {
  return resolve(context.io.cwd, textOption(context, 'project') ?? '.');
}

/**
 * For commands that need what plugins bring and no pipelines: their types and verbs are in the registry afterwards. Throws
 * `config.invalid` where the tailrace.yaml has errors.
 */
export async function withPlugins(app: App, { io }: Pick<CommandContext, 'io'>, dir: string): Promise<void> {
  const { loadPlugins } = await import('../config/index.ts');
  if ((await stat(dir).catch(() => null)) === null) return;
  const { problems } = await loadPlugins(undefined, { cwd: dir, env: io.env, registry: app.registry });
  const errors = problems.filter(({ level }) => level === 'error');
  if (errors.length > 0) throw problemsError(errors);
}

/** Loads it, if it is not loaded yet. */
export function pluginFacts({ registry }: App, name: string, dir: string): PluginFacts {
  const error = registry.addPlugin?.(name, dir) ?? null;
  const loaded = registry.loadedPlugin?.(name, dir) ?? null;
  const { source, sink, steps = [], api = null } = loaded?.plugin ?? {};
  return {
    name,
    package: loaded === null ? null : packageOf(loaded.dir),
    api,
    source: source?.type ?? null,
    sink: sink?.type ?? null,
    steps: steps.map(({ verb }) => verb),
    error: error === null ? null : errorWords(error),
  };
}

/** `sink mine, step shout`. */
export function broughtBy({ source, sink, steps }: PluginFacts): string {
  const parts = [source !== null && `source ${source}`, sink !== null && `sink ${sink}`];
  return [...parts, ...steps.map((verb) => `step ${verb}`)].filter((part) => part !== false).join(', ');
}

function packageOf(dir: string): PluginFacts['package'] {
  try {
    const { name, version } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
    return typeof name === 'string' && typeof version === 'string' ? { name, version } : null;
  } catch {
    return null;
  }
}

/** A signal ends the programs that the work has started, and not this process: what was begun is taken back. */
export async function undisturbed<T>({ io }: Pick<CommandContext, 'io'>, work: () => Promise<T>): Promise<T> {
  const release = io.onSignal(() => {});
  try {
    return await work();
  } finally {
    release();
  }
}

/** The tailrace.yaml of a project, as text that is edited. */
export class PluginList {
  readonly #path: string;
  /** Null: there is no such file. */
  readonly before: string | null;

  private constructor(path: string, before: string | null) {
    this.#path = path;
    this.before = before;
  }

  static async of(dir: string): Promise<PluginList> {
    // A link stays one.
    const path = await realpath(join(dir, FILE)).catch(() => join(dir, FILE));
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw new TailraceError('config.not_found', `cannot read ${FILE}: ${error.code}`, {
        remedy: 'let the user that runs Tailrace read it',
      });
    });
    return new PluginList(path, text);
  }

  async write(text: string): Promise<void> {
    const mode = (await stat(this.#path).catch(() => null))?.mode ?? 0o644;
    const beside = `${this.#path}.new-${process.pid}`;
    try {
      await writeFile(beside, text, { mode });
      await rename(beside, this.#path);
    } finally {
      await rm(beside, { force: true });
    }
  }

  async restore(): Promise<void> {
    if (this.before === null) await rm(this.#path, { force: true });
    else await this.write(this.before);
  }
}
