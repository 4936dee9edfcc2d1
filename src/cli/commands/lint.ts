import type { Project } from '../../config/index.ts';
import type { AnswerCommand, Outcome } from '../command.ts';

export const PATHS_DETAILS = `Paths are pipeline files, or directories: of a directory the files in its folder "pipelines", or without one its own
*.yaml and *.yml. Without a path: the working directory. Settings are read from the tailrace.yaml beside them.`;

export const lint: AnswerCommand = {
  kind: 'answer',
  name: 'lint',
  summary: 'check pipeline files without network',
  arguments: '[path…]',
  details: PATHS_DETAILS,
  options: {},
  maxWords: Number.POSITIVE_INFINITY,
  async run({ words, io, app }) {
    const [{ loadProject }, { registry }] = await Promise.all([import('../../config/index.ts'), app()]);
    return lintOutcome(await loadProject({ paths: words, cwd: io.cwd, env: io.env, registry }));
  },
};

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
