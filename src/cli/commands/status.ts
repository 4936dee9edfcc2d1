import type { InstanceStatus, SinkStatus, SourceStatus, StageStatus, TaskState } from '../../contracts/control.ts';
import type { VerifiedStatus } from '../../contracts/verification.ts';
import { printable } from '../../lib/printable.ts';
import type { AnswerCommand } from '../command.ts';
import { count, counted, duration, table } from '../format.ts';
import { DATA_DIR, LOOK_DETAILS, lookAt } from '../instance.ts';
import { numberOption } from '../places.ts';
import { snapshotLines } from '../snapshot-text.ts';
import type { Colour, Style } from '../style.ts';
import { healthOf, isHealthy, untilHealthy } from '../until-healthy.ts';

export const status: AnswerCommand = {
  kind: 'answer',
  name: 'status',
  summary: 'show health, lag and problems of every source, stage and sink',
  arguments: '[path]',
  details: `${LOOK_DETAILS} The path is that of the
project (default: the working directory), whose tailrace.yaml names the data directory.
Exit code 4 when a source or sink has failed or has a gap; with --exit-when-healthy when one is not at work in time, or no
instance is.`,
  options: {
    'exit-when-healthy': { type: 'boolean', summary: 'wait until every source and sink is at work' },
    timeout: { type: 'string', value: 'SECONDS', summary: 'for so long at most (60)' },
    ...DATA_DIR,
  },
  maxWords: 1,
  async run(context) {
    const [project] = context.words;
    const named = project === undefined ? context : { ...context, options: { ...context.options, project } };
    const look = () => lookAt(named, '/status', (offline, instance) => offline.status(instance));
    const waits = context.options['exit-when-healthy'] === true;
    const found = waits ? await untilHealthy(look, (numberOption(context, 'timeout') ?? 60) * 1_000) : await look();
    const broken = tasksOf(found).some(({ state }) => state === 'failed' || state === 'gap');
    const isOk = waits ? isHealthy(healthOf(found)) : !broken;
    return {
      exitCode: isOk ? 0 : 4,
      summary: isOk ? `${found.instance} ${found.running ? 'is running' : 'is stopped'}` : 'not healthy',
      result: found,
      text: (style) => statusText(found, Date.now(), style),
    };
  },
};

type TaskStatus = SourceStatus | StageStatus | SinkStatus;

function tasksOf({ pipelines }: InstanceStatus): TaskStatus[] {
  return pipelines.flatMap(({ sources, stage, sinks }) => [...sources, ...(stage ? [stage] : []), ...sinks]);
}

function statusText(found: InstanceStatus, now: number, style: Style): string {
  const since = found.startedMs === null ? '' : ` for ${duration(now - found.startedMs)}`;
  const head = found.running ? `running${since} (pid ${found.pid})` : 'stopped';
  const pipelines = found.pipelines.map(({ name, sources, stage, sinks }) => {
    const rows = [
      ...sources.map((source) => ['source', source.name, source.type, source.state, ...sourceCells(source, now)]),
      ...(stage ? [['stage', name, '', stage.state, ...stageCells(stage)]] : []),
      ...sinks.map((sink) => ['sink', sink.name, sink.type, sink.state, ...sinkCells(sink, now)]),
    ];
    return withProblems(`${printable(name)}\n`, rows, [...sources, ...(stage ? [stage] : []), ...sinks], style);
  });
  return `${style.paint('bold', printable(found.instance))}  ${head}\n${pipelines.join('')}`;
}

/** Each row of the table, with the task's problem below it. */
function withProblems(
  head: string,
  rows: readonly (readonly string[])[],
  tasks: readonly TaskStatus[],
  style: Style,
): string {
  const lines = table(rows, 2).split('\n');
  const blocks = tasks.map(({ state, problem }, i) => {
    const line = lines[i]!.replace(` ${state}`, () => ` ${style.paint(COLOURS[state] ?? 'dim', state)}`);
    const wrong = problem === null ? '' : problemText(style.signs.problem, problem.code, problem, style);
    return `${line}\n${upstreamText(tasks[i]!, style)}${wrong}`;
  });
  return `${head}${blocks.join('')}`;
}

/** What a source is reading, and what will become a problem. */
function upstreamText(task: TaskStatus, style: Style): string {
  if (!('upstream' in task) || task.upstream === undefined) return '';
  const { snapshots, warnings } = task.upstream;
  const warned = warnings.map((one) => problemText(style.signs.warning, 'warning', one, style));
  return `${snapshotLines(snapshots, style, 4)}${warned.join('')}`;
}

function problemText(
  sign: string,
  code: string,
  { message, remedy }: { readonly message: string; readonly remedy: string | null },
  { signs }: Style,
): string {
  const next = remedy === null ? '' : `      ${signs.arrow} ${printable(remedy)}\n`;
  return `    ${sign} ${code}  ${printable(message)}\n${next}`;
}

const COLOURS: Readonly<Partial<Record<TaskState, Colour>>> = {
  streaming: 'green',
  running: 'green',
  snapshot: 'cyan',
  starting: 'cyan',
  retrying: 'yellow',
  paused: 'yellow',
  failed: 'red',
  gap: 'red',
};

function sourceCells({ rows, transactions, lastCommitMs }: SourceStatus, now: number): string[] {
  const last = lastCommitMs === null ? '' : `last commit ${duration(now - lastCommitMs)} ago`;
  return [counted(rows, 'row'), counted(transactions, 'transaction'), last];
}

function stageCells({ records, lagRecords, lagMs }: StageStatus): string[] {
  return [counted(records, 'record'), lagText(lagRecords, lagMs)];
}

function lagText(records: number, ms: number): string {
  return records === 0 ? 'no lag' : `${count(records)} behind${ms > 0 ? `, ${duration(ms)}` : ''}`;
}

function sinkCells(sink: SinkStatus, now: number): string[] {
  const { records, lagRecords, lagMs, deadLetters, replay, notYetTransactional, verified } = sink;
  const replayed = replay === undefined ? '' : `replay ${replay.percent} %`;
  const letters = deadLetters === 0 ? '' : counted(deadLetters, 'dead letter');
  const notes = [
    ...(replayed === '' ? [] : [replayed]),
    ...(notYetTransactional ? ['not yet transactional'] : []),
    ...(verified === undefined ? [] : [verifiedText(verified, now)]),
  ];
  return [counted(records, 'record'), lagText(lagRecords, lagMs), letters, ...notes];
}

/** `verified 99.98 % within 6h`: all rows have been compared since then, and so many were equal. */
function verifiedText({ percent, sinceMs, problem }: VerifiedStatus, now: number): string {
  const found = percent === null ? 'not yet verified' : `verified ${percent} % within ${duration(now - sinceMs!)}`;
  return problem === null ? found : `${found} (${problem.code})`;
}
