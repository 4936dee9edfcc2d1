/** Which files a command means. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { TailraceError } from '../contracts/errors.ts';
import { didYouMean } from '../lib/did-you-mean.ts';
import { printable } from '../lib/printable.ts';
import { INSTANCE_FILE } from './instance-file.ts';

const YAML = /\.ya?ml$/i;
/** Compose files often stand beside pipelines. */
const NO_PIPELINE = /^(tailrace|(docker-)?compose([.-].*)?)\.ya?ml$/i;
const PIPELINES_DIR = 'pipelines';

export interface ProjectFiles {
  /** Absolute, each once, sorted by name within a directory. */
  readonly pipelines: readonly string[];
  /** Absolute path of `tailrace.yaml`, or null. */
  readonly instance: string | null;
  /** Where `tailrace.yaml` is, or would be. */
  readonly dir: string;
}

/**
 * Files stand for themselves; a directory for the pipelines in its folder `pipelines`, or without one for its own `*.yaml`
 * and `*.yml`. No paths: the working directory. `tailrace.yaml` is looked for beside the pipelines (beside their folder
 * `pipelines`), then in the working directory; without pipelines only in the directories themselves. Throws
 * `config.not_found`, `config.invalid` for two projects at once.
 */
export async function findProjectFiles(paths: readonly string[], cwd: string): Promise<ProjectFiles> {
  const found = new Map<string, string>();
  const homes = new Set<string>();
  const named = new Set<string>();
  const searched = new Set<string>();
  for (const path of paths.length === 0 ? [cwd] : paths) {
    const absolute = resolve(cwd, path);
    if (basename(absolute) === INSTANCE_FILE && paths.length > 0) {
      await isDirectory(absolute, path);
      named.add(absolute);
      continue;
    }
    const isFolder = await isDirectory(absolute, path);
    if (isFolder) searched.add(homeOf(absolute));
    for (const file of isFolder ? await pipelinesIn(absolute) : [absolute]) {
      const key = await realpath(file);
      if (!found.has(key)) found.set(key, file);
      homes.add(homeOf(dirname(file)));
    }
  }
  if (found.size === 0) {
    const [first = cwd] = searched;
    return { pipelines: [], ...(await findInstance([...named], [...searched], first)) };
  }
  const { instance, dir } = await findInstance([...named], [...homes], cwd);
  return { pipelines: [...found.values()], instance, dir };
}

/** Where the instance of a directory (or of the directory of a file) has its settings, whether or not there are pipelines. */
export async function findInstanceFile(
  path: string | undefined,
  cwd: string,
): Promise<Omit<ProjectFiles, 'pipelines'>> {
  const absolute = resolve(cwd, path ?? '.');
  const isFile = !(await isDirectory(absolute, path ?? '.'));
  if (isFile && basename(absolute) === INSTANCE_FILE) return { instance: absolute, dir: dirname(absolute) };
  return findInstance([], [homeOf(isFile ? dirname(absolute) : absolute)], cwd);
}

async function findInstance(named: readonly string[], homes: readonly string[], cwd: string) {
  const beside: string[] = [];
  for (const home of homes) if (await isFile(join(home, INSTANCE_FILE))) beside.push(join(home, INSTANCE_FILE));
  const candidates = named.length > 0 ? named : beside;
  if (candidates.length > 1) {
    throw new TailraceError(
      'config.invalid',
      `these files belong to two instances: ${candidates.map(printable).join(' and ')}`,
      {
        remedy: 'run each instance by itself, or name the tailrace.yaml to use among the paths',
      },
    );
  }
  const own = candidates[0] ?? ((await isFile(join(cwd, INSTANCE_FILE))) ? join(cwd, INSTANCE_FILE) : undefined);
  if (own !== undefined) return { instance: own, dir: dirname(own) };
  return { instance: null, dir: homes.length === 1 ? homes[0]! : cwd };
}

/** The project that a directory with pipelines belongs to. */
function homeOf(dir: string): string {
  return basename(dir) === PIPELINES_DIR ? dirname(dir) : dir;
}

async function pipelinesIn(dir: string): Promise<string[]> {
  const folder = join(dir, PIPELINES_DIR);
  const place = (await stat(folder).catch(() => null))?.isDirectory() === true ? folder : dir;
  const names = (await readdir(place)).filter(
    (name) => YAML.test(name) && !NO_PIPELINE.test(name) && !name.startsWith('.'),
  );
  const files: string[] = [];
  for (const name of names.sort()) if (await isFile(join(place, name))) files.push(join(place, name));
  return files;
}

/** A directory or else a file; throws for anything else. */
async function isDirectory(absolute: string, written: string): Promise<boolean> {
  const found = await stat(absolute).catch(() => null);
  if (found?.isFile() === true) return false;
  if (found?.isDirectory() === true) return true;
  if (found !== null)
    throw new TailraceError('config.not_found', `${printable(written)} is neither a file nor a directory`);
  const neighbours = await readdir(dirname(absolute)).catch(() => []);
  const suggestion = didYouMean(basename(absolute), neighbours);
  throw new TailraceError('config.not_found', `no such file or directory: ${printable(written)}`, {
    remedy:
      suggestion ??
      `name a pipeline file or a directory that holds some; the working directory is used when none is named`,
  });
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() === true;
}

/** @param paths as the command got them */
export function noPipelines(paths: readonly string[], cwd: string): TailraceError {
  const dirs = paths
    .map((path) => resolve(cwd, path))
    .map((path) => (basename(path) === INSTANCE_FILE ? dirname(path) : path));
  const places = (dirs.length === 0 ? [cwd] : dirs).map(printable).join(', ');
  return new TailraceError('config.not_found', `no pipeline file (*.yaml, *.yml) in ${places}`, {
    remedy:
      'write a pipeline there (README, "A pipeline"), name a file or directory, or set kafka.listen in the tailrace.yaml there to serve Kafka clients alone',
  });
}
