import type { DeadLetterRecord } from '../../contracts/dead-letters.ts';
import type { AnswerCommand } from '../command.ts';
import { letterPath, letterText } from '../dead-letter-text.ts';
import { callOrLook, INSTANCE_OPTIONS, LOOK_DETAILS } from '../instance.ts';
import { wordOf } from '../places.ts';

export const dlqShow: AnswerCommand = {
  kind: 'answer',
  name: 'dlq show',
  summary: 'show a dead letter with its record',
  arguments: 'ID',
  details: `The original record, where it stands in the log, what refused it and in which words, and what was done with it since.
${LOOK_DETAILS}`,
  options: INSTANCE_OPTIONS,
  maxWords: 1,
  async run(context) {
    const id = wordOf(context, 'dlq show', 'dead letter');
    const path = letterPath(id);
    const letter = await callOrLook<DeadLetterRecord>(context, path, ({ deadLetters }) => deadLetters.show(id));
    const summary = `${letter.state}: ${letter.message}`;
    return { exitCode: 0, summary, result: letter, text: () => letterText(letter) };
  },
};
