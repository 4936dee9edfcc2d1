import { rm, statfs, writeFile } from 'node:fs/promises';
import { arch, availableParallelism, platform, release, totalmem } from 'node:os';
import { resolve } from 'node:path';
import type { Project } from '../../config/index.ts';
import type { App } from '../../contracts/app.ts';
import { errorWords, TailraceError } from '../../contracts/errors.ts';
import type { LogLine } from '../../contracts/log-lines.ts';
import type { AnswerCommand, CommandContext } from '../command.ts';
import { bytes } from '../format.ts';
import { dataDirOf, eventsOf, INSTANCE_OPTIONS, look, lookAt } from '../instance.ts';
import { textOption } from '../places.ts';

export const support: AnswerCommand = {
  kind: 'answer',
  name: 'support',
  summary: 'write what a bug report needs into one file, without secrets and row contents',
  arguments: '',
  details: `Versions and machine; the files of the project without their secrets and comments, and the problems that lint finds in them;
status, topics, groups, metrics and the last lines of the log of the running instance, or what its data directory tells. Files with
errors are named and not copied: what is a secret in them is not known. What cannot be had is told in its place. JSON, mode 0600:
read it before you send it.`,
  options: {
    out: { type: 'string', short: 'o', value: 'FILE', summary: 'where to, instead of tailrace-support.json' },
    ...INSTANCE_OPTIONS,
  },
  maxWords: 0,
  async run(context) {
    const out = textOption(context, 'out') ?? 'tailrace-support.json';
    const app = await context.app();
    const project = await orError(() => loaded(context, app));
    const bundle = { ...(await machine(context, app)), ...projectPart(project), ...(await instancePart(context)) };
    const text = redacted(bundle, 'redact' in project ? project.redact : (one) => one);
    const path = resolve(context.io.cwd, out);
    await write(path, text);
    const summary = `wrote ${out}`;
    return {
      exitCode: 0,
      summary,
      result: { file: out },
      text: () => `${summary} (${bytes(Buffer.byteLength(text))}): read it before you send it\n`,
    };
  },
};

type Failed = { readonly error: ReturnType<typeof errorWords> };

/** What cannot be had is told in its place. */
async function orError<T>(ask: () => Promise<T>): Promise<T | Failed> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof TailraceError)) throw error;
    return { error: errorWords(error) };
  }
}

async function loaded({ io, options }: CommandContext, { registry }: App): Promise<Project> {
  const { loadProject } = await import('../../config/index.ts');
  const paths = typeof options.project === 'string' ? [options.project] : [];
  return loadProject({ paths, cwd: io.cwd, env: io.env, registry });
}

/** Of variables the names alone. */
async function machine(context: CommandContext, { version }: App) {
  const { env } = context.io;
  const names = Object.keys(env).filter((name) => /^(TAILRACE_\w+|NODE_\w+|NO_COLOR|LANG|LC_ALL|TZ)$/.test(name));
  const disk = await orError(async () => diskOf(await dataDirOf(context)));
  return {
    made: new Date().toISOString(),
    version,
    node: process.version,
    machine: {
      platform: platform(),
      release: release(),
      arch: arch(),
      cpus: availableParallelism(),
      memoryBytes: totalmem(),
      memoryLimitBytes: process.constrainedMemory(),
      disk,
    },
    environment: names.sort(),
  };
}

async function diskOf(dataDir: string) {
  try {
    const { bsize, blocks, bavail } = await statfs(dataDir);
    return { dataDir, totalBytes: bsize * blocks, freeBytes: bsize * bavail };
  } catch {
    return { dataDir, totalBytes: null, freeBytes: null };
  }
}

function projectPart(project: Project | Failed) {
  if ('error' in project) return { project: { ...project, files: [] } };
  const problems = project.problems.map(({ frame: _, ...problem }) => problem);
  return { project: { files: project.publicFiles(), problems, variables: project.variables } };
}

async function instancePart(context: CommandContext) {
  const needsRunning = async () => {
    throw new TailraceError('instance.not_running', 'only a running instance tells its metrics');
  };
  return {
    status: await orError(() => lookAt(context, '/status', (offline, instance) => offline.status(instance))),
    topics: await orError(() => look(context, '/topics', ({ topics }) => topics.list())),
    groups: await orError(() => look(context, '/groups', ({ groups }) => groups.list())),
    metrics: await orError(() => lookAt<string>(context, '/metrics', needsRunning)),
    log: await orError(() => lastLines(context)),
  };
}

async function lastLines(context: CommandContext): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const line of await eventsOf<LogLine>(context, '/logs', new AbortController().signal)) lines.push(line);
  return lines;
}

/** Invariant 12: over every text by itself, for JSON writes some of a secret's characters in another way, and over the whole. */
function redacted(bundle: unknown, redact: (text: string) => string): string {
  const text = JSON.stringify(bundle, (_, value) => (typeof value === 'string' ? redact(value) : value), 2);
  return `${redact(text)}\n`;
}

async function write(path: string, text: string): Promise<void> {
  try {
    await rm(path, { force: true });
    await writeFile(path, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new TailraceError('cli.usage', `cannot write ${path}: ${code}`, { remedy: 'name another file with --out' });
  }
}
