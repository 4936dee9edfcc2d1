/** An instance that commands look at: the running one over its HTTP API, or a stopped one's data directory. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { App, StoredReader } from '../contracts/app.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { InstancePlan } from '../contracts/plan.ts';
import { printable } from '../lib/printable.ts';
import type { Call } from './api-client.ts';
import type { CommandContext, Option } from './command.ts';
import { problemsError } from './problems.ts';

/** HTTP is loaded when somebody is asked: other commands start without it. */
const apiClient = () => import('./api-client.ts');

export const DATA_DIR: Readonly<Record<string, Option>> = {
  'data-dir': { type: 'string', value: 'DIR', summary: 'the data directory, instead of that of tailrace.yaml' },
};

/** Of commands whose words mean something else. */
export const INSTANCE_OPTIONS: Readonly<Record<string, Option>> = {
  project: { type: 'string', short: 'C', value: 'DIR', summary: 'the project, instead of the working directory' },
  ...DATA_DIR,
};

export const LOOK_DETAILS = `Asks the running instance over its HTTP API; without one reads the data directory, which is not changed.`;

export const CHANGE_DETAILS = `Done by the running instance, over its HTTP API.`;

/** @param read what to do without a running instance. */
export async function lookAt<T>(
  context: CommandContext,
  path: string,
  read: (offline: App['offline'], instance: InstancePlan) => Promise<T>,
): Promise<T> {
  const instance = await instanceOf(context);
  const answer = await (await apiClient()).askRunning(instance.dataDir, path);
  return answer === undefined ? stopped(context, instance, read) : (answer as T);
}

/** The same of topics, groups and dead letters. */
export function look<T>(
  context: CommandContext,
  path: string,
  read: (reader: StoredReader) => T | Promise<T>,
): Promise<T> {
  return lookAt(context, path, async (offline, instance) => {
    const reader = await offline.open(instance);
    try {
      return await read(reader);
    } finally {
      await reader.close();
    }
  });
}

/** The same of what needs the token. */
export async function callOrLook<T>(
  context: CommandContext,
  path: string,
  read: (reader: StoredReader) => Promise<T>,
): Promise<T> {
  const instance = await instanceOf(context);
  const answer = await (await apiClient()).callRunning(instance.dataDir, { method: 'GET', path });
  if (answer !== undefined) return answer as T;
  const reader = await stopped(context, instance, (offline) => offline.open(instance));
  try {
    return await read(reader);
  } finally {
    await reader.close();
  }
}

/** Lists of the values of a long answer. */
export async function lookAtLines<T>(
  context: CommandContext,
  path: string,
  read: (reader: StoredReader) => AsyncIterable<readonly T[]>,
): Promise<AsyncIterable<readonly T[]>> {
  const instance = await instanceOf(context);
  const lines = await (await apiClient()).linesOfRunning(instance.dataDir, path);
  if (lines !== undefined) return lines as AsyncIterable<readonly T[]>;
  const reader = await stopped(context, instance, (offline) => offline.open(instance));
  return closing(reader, read(reader));
}

async function* closing<T>(reader: StoredReader, lists: AsyncIterable<readonly T[]>): AsyncIterable<readonly T[]> {
  try {
    yield* lists;
  } finally {
    await reader.close();
  }
}

/** Throws `instance.not_running` without a running instance. */
export async function call<T>(context: CommandContext, request: Call): Promise<T> {
  const instance = await instanceOf(context);
  const answer = await (await apiClient()).callRunning(instance.dataDir, request);
  if (answer !== undefined) return answer as T;
  throw notRunning(instance);
}

/** Values as they come. Throws `instance.not_running` without a running instance. */
export async function eventsOf<T>(
  context: CommandContext,
  path: string,
  signal: AbortSignal,
): Promise<AsyncIterable<T>> {
  const instance = await instanceOf(context);
  const events = await (await apiClient()).eventsOfRunning(instance.dataDir, path, signal);
  if (events !== undefined) return events as AsyncIterable<T>;
  throw notRunning(instance);
}

function notRunning({ dataDir }: InstancePlan): TailraceError {
  return new TailraceError('instance.not_running', `no instance runs on ${printable(dataDir)}`, {
    remedy: 'start it with tailrace run; http must not be false in its tailrace.yaml',
  });
}

async function stopped<T>(
  context: CommandContext,
  instance: InstancePlan,
  read: (offline: App['offline'], instance: InstancePlan) => Promise<T>,
): Promise<T> {
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

/** Absolute. */
export async function dataDirOf(context: CommandContext): Promise<string> {
  return (await instanceOf(context)).dataDir;
}

async function instanceOf({ options, io }: CommandContext): Promise<InstancePlan> {
  const { loadInstance } = await import('../config/index.ts');
  const { 'data-dir': dir, project } = options;
  const { instance, problems } = await loadInstance(typeof project === 'string' ? project : undefined, io.cwd, io.env);
  if (typeof dir === 'string') return { ...instance, dataDir: resolve(io.cwd, dir) };
  if (problems.length > 0) throw problemsError(problems);
  return instance;
}
