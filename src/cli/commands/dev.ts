import type { RunningCommand } from '../command.ts';
import { PATHS_DETAILS } from './lint.ts';
import { run, runProject } from './run.ts';

export const dev: RunningCommand = {
  kind: 'running',
  name: 'dev',
  summary: 'run pipelines, and apply every save of their files',
  arguments: '[path…]',
  details: `${PATHS_DETAILS}

As run. When a file is saved, what it changes restarts, and the rest goes on untouched; positions are kept by the names of
sources and sinks. A file with problems shows them, and what ran before goes on. Settings in tailrace.yaml take effect at the
next start.`,
  options: run.options,
  maxWords: Number.POSITIVE_INFINITY,
  run: (context) => runProject(context, true),
};
