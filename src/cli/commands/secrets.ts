import { printable } from '../../lib/printable.ts';
import type { AnswerCommand } from '../command.ts';
import { counted } from '../format.ts';
import { PATHS_DETAILS } from './lint.ts';

export const secrets: AnswerCommand = {
  kind: 'answer',
  name: 'secrets',
  summary: 'show which variables and secret files the files use, where, and whether they are set',
  arguments: '[path…]',
  details: `${PATHS_DETAILS}

Never shows their values. Exit code 2 when one is missing.`,
  options: {},
  maxWords: Number.POSITIVE_INFINITY,
  async run({ words, io, app }) {
    const [{ loadProject }, { registry }] = await Promise.all([import('../../config/index.ts'), app()]);
    const { variables } = await loadProject({ paths: words, cwd: io.cwd, env: io.env, registry });
    const named = [...Map.groupBy(variables, ({ from, name }) => `${from} ${name}`).values()].map((uses) => ({
      name: uses[0]!.name,
      from: uses[0]!.from,
      isMissing: uses.some(({ isMissing }) => isMissing),
      places: uses.map(({ file, line, column }) => `${file}:${line}:${column}`),
    }));
    const missing = named.filter(({ isMissing }) => isMissing).length;
    const summary = `${counted(named.length, 'variable')}, ${missing} missing`;
    return {
      exitCode: missing === 0 ? 0 : 2,
      summary,
      result: named,
      text: ({ paint, signs }) => {
        const lines = named.map(({ name, from, isMissing, places }) => {
          const sign = isMissing ? paint('red', `${signs.problem} missing`) : paint('green', `${signs.ok} set    `);
          return `${sign}  ${from === 'environment' ? '' : 'file '}${printable(name)}  ${paint('dim', places.join(' '))}\n`;
        });
        return `${lines.join('')}${summary}\n`;
      },
    };
  },
};
