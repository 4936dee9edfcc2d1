import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { AnswerCommand } from '../command.ts';
import { withPlugins } from '../project-plugins.ts';

const FILE = '.tailrace/schema.json';

export const schema: AnswerCommand = {
  kind: 'answer',
  name: 'schema',
  summary: 'print the JSON Schema of pipeline files, for editors',
  arguments: '[dir]',
  details: `With --write it goes to ${FILE} in the directory (default: the working directory). A pipeline file names it in its first line:
# yaml-language-server: $schema=./${FILE}

It knows the types and steps of the plugins that the tailrace.yaml of the directory names.`,
  options: { write: { type: 'boolean', summary: `write it to ${FILE}` } },
  maxWords: 1,
  async run({ words: [dir = '.'], io, app, options }) {
    const [{ editorSchema }, created] = await Promise.all([import('../../config/index.ts'), app()]);
    const folder = resolve(io.cwd, dir);
    await withPlugins(created, { io }, folder);
    const made = editorSchema(created.registry);
    const text = `${JSON.stringify(made, null, 2)}\n`;
    if (options.write !== true) return { exitCode: 0, summary: 'schema', result: made, text: () => text };
    await mkdir(join(folder, '.tailrace'), { recursive: true });
    await writeFile(join(folder, FILE), text);
    const summary = `wrote ${FILE}`;
    return { exitCode: 0, summary, result: { file: join(folder, FILE) }, text: () => `${summary}\n` };
  },
};
