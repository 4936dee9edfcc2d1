import type { Project } from '../../config/index.ts';
import type { App } from '../../contracts/app.ts';
import type { RuleTestReport } from '../../contracts/rule-tests.ts';
import type { AnswerCommand, Outcome } from '../command.ts';
import { counted } from '../format.ts';
import { StopSignals } from '../stop-signals.ts';
import { lintOutcome, PATHS_DETAILS } from './lint.ts';

export const test: AnswerCommand = {
  kind: 'answer',
  name: 'test',
  summary: 'run the tests in pipeline files, without network',
  arguments: '[path…]',
  details: `${PATHS_DETAILS}

A test gives changes of the source, and what of them reaches each sink through the rules. Exit code 4 when one fails, 2 when a
file has errors.`,
  options: {
    coverage: { type: 'boolean', summary: 'say which steps no test reaches, and which filters decide only one way' },
    watch: { type: 'boolean', summary: 'run them again after every save' },
  },
  maxWords: Number.POSITIVE_INFINITY,
  async run(context) {
    const { words, io, options } = context;
    const app = await context.app();
    const { LiveProject } = await import('../live-project.ts');
    const live = new LiveProject(words, io, app.registry);
    const once = async () => {
      const project = await live.load();
      return { project, outcome: await testOutcome(project, app, options.coverage === true) };
    };
    let { project, outcome } = await once();
    if (options.watch !== true) return outcome;
    const [{ watchFiles }, { styleOf }] = await Promise.all([import('../watch-files.ts'), import('../style.ts')]);
    const stop = new StopSignals(io);
    io.stdout.write(outcome.text(styleOf(io.stdout, io.env)));
    const end = watchFiles(live.directories(project), async () => {
      ({ project, outcome } = await once());
      io.stdout.write(`\n${outcome.text(styleOf(io.stdout, io.env))}`);
    });
    await stop.asked;
    end();
    stop.release();
    return { ...outcome, text: () => '' };
  },
};

interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A failure or a step that no test reaches, with its place. */
interface Placed extends Place {
  readonly test: string | null;
  readonly message: string;
}

async function testOutcome(project: Project, app: App, wantsCoverage: boolean): Promise<Outcome> {
  if (project.problems.some(({ level }) => level === 'error')) return lintOutcome(project);
  const run = await app.ruleTests();
  const { maskKey } = project.instance;
  const reports = project.pipelines.map((plan) => ({
    name: plan.name,
    report: run(plan, project.tests.get(plan.name) ?? [], maskKey),
  }));
  const results = reports.flatMap(({ report }) => report.results);
  const failures = reports.flatMap(({ name, report }) => failuresOf(project, name, report));
  const untested = wantsCoverage ? reports.flatMap(({ name, report }) => untestedOf(project, name, report)) : [];
  const failed = results.filter((result) => result.failures.length > 0).length;
  const steps = reports.reduce((sum, { report }) => sum + report.steps, 0);
  const passed = results.length - failed;
  const words = results.length === 0 ? 'there are no tests' : `${passed} of ${counted(results.length, 'test')} passed`;
  const summary = wantsCoverage ? `${words}; ${untested.length} of ${counted(steps, 'step')} not fully tested` : words;
  return {
    exitCode: failed > 0 ? 4 : 0,
    summary,
    result: { tests: results.length, failed, failures, ...(wantsCoverage && { steps, untested }) },
    text: ({ paint }) =>
      [
        ...failures.map(
          ({ test: name, message, ...place }) =>
            `${placeText(place)}  ${paint('red', 'failed')}  ${name}\n    ${message}\n`,
        ),
        ...untested.map(({ message, ...place }) => `${placeText(place)}  ${paint('yellow', 'untested')}  ${message}\n`),
        `${summary}\n`,
      ].join(''),
  };
}

const placeText = ({ file, line, column }: Place) => `${file}:${line}:${column}`;

function placed(
  project: Project,
  pipeline: string,
  test: string | null,
  message: string,
  path: readonly (string | number)[],
): Placed {
  const {
    file,
    line,
    column,
    message: shown,
  } = project.place(pipeline, { level: 'error', code: 'test-failed', message, path });
  return { test, message: shown, file, line, column };
}

function failuresOf(project: Project, pipeline: string, { results }: RuleTestReport): readonly Placed[] {
  return results.flatMap(({ name, failures }) =>
    failures.map(({ message, path }) => placed(project, pipeline, name, message, path)),
  );
}

function untestedOf(project: Project, pipeline: string, { untested }: RuleTestReport): readonly Placed[] {
  return untested.map(({ message, path }) => placed(project, pipeline, null, message, path));
}
