import { errorWords, exitCodeOf, TailraceError } from '../../contracts/errors.ts';
import type { ReadFrom, ReadRequest, ReadUntil, ShownRecord } from '../../contracts/operations.ts';
import { printable } from '../../lib/printable.ts';
import type { CommandContext, RunningCommand } from '../command.ts';
import { counted } from '../format.ts';
import { INSTANCE_OPTIONS, LOOK_DETAILS, lookAtLines } from '../instance.ts';
import { numberOption, partitionsOption, placeOf, TIME_WORDS, textOption, wordOf } from '../places.ts';
import { FORMAT_WORDS, recordFormat } from '../record-format.ts';

export const topicsRead: RunningCommand = {
  kind: 'running',
  name: 'topics read',
  summary: 'read records from any place to any other',
  arguments: 'TOPIC',
  details: `Reads each partition from its beginning to the end that it has now, one after the other; with --follow then what comes. ${LOOK_DETAILS}

${TIME_WORDS}

${FORMAT_WORDS}`,
  options: {
    from: { type: 'string', value: 'PLACE', summary: 'an offset or time to begin at, or earliest, latest' },
    until: { type: 'string', value: 'PLACE', summary: 'an offset or time to end before' },
    last: { type: 'string', value: 'N', summary: 'only the last N records of each partition' },
    partition: { type: 'string', value: 'N,…', summary: 'only these partitions' },
    key: { type: 'string', value: 'KEY', summary: 'only records with this key' },
    limit: { type: 'string', short: 'n', value: 'N', summary: 'at most N records' },
    follow: { type: 'boolean', summary: 'go on with what is written, until stopped' },
    format: { type: 'string', short: 'f', value: 'FORMAT', summary: 'how a record is shown' },
    ...INSTANCE_OPTIONS,
  },
  maxWords: 1,
  async run(context) {
    const { io, options } = context;
    if (options.json === true) return readAsJson(context);
    const request = requestOf(context);
    const format = recordFormat(textOption(context, 'format'));
    // Control characters of a record are not for a terminal.
    const shown = io.stdout.isTty
      ? (text: string) => text.split('\n').map(printable).join('\n')
      : (text: string) => text;
    let isRead = true;
    io.onOutputClosed(() => {
      isRead = false;
    });
    for await (const list of await recordsOf(context, request)) {
      io.stdout.write(shown(list.map((record) => format(record, request.topic)).join('')));
      await io.stdout.drained();
      if (!isRead) break;
    }
    return 0;
  },
};

/** The one envelope of every command, written as the records come: `result` is the list of them. */
async function readAsJson(context: CommandContext): Promise<number> {
  const { stdout } = context.io;
  stdout.write('{"command":"topics read","result":[');
  let count = 0;
  let error: unknown = null;
  let exitCode = 0;
  try {
    for await (const list of await recordsOf(context, requestOf(context))) {
      stdout.write(list.map((record) => `${count++ === 0 ? '' : ','}\n${JSON.stringify(record)}`).join(''));
      await stdout.drained();
    }
  } catch (cause) {
    error = errorWords(cause);
    exitCode = exitCodeOf(cause);
  }
  const summary = counted(count, 'record');
  stdout.write(`],"ok":${error === null},"summary":${JSON.stringify(summary)},"error":${JSON.stringify(error)}}\n`);
  return exitCode;
}

function recordsOf(context: CommandContext, request: ReadRequest): Promise<AsyncIterable<readonly ShownRecord[]>> {
  const { from, until, partitions, key, limit, follow } = request;
  const query = new URLSearchParams({ from: fromText(from) });
  if (until !== null) query.set('until', untilText(until));
  if (partitions !== null) query.set('partition', partitions.join(','));
  if (key !== null) query.set('key', key);
  if (limit !== null) query.set('limit', String(limit));
  if (follow) query.set('follow', '1');
  const path = `/topics/${encodeURIComponent(request.topic)}/records?${query}`;
  return lookAtLines(context, path, ({ topics }) => topics.read(request));
}

function requestOf(context: CommandContext): ReadRequest {
  const until = textOption(context, 'until');
  const follow = context.options.follow === true;
  if (follow && until !== undefined) {
    throw new TailraceError('cli.usage', '--follow has no end, --until has one', { remedy: 'leave one of them out' });
  }
  return {
    topic: wordOf(context, 'topics read', 'topic'),
    partitions: partitionsOption(context),
    from: fromOf(context),
    until: until === undefined ? null : placeOf('until', until, Date.now()),
    key: textOption(context, 'key') ?? null,
    limit: numberOption(context, 'limit') ?? null,
    follow,
  };
}

function fromOf(context: CommandContext): ReadFrom {
  const last = numberOption(context, 'last');
  if (last !== undefined) return { at: 'last', count: last };
  const from = textOption(context, 'from') ?? 'earliest';
  if (from === 'earliest') return { at: 'start' };
  return from === 'latest' ? { at: 'end' } : placeOf('from', from, Date.now());
}

function fromText(from: ReadFrom): string {
  if (from.at === 'start' || from.at === 'end') return from.at;
  if (from.at === 'last') return `last:${from.count}`;
  return untilText(from);
}

function untilText(until: ReadUntil): string {
  return until.at === 'offset' ? `offset:${until.offset}` : `time:${until.ms}`;
}
