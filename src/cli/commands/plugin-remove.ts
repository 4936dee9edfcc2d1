import { relative, resolve } from 'node:path';
import { TailraceError } from '../../contracts/errors.ts';
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import type { AnswerCommand } from '../command.ts';
import { Npm } from '../npm.ts';
import { PluginList, PROJECT_OPTION, projectDir, undisturbed } from '../project-plugins.ts';

export const pluginRemove: AnswerCommand = {
  kind: 'answer',
  name: 'plugin remove',
  summary: 'take a plugin out of tailrace.yaml, and an npm package out of the project',
  arguments: '<name|path>',
  details: `The name as tailrace plugin ls shows it. Files of a local plugin stay. A running instance keeps what it has loaded;
tailrace lint shows the pipelines that need it.`,
  options: PROJECT_OPTION,
  maxWords: 1,
  async run(context) {
    const { listedPlugins, withoutPlugin } = await import('../../config/index.ts');
    const dir = projectDir(context);
    const list = await PluginList.of(dir);
    const name = named(context.words[0], listedPlugins(list.before ?? ''), dir, context.io.cwd);
    const npm = new Npm(dir, context.io.env);
    const isInstalled = Object.hasOwn(npm.dependencies(), name);
    const state = isInstalled ? npm.state() : null;
    await undisturbed(context, async () => {
      try {
        await list.write(withoutPlugin(list.before!, name));
        if (isInstalled) await npm.uninstall(name);
      } catch (error) {
        await list.restore();
        if (state !== null) await npm.restore(state);
        throw error;
      }
    });
    const summary = `removed ${name}`;
    return { exitCode: 0, summary, result: { name, uninstalled: isInstalled }, text: () => `${summary}\n` };
  },
};

function named(word: string | undefined, names: readonly string[], dir: string, cwd: string): string {
  const usage = (message: string, remedy: string) => new TailraceError('cli.usage', message, { remedy });
  const listed = names.length === 0 ? 'tailrace.yaml names no plugin' : `there are: ${names.join(', ')}`;
  if (word === undefined) throw usage('tailrace plugin remove needs the name of a plugin', listed);
  const found = names.includes(word) ? word : names.find((name) => resolve(dir, name) === resolve(cwd, word));
  if (found !== undefined) return found;
  const written = word.startsWith('.') ? `./${relative(dir, resolve(cwd, word))}` : word;
  throw usage(`tailrace.yaml names no plugin ${quoted(word)}`, didYouMean(written, names) ?? listed);
}
