import type { DeadLetterList } from '../../contracts/dead-letters.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { AnswerCommand } from '../command.ts';
import { CONFIRM_OPTIONS, confirmed } from '../confirm.ts';
import { deadLetterPlace, FILTER_OPTIONS, listText, queryOf } from '../dead-letter-text.ts';
import { counted } from '../format.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { textOption } from '../places.ts';
import { userName } from '../user-name.ts';

export const dlqDiscard: AnswerCommand = {
  kind: 'answer',
  name: 'dlq discard',
  summary: 'give dead letters up, with a reason',
  arguments: 'PIPELINE[/SINK] | ID…',
  details: `The target keeps what it has of those rows. That they were, and who gave them up and why, stays; the records go. Changes
that were held behind one of them are sent then. ${CHANGE_DETAILS}`,
  options: {
    reason: { type: 'string', value: 'TEXT', summary: 'why; must be given' },
    ...FILTER_OPTIONS,
    ...CONFIRM_OPTIONS,
    ...INSTANCE_OPTIONS,
  },
  maxWords: 1_000,
  async run(context) {
    const { pipeline, filter } = deadLetterPlace(context, 'dlq discard');
    const reason = textOption(context, 'reason');
    if (reason === undefined) {
      throw new TailraceError('cli.usage', 'a reason is needed', { remedy: 'add --reason "why"; it is kept' });
    }
    const path = `/dead-letters/${encodeURIComponent(pipeline)}`;
    const { ids } = filter;
    const list = await call<DeadLetterList>(context, { method: 'GET', path: `${path}?${queryOf(filter)}` });
    const total = ids === undefined ? list.letters.length : list.letters.filter(({ id }) => ids.includes(id)).length;
    const preview = listText({ ...list, letters: [] }, Date.now());
    const isDone = total > 0 && (await confirmed(context, preview, `Give ${counted(total, 'dead letter')} up?`));
    const body = { ...filter, reason, by: userName() };
    const discarded = isDone
      ? (await call<{ discarded: number }>(context, { method: 'POST', path: `${path}/discard`, body })).discarded
      : 0;
    const summary = isDone
      ? `${counted(discarded, 'dead letter')} discarded`
      : `${counted(total, 'dead letter')} found`;
    return { exitCode: 0, summary, result: { discarded, found: total }, text: () => `${summary}\n` };
  },
};
