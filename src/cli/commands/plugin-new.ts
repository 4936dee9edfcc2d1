import { chmod, lstat, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { App } from '../../contracts/app.ts';
import { TailraceError } from '../../contracts/errors.ts';
import { didYouMean } from '../../lib/did-you-mean.ts';
import { printable, quoted } from '../../lib/printable.ts';
import type { AnswerCommand, CommandContext, Outcome } from '../command.ts';
import type { NewFile } from '../new-pipeline.ts';
import { newPluginFiles, PLUGIN_KINDS, type PluginKind } from '../new-plugin.ts';
import { textOption } from '../places.ts';
import { undisturbed } from '../project-plugins.ts';
import { type Proof, provePlugin } from '../prove-plugin.ts';

const PREFIX = 'tailrace-plugin-';

export const pluginNew: AnswerCommand = {
  kind: 'answer',
  name: 'plugin new',
  summary: 'write a new plugin that works: its types are checked and its tests run before it is there',
  arguments: '<sink|source|step> <name>',
  details: `NAME is what stands in pipelines: the type of a sink or source, the verb of a step. The package is written to
${PREFIX}NAME in the working directory, or to the directory that --dir names, which must not exist yet.

Works offline. The types are checked with the TypeScript of the project, or that beside Tailrace; where there is none it says so.
On failure nothing is left behind.`,
  options: { dir: { type: 'string', value: 'DIR', summary: 'where the package is written' } },
  maxWords: 2,
  async run(context) {
    const app = await context.app();
    const { kind, name } = wordsOf(context.words);
    mustBeFree(app, kind, name);
    const dir = resolve(context.io.cwd, textOption(context, 'dir') ?? PREFIX + name);
    await mustBeNew(dir);
    const packageName = packageNameOf(dir, name);
    const words = { kind, name, packageName, version: app.version };
    const files = await newPluginFiles(app.authoring.templates, words);
    const proof = await undisturbed(context, () => write(context, app, dir, files));
    return outcome(dir, files, proof, context.io.cwd);
  },
};

function wordsOf([kind, name]: readonly string[]): { readonly kind: PluginKind; readonly name: string } {
  const usage = (message: string, remedy: string) => new TailraceError('cli.usage', message, { remedy });
  const known = PLUGIN_KINDS.find((one) => one === kind);
  if (known === undefined) {
    const message = kind === undefined ? 'what is to be written?' : `${quoted(kind)} is no part of a pipeline`;
    const near = kind === undefined ? undefined : didYouMean(kind, PLUGIN_KINDS);
    throw usage(message, near ?? 'tailrace plugin new sink NAME, or source, or step');
  }
  if (name === undefined) throw usage(`the ${known} needs a name`, `tailrace plugin new ${known} NAME`);
  const [pattern, signs] = known === 'step' ? [/^[a-z][a-z0-9_]{0,40}$/, '_'] : [/^[a-z][a-z0-9_-]{0,40}$/, '_ and -'];
  if (!pattern.test(name)) throw usage(`${quoted(name)} cannot be the name of a ${known}`, `use a-z, 0-9, ${signs}`);
  return { kind: known, name };
}

function mustBeFree({ registry }: App, kind: PluginKind, name: string): void {
  const taken = { sink: registry.sinkTypes, source: registry.sourceTypes, step: registry.rules.verbs }[kind];
  if (!taken.includes(name)) return;
  throw new TailraceError('plugin.clash', `there is a ${kind} ${quoted(name)} already`, {
    remedy: 'give another name',
  });
}

async function mustBeNew(dir: string): Promise<void> {
  if ((await lstat(dir).catch(() => null)) !== null) {
    throw new TailraceError('cli.usage', `${printable(dir)} is there already`, {
      remedy: 'name another one with --dir',
    });
  }
  if ((await lstat(dirname(dir)).catch(() => null)) !== null) return;
  throw new TailraceError('cli.usage', `there is no directory ${printable(dirname(dir))}`, { remedy: 'make it first' });
}

/** The directory's name where that can be one of a package. */
function packageNameOf(dir: string, name: string): string {
  const base = basename(dir);
  return /^[a-z0-9][a-z0-9._-]{0,200}$/.test(base) && base.includes(PREFIX) ? base : PREFIX + name;
}

/** Beside its place, which it takes when everything is right. */
async function write(
  { io }: CommandContext,
  { authoring }: App,
  dir: string,
  files: readonly NewFile[],
): Promise<Proof> {
  const trial = await mkdtemp(join(dirname(dir), '.new-plugin-'));
  try {
    for (const { path, text, mode } of files) {
      await mkdir(join(trial, dirname(path)), { recursive: true });
      await writeFile(join(trial, path), text, { mode });
    }
    const proof = await provePlugin(trial, authoring, io.env);
    if (proof.failure !== null) {
      for (const line of proof.failure.trimEnd().split('\n').slice(-40)) io.stderr.write(`${printable(line)}\n`);
      throw new TailraceError('plugin.unproven', 'the new plugin did not pass its own test; nothing was written', {
        remedy: 'please report this with what was printed',
      });
    }
    await mustBeNew(dir);
    // It was made for its owner alone.
    await chmod(trial, 0o755);
    await rename(trial, dir);
    return proof;
  } finally {
    await rm(trial, { recursive: true, force: true });
  }
}

function outcome(dir: string, files: readonly NewFile[], { done, open }: Proof, cwd: string): Outcome {
  const shown = relative(cwd, dir);
  const at = shown.startsWith('..') || shown === '' ? dir : `./${shown}`;
  const summary = `wrote ${at}: ${done.join(', ')}`;
  return {
    exitCode: 0,
    summary,
    result: { dir, files: files.map(({ path }) => path), verified: done, notVerified: open },
    text: ({ signs, paint }) => {
      const notes = open.map((what) => `  ${paint('yellow', signs.warning)} not verified: ${what}\n`);
      return `${printable(summary)}\n${notes.join('')}  ${signs.arrow} tailrace plugin add ${printable(at)}\n`;
    },
  };
}
