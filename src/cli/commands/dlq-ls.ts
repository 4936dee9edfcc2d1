import type { DeadLetterList } from '../../contracts/dead-letters.ts';
import type { AnswerCommand } from '../command.ts';
import { deadLetterPlace, FILTER_OPTIONS, listText, queryOf, statesOption } from '../dead-letter-text.ts';
import { counted } from '../format.ts';
import { INSTANCE_OPTIONS, LOOK_DETAILS, look } from '../instance.ts';

const SHOWN = 20;

export const dlqList: AnswerCommand = {
  kind: 'answer',
  name: 'dlq ls',
  summary: 'list dead letters by their causes',
  arguments: 'PIPELINE[/SINK]',
  details: `Records that a sink's rules or target have refused, grouped by sink, error, step and topic. No contents are shown.
Without --state those that wait: open ones, and those held behind an open one of their row. ${LOOK_DETAILS}`,
  options: {
    ...FILTER_OPTIONS,
    state: { type: 'string', value: 'STATE,…', summary: 'only in these states; all: in any' },
    ...INSTANCE_OPTIONS,
  },
  maxWords: 1,
  async run(context) {
    const { pipeline, filter } = deadLetterPlace(context, 'dlq ls');
    const states = statesOption(context);
    const wanted = { limit: SHOWN, ...filter, ...(states === undefined ? {} : { states }) };
    const path = `/dead-letters/${encodeURIComponent(pipeline)}?${queryOf(wanted)}`;
    const list = await look<DeadLetterList>(context, path, ({ deadLetters }) => deadLetters.list(pipeline, wanted));
    const summary = list.total === 0 ? 'no dead letters' : counted(list.total, 'dead letter');
    return { exitCode: 0, summary, result: list, text: () => listText(list, Date.now()) };
  },
};
