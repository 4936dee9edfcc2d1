import { TailraceError } from '../../contracts/errors.ts';
import type { LogLine } from '../../contracts/log-lines.ts';
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import type { CommandContext, RunningCommand } from '../command.ts';
import { CHANGE_DETAILS, eventsOf, INSTANCE_OPTIONS } from '../instance.ts';
import { plainLine, terminalLine } from '../log-lines.ts';
import { textOption } from '../places.ts';
import { styleOf } from '../style.ts';

const LEVELS = ['info', 'warn', 'error'];

export const logs: RunningCommand = {
  kind: 'running',
  name: 'logs',
  summary: 'show the last lines of the log of a running instance',
  arguments: '[PIPELINE]',
  details: `Of a pipeline: its own, those of its sources and of its sinks. The instance keeps its last 2,000 lines. With --json one object
a line. ${CHANGE_DETAILS} Nothing is changed.`,
  options: {
    follow: { type: 'boolean', short: 'f', summary: 'go on with the lines that come, until stopped' },
    level: { type: 'string', value: 'LEVEL', summary: 'only this level and those above: info, warn, error' },
    ...INSTANCE_OPTIONS,
  },
  maxWords: 1,
  async run(context) {
    const { io, options } = context;
    const style = styleOf(io.stdout, io.env);
    const ended = new AbortController();
    io.onOutputClosed(() => ended.abort());
    const release = io.onSignal(() => ended.abort());
    try {
      for await (const line of await eventsOf<LogLine>(context, pathOf(context), ended.signal)) {
        const shown = io.stdout.isTty ? terminalLine(line, style) : plainLine(line);
        io.stdout.write(options.json === true ? `${jsonText(line)}\n` : shown);
        await io.stdout.drained();
      }
      return 0;
    } finally {
      release();
    }
  },
};

/** As `tailrace run` writes a line into a file. */
function jsonText({ time, level, message, fields }: LogLine): string {
  return JSON.stringify({ ...fields, time: new Date(time).toISOString(), level, message });
}

function pathOf(context: CommandContext): string {
  const level = textOption(context, 'level') ?? 'info';
  if (!LEVELS.includes(level)) {
    throw new TailraceError('cli.usage', `there is no level ${quoted(level)}`, {
      remedy: didYouMean(level, LEVELS) ?? `it is one of: ${LEVELS.join(', ')}`,
    });
  }
  const query = new URLSearchParams({ level });
  if (context.options.follow === true) query.set('follow', '1');
  if (context.words[0] !== undefined) query.set('pipeline', context.words[0]);
  return `/logs?${query}`;
}
