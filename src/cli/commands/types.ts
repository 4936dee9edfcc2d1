import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { AnswerCommand } from '../command.ts';
import { counted } from '../format.ts';
import { plainLogger } from '../log-lines.ts';
import { textOption } from '../places.ts';
import { problemsError } from '../problems.ts';
import { typesText } from '../typescript-types.ts';
import { PATHS_DETAILS } from './lint.ts';

export const types: AnswerCommand = {
  kind: 'answer',
  name: 'types',
  summary: 'print TypeScript types of the captured tables',
  arguments: '[path…]',
  details: `${PATHS_DETAILS}

Asks the sources for the tables as they are now; nothing is changed there. int64 is a bigint, bytes a Uint8Array; what JavaScript
cannot hold exactly is a string.`,
  options: { out: { type: 'string', short: 'o', value: 'FILE', summary: 'write them to this file' } },
  maxWords: Number.POSITIVE_INFINITY,
  async run(context) {
    const { words, io, app: createApp } = context;
    const [{ loadProject }, app] = await Promise.all([import('../../config/index.ts'), createApp()]);
    const project = await loadProject({ paths: words, cwd: io.cwd, env: io.env, registry: app.registry });
    const errors = project.problems.filter(({ level }) => level === 'error');
    if (errors.length > 0) throw problemsError(errors);
    const log = plainLogger(io.stderr, project.redact);
    const tables = await app.describe(project.instance, project.pipelines, (level, ...line) => {
      if (level === 'warn' || level === 'error') log(level, ...line);
    });
    const text = typesText(tables);
    const out = textOption(context, 'out');
    const summary = `${counted(tables.length, 'table')}${out === undefined ? '' : ` in ${out}`}`;
    if (out === undefined) return { exitCode: 0, summary, result: { tables, text }, text: () => text };
    await writeFile(resolve(io.cwd, out), text);
    return { exitCode: 0, summary, result: { tables, file: out }, text: () => `${summary}\n` };
  },
};
