import type { PlacedProblem, Project } from '../../config/index.ts';
import type { CheckResult } from '../../contracts/app.ts';
import type { Finding, Logger } from '../../contracts/plugin.ts';
import { printable } from '../../lib/printable.ts';
import type { AnswerCommand, CommandContext, Outcome } from '../command.ts';
import { counted } from '../format.ts';
import { plainLogger } from '../log-lines.ts';
import { RECORD_FILE, recordTables } from '../recorded-tables.ts';
import type { Style } from '../style.ts';
import { lintOutcome, PATHS_DETAILS } from './lint.ts';

export const check: AnswerCommand = {
  kind: 'answer',
  name: 'check',
  summary: 'lint, then connect and check privileges, settings, tables and columns',
  arguments: '[path…]',
  details: `${PATHS_DETAILS}

Nothing is changed at the servers. With --record the columns of the tables are written to ${RECORD_FILE} beside tailrace.yaml, for lint to
hold the rules against them without a server: keep it with the pipelines. Exit code 2 for a problem in a file, 3 when a server cannot be reached or refuses the login,
4 for what else was found.`,
  options: { record: { type: 'boolean', summary: `write what the tables are to ${RECORD_FILE}` } },
  maxWords: Number.POSITIVE_INFINITY,
  run: checkProject,
};

async function checkProject({ words, io, app, options }: CommandContext): Promise<Outcome> {
  const [{ loadProject }, { registry, check: checkAll, describe }] = await Promise.all([
    import('../../config/index.ts'),
    app(),
  ]);
  const project = await loadProject({ paths: words, cwd: io.cwd, env: io.env, registry });
  const linted = await lintOutcome(project);
  if (linted.exitCode !== 0) return linted;
  const log: Logger = plainLogger(io.stderr, project.redact);
  const quiet: Logger = (level, message, fields) => {
    if (level === 'warn' || level === 'error') log(level, message, fields);
  };
  const checked = await checkAll(project.instance, project.pipelines, quiet);
  if (options.record === true) {
    await recordTables(project, await describe(project.instance, project.pipelines, quiet));
  }
  const { problemText } = await import('../../config/index.ts');
  return checkOutcome(
    checked.map((part) => placed(part, project)),
    project,
    problemText,
  );
}

/** A source or sink with its findings in place and without secrets. */
interface PlacedPart {
  readonly pipeline: string;
  readonly part: string;
  readonly findings: readonly (Omit<Finding, 'path'> & { readonly place: string | null })[];
  readonly problems: readonly PlacedProblem[];
  readonly filters?: CheckResult['filters'];
}

function placed({ pipeline, part, path, findings, problems, filters }: CheckResult, project: Project): PlacedPart {
  const { redact } = project;
  const found = findings.map(({ path: below, remedy, ...finding }) => ({
    ...finding,
    message: redact(finding.message),
    ...(remedy === undefined ? {} : { remedy: redact(remedy) }),
    place: finding.level === 'ok' ? null : placeOf(project, pipeline, [...path, ...(below ?? [])]),
  }));
  const shown = problems.map((problem) => project.place(pipeline, problem));
  return {
    pipeline,
    part,
    findings: found,
    problems: shown,
    ...(filters !== undefined && {
      filters: filters.map((place) => ({ ...place, condition: redact(place.condition) })),
    }),
  };
}

function placeOf(project: Project, pipeline: string, path: readonly (string | number)[]): string {
  const { file, line, column } = project.place(pipeline, { level: 'error', code: '', message: '', path });
  return `${file}:${line}:${column}`;
}

function checkOutcome(
  parts: readonly PlacedPart[],
  project: Project,
  problemText: typeof import('../../config/index.ts').problemText,
): Outcome {
  const findings = parts.flatMap((part) => part.findings);
  const problems = [...project.problems, ...parts.flatMap((part) => part.problems)];
  const count = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length;
  const errors = problems.filter(({ level }) => level === 'error').length;
  const warnings = count('warning') + problems.length - errors;
  const summary = `${counted(count('problem') + errors, 'problem')}, ${counted(warnings, 'warning')}`;
  return {
    exitCode: exitCode(parts, errors),
    summary,
    result: { parts, problems: problems.map(({ frame: _, ...problem }) => problem) },
    text: (style) =>
      `${problems.map((problem) => problemText(problem)).join('')}${partsText(parts, style)}${summary}\n`,
  };
}

/** The most pressing first: a file to mend, a server to reach, then everything else. */
function exitCode(parts: readonly PlacedPart[], errors: number): number {
  if (errors > 0) return 2;
  const problems = parts.flatMap(({ findings }) => findings).filter(({ level }) => level === 'problem');
  if (problems.some(({ code }) => code !== undefined && /\.(unreachable|auth)$/.test(code))) return 3;
  return problems.length > 0 ? 4 : 0;
}

function partsText(parts: readonly PlacedPart[], style: Style): string {
  let pipeline: string | null = null;
  return parts
    .map((part) => {
      const head = part.pipeline === pipeline ? '' : `${style.paint('bold', printable(part.pipeline))}\n`;
      pipeline = part.pipeline;
      const findings = part.findings.map((finding) => findingText(finding, style));
      return `${head}  ${printable(part.part)}\n${findings.join('')}`;
    })
    .join('');
}

function findingText({ level, message, remedy, place }: PlacedPart['findings'][number], style: Style): string {
  const { signs, paint } = style;
  const sign = {
    ok: paint('green', signs.ok),
    warning: paint('yellow', signs.warning),
    problem: paint('red', signs.problem),
  }[level];
  const where = place === null ? '' : `   ${paint('dim', place)}`;
  const next = remedy === undefined ? '' : `        ${signs.arrow} ${printable(remedy)}\n`;
  return `    ${sign} ${printable(message)}${where}\n${next}`;
}
