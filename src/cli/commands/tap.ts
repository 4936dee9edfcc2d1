import { TailraceError } from '../../contracts/errors.ts';
import type { ShownError, Tapped } from '../../contracts/inspect.ts';
import { printable } from '../../lib/printable.ts';
import { changeText, clockText } from '../change-text.ts';
import type { CommandContext, RunningCommand } from '../command.ts';
import { eventsOf, INSTANCE_OPTIONS } from '../instance.ts';
import { numberOption, textOption } from '../places.ts';
import { type Style, styleOf } from '../style.ts';

export const tap: RunningCommand = {
  kind: 'running',
  name: 'tap',
  summary: 'show changes as they pass an edge of a pipeline, live',
  arguments: 'PIPELINE[/SINK]',
  details: `Of a pipeline: what stands in the log, after the steps of its source. Of a sink: what it gets, after the steps of the pipeline
and its own; with --step what comes into that step and what it makes of it (tailrace graph numbers them). Nothing of it is
written anywhere, and the sinks do not notice. Until stopped, or until --limit. With --json one object a line, columns with
all their digits.`,
  options: {
    step: { type: 'string', value: 'N', summary: 'before and after this step on the way to the sink' },
    table: { type: 'string', value: 'TABLE', summary: 'only this table' },
    key: { type: 'string', value: 'KEY', summary: 'only this row: values of its key columns, with commas' },
    last: { type: 'string', value: 'N', summary: 'first the last N changes of each table that are there already' },
    limit: { type: 'string', short: 'n', value: 'N', summary: 'end after N changes' },
    ...INSTANCE_OPTIONS,
  },
  maxWords: 1,
  async run(context) {
    const { io, options } = context;
    const limit = numberOption(context, 'limit') ?? Number.POSITIVE_INFINITY;
    const style = styleOf(io.stdout, io.env);
    const ended = new AbortController();
    io.onOutputClosed(() => ended.abort());
    const release = io.onSignal(() => ended.abort());
    let count = 0;
    try {
      for await (const change of await eventsOf<Tapped>(context, pathOf(context), ended.signal)) {
        io.stdout.write(options.json === true ? `${JSON.stringify(change)}\n` : tappedText(change, style));
        await io.stdout.drained();
        if (++count >= limit) break;
      }
      return 0;
    } finally {
      release();
    }
  },
};

function pathOf(context: CommandContext): string {
  const [where = ''] = context.words;
  const [pipeline = '', sink, ...more] = where.split('/');
  if (pipeline === '' || sink === '' || more.length > 0) {
    throw new TailraceError('cli.usage', 'tailrace tap needs a pipeline, or a sink as PIPELINE/SINK', {
      remedy: 'tailrace status lists them',
    });
  }
  const query = new URLSearchParams(sink === undefined ? {} : { sink });
  for (const name of ['step', 'last'] as const) {
    const number = numberOption(context, name);
    if (number !== undefined) query.set(name, String(number));
  }
  for (const name of ['table', 'key'] as const) {
    const text = textOption(context, name);
    if (text !== undefined) query.set(name, text);
  }
  return `/pipelines/${encodeURIComponent(pipeline)}/tap?${query}`;
}

function tappedText({ timestamp, topic, offset, change, results, error }: Tapped, style: Style): string {
  const time = style.paint('dim', clockText(timestamp));
  const what = change === null ? `${printable(topic)} offset ${offset}` : changeText(change, style);
  const made = results?.map((result) => `              ${style.signs.arrow} ${changeText(result, style)}\n`) ?? [];
  const lines = results?.length === 0 ? ['              no change goes on\n'] : made;
  return `${time}  ${what}\n${lines.join('')}${error === null ? '' : shownErrorText(error, style)}`;
}

export function shownErrorText({ code, message, remedy }: ShownError, { paint, signs }: Style): string {
  const next = remedy === null ? '' : `                ${signs.arrow} ${printable(remedy)}\n`;
  return `              ${paint('red', signs.problem)} ${code}  ${printable(message)}\n${next}`;
}
