import { stat } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { TailraceError } from '../../contracts/errors.ts';
import { PLUGIN_API } from '../../contracts/plugin.ts';
import { printable, quoted } from '../../lib/printable.ts';
import type { AnswerCommand, CommandContext, Outcome } from '../command.ts';
import { CONFIRM_OPTIONS, confirmed } from '../confirm.ts';
import { Npm, type PackageFacts } from '../npm.ts';
import {
  broughtBy,
  type PluginFacts,
  PluginList,
  PROJECT_OPTION,
  pluginFacts,
  projectDir,
  undisturbed,
} from '../project-plugins.ts';

/** A name of npm, with or without a version. Nothing that npm would take for an option, an address or a repository. */
const SPEC = /^(@[a-z0-9~][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*(@[\w.~^<>=*+-]+)?$/;

export const pluginAdd: AnswerCommand = {
  kind: 'answer',
  name: 'plugin add',
  summary: 'install a plugin from npm, or take a local one, and name it in tailrace.yaml',
  arguments: '<name|path>',
  details: `NAME is that of an npm package, with @VERSION if another than the newest is wanted, or a path of a packed one (*.tgz).
Who published it, its version and the API it was written for are shown first; one of another API is refused before anything is
installed. npm installs it into the project with the project's own configuration; scripts of packages are not run.
PATH (./…) is a file or directory of a plugin: TypeScript or JavaScript.

The plugin is then loaded. Where anything fails, tailrace.yaml, package.json and node_modules are what they were.`,
  options: { ...PROJECT_OPTION, ...CONFIRM_OPTIONS },
  maxWords: 1,
  async run(context) {
    const [word] = context.words;
    if (word === undefined)
      throw usage('tailrace plugin add needs a name or a path', 'tailrace plugin add ./my-plugin');
    const dir = projectDir(context);
    if ((await stat(dir).catch(() => null))?.isDirectory() !== true) {
      throw usage(`there is no directory ${printable(dir)}`, 'name the directory of the project');
    }
    const isPath = /^(\.{0,2}\/|\.{1,2}$)/.test(word);
    if (isPath && !word.endsWith('.tgz')) return addLocal(context, dir, word);
    if (isPath || SPEC.test(word)) return addPackage(context, dir, isPath ? resolve(context.io.cwd, word) : word);
    throw usage(`${quoted(word)} is no name of an npm package`, `a path begins with ./`);
  },
};

const usage = (message: string, remedy: string) => new TailraceError('cli.usage', message, { remedy });

async function addLocal(context: CommandContext, dir: string, word: string): Promise<Outcome> {
  const path = relative(dir, resolve(context.io.cwd, word));
  const name = path.startsWith('..') || path.startsWith('/') ? path : `./${path}`;
  const list = await PluginList.of(dir);
  try {
    return await nameIt(context, dir, list, name);
  } catch (error) {
    await list.restore();
    throw error;
  }
}

/** @param spec name[@version], or the absolute path of a tarball */
async function addPackage(context: CommandContext, dir: string, spec: string): Promise<Outcome> {
  const npm = new Npm(dir, context.io.env);
  const list = await PluginList.of(dir);
  const state = npm.state();
  const facts = spec.startsWith('/') ? null : await npm.view(spec);
  if (facts !== null) mustFit(facts);
  const preview = facts === null ? `${printable(spec)}\n` : previewOf(facts);
  const question = 'It will run with all rights of Tailrace. Install it?';
  if (!(await confirmed(context, preview, question))) {
    return { exitCode: 0, summary: 'nothing was done', result: { package: facts }, text: () => preview };
  }
  return undisturbed(context, async () => {
    try {
      await npm.install(facts === null ? spec : `${facts.name}@${facts.version}`);
      const name = facts?.name ?? tarballName(npm, dir, spec);
      const outcome = await nameIt(context, dir, list, name);
      return { ...outcome, result: { ...(outcome.result as object), published: facts } };
    } catch (error) {
      await list.restore();
      await npm.restore(state);
      throw error;
    }
  });
}

/** Before anything of it is here. A package without the field is no plugin. */
function mustFit({ name, api }: PackageFacts): void {
  if (api === PLUGIN_API) return;
  if (api === undefined) {
    const remedy = 'is it the right package? A plugin says "tailrace": { "api": 1 } in its package.json';
    throw new TailraceError('plugin.invalid', `the package ${quoted(name)} is no plugin of Tailrace`, { remedy });
  }
  const said = typeof api === 'number' ? `plugin API ${api}` : 'an unknown version of the plugin API';
  const message = `plugin ${quoted(name)} is written for ${said}; this Tailrace has ${PLUGIN_API}`;
  const remedy = 'upgrade Tailrace, or name another version of the plugin with @';
  throw new TailraceError('plugin.api', message, { remedy });
}

function previewOf({ name, version, publisher, hasProvenance, api }: PackageFacts): string {
  const by = publisher === null ? 'not told' : printable(publisher);
  const provenance = hasProvenance ? 'attested by the registry' : 'not attested';
  return `${printable(name)} ${printable(version)}\n  published by  ${by}\n  provenance    ${provenance}\n  plugin API    ${api}\n`;
}

/** npm writes where it has a package from into package.json. */
function tarballName(npm: Npm, dir: string, path: string): string {
  const found = Object.entries(npm.dependencies()).find(([, wanted]) => {
    return wanted.startsWith('file:') && resolve(dir, wanted.slice('file:'.length)) === path;
  });
  if (found !== undefined) return found[0];
  throw new TailraceError('plugin.install', `npm has not told the name of the package in ${printable(path)}`);
}

/** Into the list, and loaded from there. */
async function nameIt(context: CommandContext, dir: string, list: PluginList, name: string): Promise<Outcome> {
  const [{ loadPlugins, listedPlugins, withPlugin }, app] = await Promise.all([
    import('../../config/index.ts'),
    context.app(),
  ]);
  const text = list.before ?? '';
  const isNew = !listedPlugins(text).includes(name);
  if (isNew) await list.write(withPlugin(text, name));
  // Those before it first: a type that two bring is told of the one that comes.
  await loadPlugins(undefined, { cwd: dir, env: context.io.env, registry: app.registry });
  const facts = pluginFacts(app, name, dir);
  if (facts.error !== null) {
    const { code, message, remedy } = facts.error;
    throw new TailraceError(code, message, remedy === null ? {} : { remedy });
  }
  return outcome(facts, isNew);
}

function outcome(facts: PluginFacts, isNew: boolean): Outcome {
  const version = facts.package === null ? '' : ` ${facts.package.version}`;
  const summary = `${isNew ? 'added' : 'is there:'} ${facts.name}${version}: ${broughtBy(facts)}`;
  const { error: _, ...plugin } = facts;
  return { exitCode: 0, summary, result: { plugin, isNew }, text: () => `${printable(summary)}\n` };
}
