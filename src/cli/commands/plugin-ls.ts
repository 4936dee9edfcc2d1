import { printable } from '../../lib/printable.ts';
import type { AnswerCommand } from '../command.ts';
import { counted, table } from '../format.ts';
import { broughtBy, PROJECT_OPTION, pluginFacts, projectDir } from '../project-plugins.ts';

export const pluginLs: AnswerCommand = {
  kind: 'answer',
  name: 'plugin ls',
  summary: 'list the plugins of the project and what they bring',
  arguments: '',
  details: `Loads every plugin that tailrace.yaml names. Exit code 2 when one cannot be used; the reason is shown.`,
  options: PROJECT_OPTION,
  maxWords: 0,
  async run(context) {
    const [{ loadPlugins }, app] = await Promise.all([import('../../config/index.ts'), context.app()]);
    const dir = projectDir(context);
    const { registry } = app;
    const { plugins: names, problems } = await loadPlugins(undefined, { cwd: dir, env: context.io.env, registry });
    const plugins = names.map((name) => pluginFacts(app, name, dir));
    const isWrong = problems.some(({ level }) => level === 'error');
    const summary = counted(plugins.length, 'plugin');
    return {
      exitCode: isWrong ? 2 : 0,
      summary,
      result: { plugins, problems: problems.map(({ frame: _, ...problem }) => problem) },
      text: ({ paint, signs }) => {
        const rows = plugins.map((one) => [
          one.name,
          one.package === null ? '' : one.package.version,
          one.error === null ? broughtBy(one) : `${one.error.code}: ${one.error.message}`,
        ]);
        const others = problems.filter(({ code }) => !code.startsWith('plugin-'));
        const lines = others.map(({ file, line, column, message }) => {
          return `${paint('red', signs.problem)} ${file}:${line}:${column}  ${printable(message)}\n`;
        });
        return `${table(rows)}${lines.join('')}${plugins.length === 0 ? `${summary}\n` : ''}`;
      },
    };
  },
};
