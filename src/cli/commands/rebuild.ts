import { setTimeout as sleep } from 'node:timers/promises';
import { toldError } from '../../contracts/errors.ts';
import type { SinkJob } from '../../contracts/replay.ts';
import { printable } from '../../lib/printable.ts';
import type { AnswerCommand, CommandContext, Outcome } from '../command.ts';
import { CONFIRM_OPTIONS, confirmed } from '../confirm.ts';
import { duration } from '../format.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { oneSink } from '../places.ts';
import { progressText } from './replay.ts';

const POLL_MS = 250;

export const rebuild: AnswerCommand = {
  kind: 'answer',
  name: 'rebuild',
  summary: 'build the target of a sink anew beside the old one, verify and swap',
  arguments: 'PIPELINE/SINK',
  details: `Fills a second target from the log, with the rules as they are now, while the old one goes on. When it has caught up it
is compared with the source, the last records are waited for, and it takes the old one's place at once; the old one is kept under
another name. Nothing is read at the source but for the comparison. ${CHANGE_DETAILS}

It goes on after Ctrl-C and over restarts; --cancel ends it and removes what was built. Of PostgreSQL and SQLite.

Exit code 4: the new target differs from the source; the old one stays.`,
  options: {
    'no-verify': { type: 'boolean', summary: 'do not compare it with the source' },
    'no-wait': { type: 'boolean', summary: 'do not wait for the end' },
    cancel: { type: 'boolean', summary: 'end what is under way, and nothing else' },
    ...CONFIRM_OPTIONS,
    ...INSTANCE_OPTIONS,
  },
  maxWords: 1,
  run: (context) => (context.options.cancel === true ? cancel(context) : begin(context)),
};

async function begin(context: CommandContext): Promise<Outcome> {
  const { pipeline, sink, path } = oneSink(context, 'rebuild');
  const name = `${pipeline}/${sink}`;
  const { options } = context;
  const preview = `The target of ${name} is built anew beside the old one, which it replaces when it is complete.\n`;
  if (!(await confirmed(context, preview, `Rebuild ${name}?`))) {
    return { exitCode: 0, summary: `would rebuild ${name}`, result: null, text: () => preview };
  }
  const body = { verify: options['no-verify'] !== true };
  const begun = await call<SinkJob>(context, { method: 'POST', path: `${path}/rebuild`, body });
  const job = options['no-wait'] === true ? begun : await ended(context, begun);
  if (job.problem !== null) {
    throw toldError(job.problem, 'internal.bug');
  }
  const took = job.endedMs === null ? '' : ` in ${duration(job.endedMs - job.startedMs)}`;
  const words = {
    running: `rebuilding ${name}`,
    done: `rebuilt ${name}${took}`,
    cancelled: 'cancelled',
    failed: 'failed',
  };
  const summary = words[job.state];
  const exitCode = job.state === 'cancelled' ? 3 : 0;
  const notes = job.notes.map((note) => `  ${printable(note)}\n`).join('');
  return { exitCode, summary, result: job, text: () => `${summary}\n${notes}` };
}

async function cancel(context: CommandContext): Promise<Outcome> {
  const { path } = oneSink(context, 'rebuild');
  const result = await call<{ readonly cancelled: boolean }>(context, { method: 'DELETE', path: `${path}/rebuild` });
  const summary = result.cancelled
    ? 'cancelled; the target stays as it is'
    : 'nothing was under way that can be cancelled';
  return { exitCode: result.cancelled ? 0 : 3, summary, result, text: () => `${summary}\n` };
}

/** As it is when it is over, or when Ctrl-C has ended the waiting. */
async function ended(context: CommandContext, begun: SinkJob): Promise<SinkJob> {
  let isWaiting = true;
  const release = context.io.onSignal(() => {
    isWaiting = false;
  });
  const { stderr } = context.io;
  try {
    for (let job = begun; ; await sleep(POLL_MS)) {
      const all = await call<readonly SinkJob[]>(context, { method: 'GET', path: '/jobs' });
      job = all.find(({ pipeline, sink }) => pipeline === begun.pipeline && sink === begun.sink) ?? job;
      const isOver = job.state !== 'running' || !isWaiting;
      if (stderr.isTty) stderr.write(`\r\u001b[K${isOver ? '' : lineOf(job)}`);
      if (isOver) return job;
    }
  } finally {
    release();
  }
}

function lineOf({ sink, step, progress }: SinkJob): string {
  return progress === null ? `${printable(sink)}  ${step}` : `${progressText(sink, progress)}  ${step}`;
}
