import { TailraceError } from '../../contracts/errors.ts';
import type { TracedChange, TracedSink } from '../../contracts/inspect.ts';
import { printable } from '../../lib/printable.ts';
import { changeText, clockText } from '../change-text.ts';
import type { AnswerCommand } from '../command.ts';
import { counted } from '../format.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { numberOption } from '../places.ts';
import type { Style } from '../style.ts';
import { shownErrorText } from './tap.ts';

export const trace: AnswerCommand = {
  kind: 'answer',
  name: 'trace',
  summary: 'tell the story of one row: from its commit over every step to every sink',
  arguments: 'TABLE KEY…',
  details: `The newest changes of the row that the log has, oldest first: when they were committed at the source and written to the log,
what each step on the way to each sink made of them (of a filter that dropped the row: the condition that was not true), what
goes to the target, and whether the sink has acknowledged it. KEY: the values of the key columns in key order, or each as
column=value. The rules are those that run now. ${CHANGE_DETAILS} Nothing is changed.`,
  options: {
    limit: { type: 'string', short: 'n', value: 'N', summary: 'the newest N changes (20)' },
    ...INSTANCE_OPTIONS,
  },
  maxWords: Number.POSITIVE_INFINITY,
  async run(context) {
    const [table = '', ...key] = context.words;
    if (key.length === 0) {
      throw new TailraceError('cli.usage', 'tailrace trace needs a table and the key of a row', {
        remedy: 'tailrace trace products 7',
      });
    }
    const query = new URLSearchParams({ key: key.join(',') });
    const limit = numberOption(context, 'limit');
    if (limit !== undefined) query.set('limit', String(limit));
    const path = `/trace/${encodeURIComponent(table)}?${query}`;
    const story = await call<readonly TracedChange[]>(context, { method: 'GET', path });
    const isKnown = story.length > 0;
    return {
      exitCode: isKnown ? 0 : 4,
      summary: isKnown ? counted(story.length, 'change') : 'the log has no such row',
      result: story,
      text: (style) =>
        isKnown ? story.map((change) => storyText(change, style)).join('\n') : `the log has no such row\n`,
    };
  },
};

function storyText(traced: TracedChange, style: Style): string {
  const { change, error, source, topic, partition, offset, timestamp } = traced;
  const lines: string[][] = [];
  if (change !== null) {
    const where = `position ${change.position}${change.transaction === '' ? '' : `  transaction ${change.transaction}`}`;
    lines.push([clockText(change.timeUs / 1_000), source, changeText(change, style), style.paint('dim', where)]);
  }
  lines.push([clockText(timestamp), 'log', `${topic}[${partition}] offset ${offset}`]);
  const head = lines.map(
    (words) => `${words.map((word, i) => (i === 1 ? printable(word).padEnd(12) : word)).join('  ')}\n`,
  );
  const failed = error === null ? '' : shownErrorText(error, style);
  return `${head.join('')}${failed}${traced.sinks.map((sink) => sinkText(sink, style)).join('')}`;
}

function sinkText({ sink, steps, results, error, isAcknowledged }: TracedSink, style: Style): string {
  const { paint, signs } = style;
  const state = isAcknowledged
    ? paint('green', `${signs.ok} acknowledged`)
    : paint('yellow', `${signs.warning} not yet`);
  const outcomes = steps
    .filter(({ outcome }) => outcome !== 'passed')
    .map(({ number, verb, outcome, condition }) => {
      const why = condition === null ? '' : `: ${printable(condition)} is not true`;
      return `              step ${number} ${printable(verb)}: ${outcome}${why}\n`;
    });
  const given = results.map((change) => `              ${signs.arrow} ${changeText(change, style)}\n`);
  const problem = error === null ? '' : shownErrorText(error, style);
  return `              ${printable(sink).padEnd(12)}  ${state}\n${[...outcomes, ...given].join('')}${problem}`;
}
