/** Dead letters for people, and the options that choose some of them. */
import {
  DEAD_LETTER_STATES,
  type DeadLetterFilter,
  type DeadLetterList,
  type DeadLetterRecord,
  type DeadLetterState,
  type RetryReport,
} from '../contracts/dead-letters.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { ShownBytes } from '../contracts/operations.ts';
import { printable, quoted } from '../lib/printable.ts';
import type { CommandContext, Option } from './command.ts';
import { count, counted, duration, table } from './format.ts';
import { numberOption, textOption, timeOf } from './places.ts';

export const FILTER_OPTIONS: Readonly<Record<string, Option>> = {
  cause: { type: 'string', value: 'CAUSE', summary: 'only those of this group' },
  code: { type: 'string', value: 'CODE', summary: 'only those with this error' },
  topic: { type: 'string', value: 'TOPIC', summary: 'only records of this topic' },
  since: { type: 'string', value: 'TIME', summary: 'only those first refused then or later' },
  limit: { type: 'string', short: 'n', value: 'N', summary: 'only the oldest N' },
};

export interface DeadLetterPlace {
  readonly pipeline: string;
  readonly filter: DeadLetterFilter;
}

/** Words: one PIPELINE, PIPELINE/SINK, or ids. Throws `cli.usage`. */
export function deadLetterPlace(context: CommandContext, command: string): DeadLetterPlace {
  const [first] = context.words;
  if (first === undefined || first === '') {
    throw new TailraceError(
      'cli.usage',
      `tailrace ${command} needs a pipeline, pipeline/sink or the id of a dead letter`,
      {
        remedy: '`tailrace status` lists pipelines and sinks, `tailrace dlq ls PIPELINE` its dead letters',
      },
    );
  }
  const [pipeline = '', sink, record] = first.split('/');
  const ids = record === undefined ? {} : { ids: context.words };
  if (record === undefined && context.words.length > 1) {
    throw new TailraceError('cli.usage', `${quoted(context.words[1]!)} is one word too many`, {
      remedy: 'name one pipeline or sink, or several ids of dead letters',
    });
  }
  return { pipeline, filter: { ...(sink === undefined ? {} : { sink }), ...ids, ...filterOptions(context) } };
}

function filterOptions(context: CommandContext): DeadLetterFilter {
  const since = textOption(context, 'since');
  const limit = numberOption(context, 'limit');
  const texts = ['cause', 'code', 'topic'].flatMap((name) => {
    const value = textOption(context, name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(texts),
    ...(since === undefined ? {} : { sinceMs: timeOf('since', since, Date.now()) }),
    ...(limit === undefined ? {} : { limit }),
  };
}

/** `open,held` or `all`. */
export function statesOption(context: CommandContext): readonly DeadLetterState[] | undefined {
  const text = textOption(context, 'state');
  if (text === undefined) return undefined;
  if (text === 'all') return DEAD_LETTER_STATES;
  const states = text.split(',');
  const wrong = states.find((state) => !(DEAD_LETTER_STATES as readonly string[]).includes(state));
  if (wrong === undefined) return states as DeadLetterState[];
  throw new TailraceError('cli.usage', `--state: ${quoted(wrong)} is no state of a dead letter`, {
    remedy: `write all, or some of ${DEAD_LETTER_STATES.join(',')}`,
  });
}

/** The conditions of a list, as a query. */
export function queryOf(filter: DeadLetterFilter): string {
  const { ids: _, ...conditions } = filter;
  const texts = Object.entries(conditions).map(([name, value]) => [name, String(value)] as const);
  return new URLSearchParams(Object.fromEntries(texts)).toString();
}

/** A path of the API for one letter. */
export function letterPath(id: string): string {
  const [pipeline = '', sink = '', ...record] = id.split('/');
  return `/dead-letters/${[pipeline, sink, record.join('/')].map(encodeURIComponent).join('/')}`;
}

export function listText({ total, groups, letters }: DeadLetterList, now: number): string {
  if (total === 0) return 'no dead letters\n';
  const rows = groups.map(({ cause, count: size, sink, topic, code, message, firstMs, lastMs }) => [
    cause,
    count(size),
    sink,
    topic,
    code,
    message,
    `${duration(now - firstMs)} ago`,
    `${duration(now - lastMs)} ago`,
  ]);
  const heads = ['cause', 'count', 'sink', 'topic', 'error', 'what', 'first', 'last'];
  const list = letters.map(({ id, state, attempts, isEdited, cause }) => [
    id,
    state,
    cause,
    attempts > 1 ? counted(attempts, 'attempt') : '',
    isEdited ? 'edited' : '',
  ]);
  const rest = total > letters.length ? `… ${count(total - letters.length)} more\n` : '';
  return `${table([heads, ...rows])}\n${table(list)}${rest}`;
}

export function letterText(letter: DeadLetterRecord): string {
  const { id, state, code, message, step, detail, attempts, topic, partition, offset, version, edited } = letter;
  const iso = (ms: number) => new Date(ms).toISOString();
  const lines = [
    ['state', `${state}, ${counted(attempts, 'attempt')}`],
    ['record', `${topic}[${partition}] offset ${offset}, ${iso(letter.timestamp)}`],
    ['version', version ?? 'unknown'],
    ['error', `${code}: ${message}`],
    ...(step === null ? [] : [['step', step]]),
    ...(detail === null ? [] : [['detail', detail]]),
    ['key', shownText(letter.key)],
    ['value', shownText(letter.value)],
    ...(edited === null ? [] : [['edited', shownText(edited)]]),
    ...letter.headers.map(({ key, value }) => [`header ${key}`, shownText(value)]),
    ...letter.acts.map(({ act, atMs, by, note }) => ['', [iso(atMs), act, by ?? '', note ?? ''].join('  ').trimEnd()]),
  ];
  return `${printable(id)}\n${table(lines, 2)}`;
}

function shownText(value: ShownBytes): string {
  if (value === null) return 'none';
  return typeof value === 'string' ? value : `base64 ${value.$bytes}`;
}

/** "312 of 340 would succeed". */
export function trialSummary({ selected, alongside, sent }: RetryReport): string {
  const all = selected + alongside;
  return all === 0 ? 'nothing to retry' : `${count(sent)} of ${count(all)} would succeed`;
}

export function trialText(report: RetryReport): string {
  const { alongside, refused, judgedBy } = report;
  const causes = Map.groupBy(refused, ({ code, message }) => `${code}: ${message}`);
  const rows = [...causes].map(([what, list]) => [count(list.length), what, list[0]!.id]);
  const along = alongside === 0 ? '' : `${count(alongside)} of them go along: they belong to the same rows\n`;
  const asked =
    judgedBy === 'rules' ? 'judged by the rules alone: this target cannot be asked without writing to it\n' : '';
  return `${trialSummary(report)}\n${along}${asked}${table(rows, 2)}`;
}
