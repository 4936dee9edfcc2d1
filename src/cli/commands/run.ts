import type { PlacedProblem, Project } from '../../config/index.ts';
import type { Running } from '../../contracts/app.ts';
import { errorWords, exitCodeOf } from '../../contracts/errors.ts';
import type { Logger } from '../../contracts/plugin.ts';
import type { CommandContext, RunningCommand } from '../command.ts';
import { errorText } from '../error-text.ts';
import type { Io } from '../io.ts';
import { LiveProject } from '../live-project.ts';
import { jsonLogger, plainLogger, terminalLogger } from '../log-lines.ts';
import { reloadedText } from '../plan-text.ts';
import { watchStates } from '../state-lines.ts';
import { StopSignals } from '../stop-signals.ts';
import { styleOf } from '../style.ts';
import { watchFiles } from '../watch-files.ts';
import { PATHS_DETAILS } from './lint.ts';

/** What a sink may still write and commit after the signal. */
const STOP_MS = 5_000;

export const run: RunningCommand = {
  kind: 'running',
  name: 'run',
  summary: 'run pipelines until stopped',
  arguments: '[path…]',
  details: `${PATHS_DETAILS}

Without a pipeline file, but with kafka.listen in tailrace.yaml, it serves the log to Kafka clients alone.

SIGINT (Ctrl-C) or SIGTERM stops it gracefully within 5 seconds; a second signal forces it. Whenever and however it ends,
the next start goes on where the log says. With --json every line of the log is a JSON object.`,
  options: { verbose: { type: 'boolean', short: 'v', summary: 'show the lines of level debug as well' } },
  maxWords: Number.POSITIVE_INFINITY,
  run: (context) => runProject(context, false),
};

/** @param isWatching whether changes of the files are applied as they are saved */
export async function runProject(context: CommandContext, isWatching: boolean): Promise<number> {
  const stop = new StopSignals(context.io);
  try {
    return await new Run(context, stop, isWatching).run();
  } finally {
    stop.release();
  }
}

class Run {
  readonly #context: CommandContext;
  readonly #stop: StopSignals;
  readonly #isWatching: boolean;

  constructor(context: CommandContext, stop: StopSignals, isWatching: boolean) {
    this.#context = context;
    this.#stop = stop;
    this.#isWatching = isWatching;
  }

  async run(): Promise<number> {
    const { io, words, app: createApp, options } = this.#context;
    const isJson = options.json === true;
    const loggerWith = (redact: (text: string) => string) => {
      const all = loggerFor(io, isJson, redact);
      return options.verbose === true ? all : withoutDebug(all);
    };
    let log = loggerWith((text) => text);
    try {
      const app = await createApp();
      const live = new LiveProject(words, io, app.registry);
      const project = await live.load();
      log = loggerWith(live.redact);
      await showProblems(project, io, isJson ? log : null);
      if (project.problems.some(({ level }) => level === 'error')) return 2;
      const running = await app.start(project.instance, project.pipelines, log, live);
      const unwatch = this.#isWatching ? this.#watch(live, project, running) : () => {};
      try {
        return await this.#serve(running, project);
      } finally {
        unwatch();
      }
    } catch (error) {
      return this.#failed(error, log);
    }
  }

  /** Applies the files whenever they change; with problems in them what runs goes on. */
  #watch(live: LiveProject, first: Project, running: Running): () => void {
    const { io, options } = this.#context;
    const { log } = running;
    return watchFiles(live.directories(first), async () => {
      try {
        const project = await live.load();
        await showProblems(project, io, options.json === true ? log : null);
        if (project.problems.some(({ level }) => level === 'error')) {
          log('warn', 'the files have problems: what ran before goes on');
          return;
        }
        log('info', `files changed: ${reloadedText(await running.reload(project.pipelines))}`);
      } catch (error) {
        const { message, ...words } = errorWords(error);
        log('error', message, words);
      }
    });
  }

  async #serve(running: Running, { instance, pipelines }: Project): Promise<number> {
    const { url, log } = running;
    const names = pipelines.map(({ name }) => name).join(', ');
    log('info', names === '' ? 'running without pipelines' : `running ${names}`, {
      instance: instance.instance,
      pid: process.pid,
      data: instance.dataDir,
      ...(url === null ? {} : { api: url }),
    });
    const unwatch = watchStates(running, log);
    try {
      const ended = running.ended.then(
        (error) => ({ error }),
        (error: unknown) => ({ error }),
      );
      const first = await Promise.race([ended, this.#stop.asked]);
      if (typeof first === 'string') return await this.#stopping(running, first, log);
      return first.error === null || first.error === undefined ? 0 : this.#failed(first.error, log);
    } finally {
      unwatch();
    }
  }

  async #stopping(running: Running, why: string, log: Logger): Promise<number> {
    log('info', `stopping: ${why}`);
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), STOP_MS);
    });
    const outcome = await Promise.race([running.stop().then(() => 'stopped' as const), patience]);
    clearTimeout(timer);
    if (outcome === 'stopped') {
      log('info', 'stopped');
      return 0;
    }
    const remedy = 'nothing is lost: the next start repeats what was not committed';
    log('warn', `did not stop within ${STOP_MS / 1_000} s`, { remedy });
    return 1;
  }

  #failed(error: unknown, log: Logger): number {
    const { io, options } = this.#context;
    if (options.json === true) {
      const { message, ...words } = errorWords(error);
      log('error', message, words);
    } else {
      io.stderr.write(errorText(error, styleOf(io.stderr, io.env)));
    }
    return exitCodeOf(error);
  }
}

function withoutDebug(log: Logger): Logger {
  return (level, ...rest) => {
    if (level !== 'debug') log(level, ...rest);
  };
}

function loggerFor(io: Io, isJson: boolean, redact: (text: string) => string): Logger {
  if (isJson) return jsonLogger(io.stdout, redact);
  return io.stdout.isTty
    ? terminalLogger(io.stdout, redact, styleOf(io.stdout, io.env))
    : plainLogger(io.stdout, redact);
}

/** As text on standard error, or line by line into a JSON log. */
async function showProblems({ problems, files }: Project, io: Io, log: Logger | null): Promise<void> {
  if (problems.length === 0) return;
  if (log !== null) {
    for (const { frame: _, message, level, ...rest } of problems)
      log(level === 'error' ? 'error' : 'warn', message, rest);
    return;
  }
  const { problemSummary, problemText } = await import('../../config/index.ts');
  const { paint } = styleOf(io.stderr, io.env);
  const colour = (level: PlacedProblem['level'], text: string) => paint(level === 'error' ? 'red' : 'yellow', text);
  for (const problem of problems) io.stderr.write(problemText(problem, colour));
  io.stderr.write(`${problemSummary(problems, files.length)}\n`);
}
