/** An instance that commands look at: the running one over its HTTP API, or a stopped one's data directory. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { App } from '../contracts/app.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { InstancePlan } from '../contracts/plan.ts';
import { printable } from '../lib/printable.ts';
import { askRunning } from './api-client.ts';
import type { CommandContext, Option } from './command.ts';
import { problemsError } from './problems.ts';

export const INSTANCE_OPTIONS: Readonly<Record<string, Option>> = {
  'data-dir': { type: 'string', value: 'DIR', summary: 'the data directory, instead of that of tailrace.yaml' },
};

export const INSTANCE_DETAILS = `Asks the running instance over its HTTP API; without one reads the data directory, which is not changed. The path is
that of the project (default: the working directory), whose tailrace.yaml names the data directory.`;

/** @param read what to do without a running instance. */
export async function lookAt<T>(
  context: CommandContext,
  path: string,
  read: (offline: App['offline'], instance: InstancePlan) => Promise<T>,
): Promise<T> {
  const instance = await instanceOf(context);
  const answer = await askRunning(instance.dataDir, path);
  if (answer !== undefined) return answer as T;
  if (!existsSync(instance.dataDir)) {
    throw new TailraceError('config.not_found', `there is no data directory ${printable(instance.dataDir)}`, {
      remedy: 'nothing has run here yet: name the project or --data-dir DIR, or start it with tailrace run',
    });
  }
  try {
    return await read((await context.app()).offline, instance);
  } catch (error) {
    if (!(error instanceof TailraceError) || error.code !== 'log.locked') throw error;
    throw new TailraceError(
      'log.locked',
      `a running instance uses ${printable(instance.dataDir)} and has no HTTP API`,
      {
        remedy: 'set http in its tailrace.yaml, or stop it first',
        cause: error,
      },
    );
  }
}

async function instanceOf({ options, words, io }: CommandContext): Promise<InstancePlan> {
  const { loadInstance } = await import('../config/index.ts');
  const dir = options['data-dir'];
  const { instance, problems } = await loadInstance(words[0], io.cwd, io.env);
  if (typeof dir === 'string') return { ...instance, dataDir: resolve(io.cwd, dir) };
  if (problems.length > 0) throw problemsError(problems);
  return instance;
}
