import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Project } from '../../config/index.ts';
import type { App } from '../../contracts/app.ts';
import type { AnswerCommand, Outcome } from '../command.ts';
import { counted } from '../format.ts';
import type { Io } from '../io.ts';

export const PATHS_DETAILS = `Paths are pipeline files, or directories: of a directory the files in its folder "pipelines", or without one its own
*.yaml and *.yml. Without a path: the working directory. Settings are read from the tailrace.yaml beside them.`;

export const lint: AnswerCommand = {
  kind: 'answer',
  name: 'lint',
  summary: 'check pipeline files without network',
  arguments: '[path…]',
  details: `${PATHS_DETAILS}

Where tailrace check --record has recorded the columns of the tables, the rules are held against them: misspelt columns and types
that do not fit are found without the database.`,
  options: { fix: { type: 'boolean', summary: 'mend what has one sure answer: misspelt words, missing quotes' } },
  maxWords: Number.POSITIVE_INFINITY,
  async run({ words, io, app, options }) {
    const [{ loadProject }, created] = await Promise.all([import('../../config/index.ts'), app()]);
    const { registry } = created;
    const load = async () => {
      const project = await loadProject({ paths: words, cwd: io.cwd, env: io.env, registry });
      return withRecorded(project, created, io.cwd);
    };
    let project = await load();
    if (options.fix !== true) return lintOutcome(project);
    // What is mended may bring another problem to light.
    let count = 0;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const fixed = await fixFiles(project, io);
      count += fixed;
      if (fixed === 0) break;
      project = await load();
    }
    const outcome = await lintOutcome(project);
    return { ...outcome, summary: `fixed ${counted(count, 'problem')}; ${outcome.summary}` };
  },
};

/** With what the recorded tables show to be wrong, once nothing else is. */
async function withRecorded(project: Project, app: App, cwd: string): Promise<Project> {
  if (project.problems.some(({ level }) => level === 'error')) return project;
  const { lintRecorded } = await import('../recorded-tables.ts');
  const found = await lintRecorded(project, app, cwd);
  return found.length === 0 ? project : { ...project, problems: [...project.problems, ...found] };
}

const MAX_ROUNDS = 10;

/** How many problems were mended. */
async function fixFiles({ problems, files }: Project, io: Io): Promise<number> {
  const { fixedText } = await import('../../config/index.ts');
  let total = 0;
  for (const file of files) {
    const path = resolve(io.cwd, file);
    const own = problems.filter((problem) => problem.file === file);
    const { text, count } = fixedText(await readFile(path, 'utf8'), own);
    if (count > 0) await writeFile(path, text);
    total += count;
  }
  return total;
}

/** Exit code 2 when there are errors; warnings are shown. */
export async function lintOutcome({ problems, files }: Project): Promise<Outcome> {
  const { problemSummary, problemText } = await import('../../config/index.ts');
  const summary = problemSummary(problems, files.length);
  return {
    exitCode: problems.some(({ level }) => level === 'error') ? 2 : 0,
    summary,
    result: { files, problems: problems.map(({ frame: _, ...problem }) => problem) },
    text: ({ paint }) => {
      const colour = (level: 'error' | 'warning', text: string) => paint(level === 'error' ? 'red' : 'yellow', text);
      return `${problems.map((problem) => problemText(problem, colour)).join('')}${summary}\n`;
    },
  };
}
