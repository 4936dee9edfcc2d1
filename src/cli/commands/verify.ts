import { setTimeout as sleep } from 'node:timers/promises';
import { toldError } from '../../contracts/errors.ts';
import type { Difference, VerificationStatus } from '../../contracts/verification.ts';
import { printable } from '../../lib/printable.ts';
import type { AnswerCommand, CommandContext, Outcome } from '../command.ts';
import { count, counted, duration, table } from '../format.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { numberOption, textOption, wordOf } from '../places.ts';
import type { Style } from '../style.ts';

const POLL_MS = 250;
const SHOWN = 100;

interface Details {
  readonly status: VerificationStatus;
  readonly differences: readonly Difference[];
}

export const verify: AnswerCommand = {
  kind: 'answer',
  name: 'verify',
  summary: 'compare a sink with its source while both change',
  arguments: 'PIPELINE[/SINK]',
  details: `Every row of the source, with the rules applied, is held against what the target has of it, and every row of the target is
looked up at the source. What looks different is looked at again at a common position, which the log tells: only differences that
are real are shown, by table and key, with the columns that differ. Nothing is stopped. ${CHANGE_DETAILS}

--repair reads those rows again at the source and writes them to the log with fresh versions; rows that the source does not have
become deletes. Ctrl-C cancels; --resume goes on where the last one of this sink was broken off.

Exit code 0: equal (or everything repaired); 4: there are differences; 3: some rows changed too often to be compared.`,
  options: {
    repair: { type: 'boolean', summary: 'repair the rows that differ, through the log' },
    tables: { type: 'string', value: 'A,B', summary: 'only these tables, as schema.table' },
    rate: { type: 'string', value: 'N', summary: 'read at most N rows a second' },
    resume: { type: 'boolean', summary: 'go on where it was broken off' },
    cancel: { type: 'boolean', summary: 'end what is under way, and nothing else' },
    ...INSTANCE_OPTIONS,
  },
  maxWords: 1,
  run: (context) => (context.options.cancel === true ? cancel(context) : compare(context)),
};

async function compare(context: CommandContext): Promise<Outcome> {
  const { pipeline, sink } = placeIn(context);
  const { options } = context;
  const body = {
    pipeline,
    sink,
    tables: textOption(context, 'tables')?.split(',') ?? null,
    rate: numberOption(context, 'rate') ?? null,
    repair: options.repair === true,
    resume: options.resume === true,
  };
  const begun = await call<readonly VerificationStatus[]>(context, { method: 'POST', path: '/verifications', body });
  const release = context.io.onSignal(() => void remove(context, pipeline).catch(() => {}));
  try {
    const found: Details[] = [];
    for (const one of begun) found.push(await ended(context, one));
    return outcomeOf(found);
  } finally {
    release();
  }
}

async function cancel(context: CommandContext): Promise<Outcome> {
  const { pipeline } = placeIn(context);
  const { cancelled } = await remove(context, pipeline);
  const summary = cancelled ? 'cancelled' : 'nothing was under way';
  return { exitCode: cancelled ? 0 : 3, summary, result: { cancelled }, text: () => `${summary}\n` };
}

function remove(context: CommandContext, pipeline: string): Promise<{ cancelled: boolean }> {
  return call(context, { method: 'DELETE', path: `/verifications/${encodeURIComponent(pipeline)}` });
}

function placeIn(context: CommandContext): { pipeline: string; sink: string | null } {
  const [pipeline = '', sink = null] = wordOf(context, 'verify', 'a pipeline').split('/');
  return { pipeline, sink };
}

async function ended(context: CommandContext, { pipeline, sink }: VerificationStatus): Promise<Details> {
  const path = `/verifications/${encodeURIComponent(pipeline)}/${encodeURIComponent(sink)}`;
  for (const { stderr } = context.io; ; await sleep(POLL_MS)) {
    const details = await call<Details>(context, { method: 'GET', path });
    const isRunning = details.status.state === 'running';
    if (stderr.isTty) stderr.write(isRunning ? `\r\u001b[K${progressText(details.status)}` : '\r\u001b[K');
    if (!isRunning) return details;
  }
}

function progressText({ sink, rows, percent, etaSeconds }: VerificationStatus): string {
  const share = percent === null ? '' : `  ${percent} %`;
  const left = etaSeconds === null ? '' : `  ${duration(etaSeconds * 1_000)} left`;
  return `${printable(sink)}  ${counted(rows, 'row')}${share}${left}`;
}

function outcomeOf(found: readonly Details[]): Outcome {
  const problem = found.find(({ status }) => status.problem !== null)?.status.problem;
  if (problem != null) throw toldError(problem, 'check.failed');
  const sum = (of: (status: VerificationStatus) => number) => found.reduce((all, { status }) => all + of(status), 0);
  const differing = sum(({ counts }) => counts.missing + counts.different + counts.extra);
  const repaired = sum((status) => status.repaired);
  const unsettled = sum((status) => status.unsettled);
  const isCancelled = found.some(({ status }) => status.state === 'cancelled');
  const isEqual = differing === repaired;
  const summary = isCancelled
    ? 'cancelled'
    : isEqual
      ? unsettled > 0
        ? `${counted(unsettled, 'row')} changed too often to be compared`
        : 'equal'
      : counted(differing - repaired, 'difference');
  const exitCode = isEqual ? (isCancelled || unsettled > 0 ? 3 : 0) : 4;
  return { exitCode, summary, result: found, text: (style) => found.map((one) => detailsText(one, style)).join('') };
}

function detailsText({ status, differences }: Details, style: Style): string {
  const { counts, repaired, unsettled, notes, rows, pipeline, sink, state, startedMs, endedMs } = status;
  const differing = counts.missing + counts.different + counts.extra;
  const isEqual = differing === repaired;
  const sign = isEqual ? style.paint('green', style.signs.ok) : style.paint('red', style.signs.problem);
  const took = endedMs === null ? '' : ` in ${duration(endedMs - startedMs)}`;
  const kinds = `${count(counts.missing)} missing, ${count(counts.different)} different, ${count(counts.extra)} extra`;
  const found = differing === 0 ? 'equal' : kinds;
  const mended = repaired === 0 ? '' : `; ${count(repaired)} repaired`;
  const end = state === 'cancelled' ? '; cancelled' : '';
  const head = `${sign} ${printable(`${pipeline}/${sink}`)}  ${found}${mended}${end}  (${counted(rows, 'row')} read${took})\n`;
  const lines = differences
    .slice(0, SHOWN)
    .map((one) => [one.kind, one.table, one.key, one.columns.join(', ')].map(printable));
  const list = lines.length === 0 ? '' : table(lines, 2);
  const more = differing > lines.length ? `  … ${count(differing - lines.length)} more\n` : '';
  const undecided =
    unsettled === 0 ? [] : [`${counted(unsettled, 'row')} changed too often to be compared; verify again`];
  return `${head}${list}${more}${[...undecided, ...notes].map((note) => `  ${style.signs.warning} ${printable(note)}\n`).join('')}`;
}
