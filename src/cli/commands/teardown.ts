import type { Project } from '../../config/index.ts';
import type { TeardownResult } from '../../contracts/app.ts';
import { printable } from '../../lib/printable.ts';
import type { AnswerCommand, CommandContext, Outcome } from '../command.ts';
import { CONFIRM_OPTIONS, confirmed } from '../confirm.ts';
import { counted } from '../format.ts';
import { plainLogger } from '../log-lines.ts';
import { lintOutcome, PATHS_DETAILS } from './lint.ts';

export const teardown: AnswerCommand = {
  kind: 'answer',
  name: 'teardown',
  summary: 'remove what the sources made upstream: replication slots, publications',
  arguments: '[path…]',
  details: `${PATHS_DETAILS}

Stop Tailrace first. Shows which sources, and asks. What was there before, and what the pipeline file names, stays; the log and
the targets are not touched. Afterwards the changes that follow are lost for these sources: a start finds the gap, and reads the
tables again with \`on_gap: resnapshot\` or an empty data directory. A second time finds nothing to do. Exit code 3 when a
server cannot be reached or something is still in use.`,
  options: CONFIRM_OPTIONS,
  maxWords: Number.POSITIVE_INFINITY,
  run: teardownProject,
};

async function teardownProject(context: CommandContext): Promise<Outcome> {
  const { words, io, app } = context;
  const [{ loadProject }, { registry, teardown: remove }] = await Promise.all([import('../../config/index.ts'), app()]);
  const project = await loadProject({ paths: words, cwd: io.cwd, env: io.env, registry });
  const linted = await lintOutcome(project);
  if (linted.exitCode !== 0) return linted;
  const sources = project.pipelines.flatMap((pipeline) =>
    pipeline.sources.map(({ name, manifest }) => `${pipeline.name}: source ${name} (${manifest.type})`),
  );
  const preview = `${sources.map(printable).join('\n')}\n`;
  const isDone = await confirmed(context, preview, 'Remove what these made upstream?');
  const log = plainLogger(io.stderr, project.redact);
  return teardownOutcome(isDone ? await remove(project.instance, project.pipelines, log) : [], sources, project);
}

function teardownOutcome(results: readonly TeardownResult[], sources: readonly string[], project: Project): Outcome {
  const { redact } = project;
  const failed = results.filter(({ error }) => error !== null).length;
  const removed = results.length - failed;
  const summary =
    results.length === 0
      ? `would remove what ${counted(sources.length, 'source')} made`
      : `${counted(removed, 'source')} removed${failed === 0 ? '' : `, ${failed} not`}`;
  const shown = results.map(({ pipeline, part, error }) => ({
    pipeline,
    part,
    error: error && { ...error, message: redact(error.message), remedy: error.remedy && redact(error.remedy) },
  }));
  return {
    exitCode: failed === 0 ? 0 : 3,
    summary,
    result: { parts: shown },
    text: ({ signs, paint }) => {
      const lines = shown.map(({ part, error }) => {
        if (error === null) return `  ${paint('green', signs.ok)} ${printable(part)}\n`;
        const next = error.remedy === null ? '' : `      ${signs.arrow} ${printable(error.remedy)}\n`;
        return `  ${paint('red', signs.problem)} ${printable(part)}: ${printable(error.message)}\n${next}`;
      });
      return `${lines.join('')}${summary}\n`;
    },
  };
}
