/** Pipeline files and `tailrace.yaml` → checked plans, and every problem with its place. */
import { readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { TailraceError } from '../contracts/errors.ts';
import type { InstancePlan, PipelinePlan } from '../contracts/plan.ts';
import type { Registry } from '../contracts/registry.ts';
import type { RuleTest } from '../contracts/rule-tests.ts';
import type { Problem } from '../contracts/rules.ts';
import { printable, quoted } from '../lib/printable.ts';
import { ConfigFile, type PlacedProblem, type UsedVariable } from './config-file.ts';
import { checkAcross, type ReadPipeline } from './cross-checks.ts';
import { INSTANCE_FILE, readInstance } from './instance-file.ts';
import { readPipeline } from './pipeline-file.ts';
import { findInstanceFile, findProjectFiles, noPipelines } from './project-files.ts';
import { secretKeys, secretValues } from './secret-values.ts';
import { type Redact, starred } from './secrets.ts';
import { child } from './tree.ts';
import type { VariableSource } from './variables.ts';
import { MAX_FILE_BYTES } from './yaml-document.ts';

const MAX_SECRET_FILE_BYTES = 64 * 1024;

export interface LoadOptions {
  /** Files and directories, relative to `cwd`; none: `cwd` itself. */
  readonly paths: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly registry: Registry;
}

export interface Project {
  /** Errors and warnings, by file and place. With an error the plans are not to be run. */
  readonly problems: readonly PlacedProblem[];
  readonly pipelines: readonly PipelinePlan[];
  /** `tests:` of each pipeline, by its name. */
  readonly tests: ReadonlyMap<string, readonly RuleTest[]>;
  readonly instance: InstancePlan;
  readonly variables: readonly UsedVariable[];
  /** Every file that was read, as shown to the user. */
  readonly files: readonly string[];
  /** Their text for others to read, without secrets and comments; null for one with an error. */
  publicFiles(): readonly { readonly name: string; readonly text: string | null }[];
  /** Gives a problem of a pipeline its place in the file. */
  place(pipeline: string, problem: Problem): PlacedProblem;
  /** Takes the secrets of this configuration out of a text (Invariant 12). */
  readonly redact: Redact;
}

/** Throws `config.not_found`. Everything else that is wrong is in `problems`. */
export async function loadProject({ paths, cwd, env, registry }: LoadOptions): Promise<Project> {
  const files = await findProjectFiles(paths, cwd);
  const open = () => ({ cwd, env, secretKeys: secretKeys(registry) });
  const instanceFile = files.instance === null ? null : await openFile(files.instance, open());
  if (files.pipelines.length === 0 && !servesAlone(instanceFile)) throw noPipelines(paths, cwd);
  const { instance, hasMaskKey, plugins } = readInstance(instanceFile, files.dir);
  if (instanceFile !== null) addPlugins(instanceFile, plugins, files.dir, registry);
  // Without its value steps can still be checked.
  const maskKey = instance.maskKey ?? (hasMaskKey ? 'not resolved' : null);
  const read: ReadPipeline[] = [];
  const opened: ConfigFile[] = [];
  const tests = new Map<string, readonly RuleTest[]>();
  for (const path of files.pipelines) {
    const file = await openFile(path, open());
    opened.push(file);
    const found = readPipeline({ file, dir: dirname(path), registry, maskKey }, path);
    if (found === null) continue;
    read.push({ file, plan: found.plan });
    tests.set(found.plan.name, found.tests);
  }
  checkAcross(read);
  const all = instanceFile === null ? opened : [instanceFile, ...opened];
  const pipelines = read.map(({ plan }) => plan);
  return {
    problems: all.flatMap(({ problems }) => problems),
    pipelines,
    tests,
    instance,
    variables: all.flatMap((file) => file.variables()),
    files: all.map(({ name }) => name),
    publicFiles: () => all.map(({ name, publicText }) => ({ name, text: publicText })),
    place: (pipeline, problem) => {
      const found = read.find(({ plan }) => plan.name === pipeline);
      if (found === undefined) throw new TailraceError('internal.bug', `no file of pipeline ${quoted(pipeline)}`);
      return found.file.place(problem);
    },
    redact: starred(secretValues(instance, pipelines)),
  };
}

export interface ProjectPlugins {
  /** Absolute path of the tailrace.yaml, and where it would be when there is none. */
  readonly file: string;
  /** Directory of the file: where paths begin and packages are looked for. */
  readonly dir: string;
  /** Null: there is no such file. */
  readonly text: string | null;
  /** As they stand there; what cannot be used is among `problems`. */
  readonly plugins: readonly string[];
  /** Of the tailrace.yaml alone. */
  readonly problems: readonly PlacedProblem[];
}

/** Adds what the tailrace.yaml of a directory names to the registry, and leaves its pipelines alone. Throws `config.not_found`. */
export async function loadPlugins(
  path: string | undefined,
  { cwd, env, registry }: Omit<LoadOptions, 'paths'>,
): Promise<ProjectPlugins> {
  const { instance, dir } = await findInstanceFile(path, cwd);
  if (instance === null) return { file: join(dir, INSTANCE_FILE), dir, text: null, plugins: [], problems: [] };
  const file = await openFile(instance, { cwd, env, secretKeys: secretKeys(registry) });
  const { plugins } = readInstance(file, dir);
  addPlugins(file, plugins, dir, registry);
  return { file: instance, dir, text: await readFile(instance, 'utf8'), plugins, problems: file.problems };
}

/** Their types and verbs are known to the pipelines that are read afterwards. */
function addPlugins(file: ConfigFile, plugins: readonly string[], dir: string, registry: Registry): void {
  for (const [i, name] of plugins.entries()) {
    const error = registry.addPlugin?.(name, dir);
    if (error == null) continue;
    const { code, message, remedy } = error;
    const fix = remedy === undefined ? {} : { fix: remedy };
    file.report({ level: 'error', code: code.replace(/[._]/g, '-'), message, path: ['plugins', i], ...fix });
  }
}

/** The log can be served without a pipeline. A file with errors is shown, whatever it was meant to say. */
function servesAlone(file: ConfigFile | null): boolean {
  if (file === null) return false;
  return file.hasErrors || (file.root !== null && child(file.root, 'kafka') !== undefined);
}

export interface InstanceSettings {
  readonly instance: InstancePlan;
  readonly problems: readonly PlacedProblem[];
}

/** Settings for looking at an instance, without its pipelines: problems elsewhere than in `data_dir` do not matter. */
export async function loadInstance(
  path: string | undefined,
  cwd: string,
  env: LoadOptions['env'],
): Promise<InstanceSettings> {
  const found = await findInstanceFile(path, cwd);
  const file = found.instance === null ? null : await openFile(found.instance, { cwd, env, secretKeys: [] });
  const { instance } = readInstance(file, found.dir);
  const isUsable = file === null || (file.root !== null && !file.isUnresolved(['data_dir']));
  return { instance, problems: isUsable ? [] : file.problems };
}

interface OpenOptions {
  readonly cwd: string;
  readonly env: LoadOptions['env'];
  readonly secretKeys: readonly string[];
}

async function openFile(path: string, { cwd, env, secretKeys }: OpenOptions): Promise<ConfigFile> {
  const shown = relative(cwd, path);
  const name = shown.startsWith('..') ? path : shown;
  const variables: VariableSource = { env, readFile: (file) => secretFile(resolve(dirname(path), file)) };
  const { size } = await stat(path);
  if (size > MAX_FILE_BYTES) {
    const message = `the file has ${size} bytes; at most ${MAX_FILE_BYTES} are read`;
    return unreadable(name, { code: 'file-size', message });
  }
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new TailraceError('config.not_found', `cannot read ${printable(name)}: ${error.code}`, {
      remedy: `let the user that runs Tailrace read it: chmod or chown`,
    });
  });
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return new ConfigFile({ name, text, variables, secretKeys });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return unreadable(name, { code: 'file-encoding', message: 'the file is not UTF-8 text' });
  }
}

function unreadable(name: string, words: Pick<Problem, 'code' | 'message'>): ConfigFile {
  const file = new ConfigFile({
    name,
    text: '',
    variables: { env: {}, readFile: () => ({ text: '' }) },
    secretKeys: [],
  });
  file.report({ level: 'error', path: [], ...words });
  return file;
}

/** A file with a secret, as container platforms mount them: without its last line end. */
function secretFile(path: string): ReturnType<VariableSource['readFile']> {
  try {
    const found = statSync(path);
    if (!found.isFile()) return { problem: `${quoted(path)} is not a file` };
    if (found.size > MAX_SECRET_FILE_BYTES) return { problem: `${quoted(path)} is too large for a value` };
    return { text: readFileSync(path, 'utf8').replace(/\r?\n$/, '') };
  } catch (error) {
    return { problem: `cannot read the file ${quoted(path)}: ${(error as NodeJS.ErrnoException).code}` };
  }
}
