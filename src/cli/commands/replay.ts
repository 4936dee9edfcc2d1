import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceStatus } from '../../contracts/control.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { ReplayPlace, ReplayPlan, ReplayProgress } from '../../contracts/replay.ts';
import { printable } from '../../lib/printable.ts';
import type { AnswerCommand, CommandContext, Outcome } from '../command.ts';
import { CONFIRM_OPTIONS, confirmed } from '../confirm.ts';
import { count, counted, duration, table } from '../format.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { numberOption, oneSink, TIME_WORDS, textOption, timeOf } from '../places.ts';

const POLL_MS = 250;

export const replay: AnswerCommand = {
  kind: 'answer',
  name: 'replay',
  summary: 'send what the log has to a sink once more',
  arguments: 'PIPELINE/SINK',
  details: `Reads the log again from a place on, through the rules as they are now, and then goes on where the sink was. Rows
that are newer in the target stay: of every row the last state wins, whatever the order. A target that keeps every change gets
them again. ${CHANGE_DETAILS}

--from is start, an offset, a time, or a commit position of the source. ${TIME_WORDS} An offset needs a sink of one table, or --tables.

It goes on over restarts, and after Ctrl-C too; --wait waits for its end, --cancel ends it.`,
  options: {
    from: { type: 'string', value: 'PLACE', summary: 'where to begin' },
    to: { type: 'string', value: 'PLACE', summary: 'where to end; without it where the sink stands' },
    tables: { type: 'string', value: 'A,B', summary: 'only these tables' },
    rate: { type: 'string', value: 'N', summary: 'at most N records a second' },
    wait: { type: 'boolean', summary: 'wait for the end' },
    cancel: { type: 'boolean', summary: 'end what is under way, and nothing else' },
    ...CONFIRM_OPTIONS,
    ...INSTANCE_OPTIONS,
  },
  maxWords: 1,
  run: (context) => (context.options.cancel === true ? cancel(context) : begin(context)),
};

async function begin(context: CommandContext): Promise<Outcome> {
  const { pipeline, sink, path } = oneSink(context, 'replay');
  const from = textOption(context, 'from');
  if (from === undefined) {
    throw new TailraceError('cli.usage', '--from is needed', {
      remedy: 'write --from start, --from 2h, --from 2026-11-24T12:00:00Z, --from OFFSET or --from POSITION',
    });
  }
  const to = textOption(context, 'to');
  const body = {
    from: placeOf('from', from),
    to: to === undefined ? null : placeOf('to', to),
    tables: textOption(context, 'tables')?.split(',') ?? null,
    rate: numberOption(context, 'rate') ?? null,
  };
  const plan = await call<ReplayPlan>(context, { method: 'POST', path: `${path}/replay/plan`, body });
  const preview = planText(plan);
  const isDone = await confirmed(
    context,
    preview,
    `Send ${counted(plan.records, 'record')} to ${pipeline}/${sink} again?`,
  );
  const begun = isDone ? await call<ReplayPlan>(context, { method: 'POST', path: `${path}/replay`, body }) : plan;
  const isOver = isDone && context.options.wait === true && (await ended(context, pipeline, sink));
  const verb = isOver ? 'sent' : isDone ? 'sending' : 'would send';
  const summary = `${verb} ${counted(begun.records, 'record')} to ${pipeline}/${sink} again`;
  return { exitCode: 0, summary, result: { begun: isDone, plan: begun }, text: () => `${planText(begun)}${summary}\n` };
}

async function cancel(context: CommandContext): Promise<Outcome> {
  const { path } = oneSink(context, 'replay');
  const result = await call<{ readonly cancelled: boolean }>(context, { method: 'DELETE', path: `${path}/replay` });
  const summary = result.cancelled ? 'cancelled; the sink goes on where it was' : 'nothing was under way';
  return { exitCode: result.cancelled ? 0 : 3, summary, result, text: () => `${summary}\n` };
}

/** `start`, an offset, a time, and what is none of them: a position of the source. */
function placeOf(option: string, text: string): ReplayPlace {
  if (text === 'start' || text === 'earliest') return { at: 'start' };
  if (/^\d{1,19}$/.test(text)) return { at: 'offset', offset: text };
  try {
    return { at: 'time', ms: timeOf(option, text, Date.now()) };
  } catch {
    return { at: 'position', position: text };
  }
}

/** Ctrl-C ends the waiting, not the replay. True: it is over. */
async function ended(context: CommandContext, pipeline: string, sink: string): Promise<boolean> {
  let isWaiting = true;
  const release = context.io.onSignal(() => {
    isWaiting = false;
  });
  const { stderr } = context.io;
  try {
    for (; isWaiting; await sleep(POLL_MS)) {
      const status = await call<InstanceStatus>(context, { method: 'GET', path: '/status' });
      const found = status.pipelines.find(({ name }) => name === pipeline)?.sinks.find(({ name }) => name === sink);
      if (stderr.isTty)
        stderr.write(`\r\u001b[K${found?.replay === undefined ? '' : progressText(sink, found.replay)}`);
      if (found?.replay === undefined) return true;
      if (found.problem !== null && found.state !== 'retrying') {
        throw new TailraceError('check.failed', `${pipeline}/${sink} has stopped: ${found.problem.message}`, {
          remedy: found.problem.remedy ?? 'tailrace status says why; the replay goes on when the sink does',
        });
      }
    }
    return false;
  } finally {
    release();
  }
}

export function progressText(sink: string, { done, total, percent, etaSeconds }: ReplayProgress): string {
  const left = etaSeconds === null ? '' : `  ${duration(etaSeconds * 1_000)} left`;
  return `${printable(sink)}  ${count(done)} of ${counted(total, 'record')}  ${percent} %${left}`;
}

function planText({ ranges, notes }: ReplayPlan): string {
  const rows = ranges.map(({ topic, from, until }) => [topic, from, until, count(BigInt(until) - BigInt(from))]);
  return `${table([['topic', 'from', 'until', 'records'], ...rows])}${notes.map((note) => `! ${printable(note)}\n`).join('')}`;
}
