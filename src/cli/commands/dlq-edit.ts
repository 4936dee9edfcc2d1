import type { DeadLetterSummary } from '../../contracts/dead-letters.ts';
import { TailraceError } from '../../contracts/errors.ts';
import { quoted } from '../../lib/printable.ts';
import type { AnswerCommand } from '../command.ts';
import { letterPath } from '../dead-letter-text.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { wordOf } from '../places.ts';
import { userName } from '../user-name.ts';

export const dlqEdit: AnswerCommand = {
  kind: 'answer',
  name: 'dlq edit',
  summary: 'write other values into the record of a dead letter',
  arguments: 'ID COLUMN=VALUE…',
  details: `A value is null, a number, an array in JSON, or text as it is; "null" in quotes is that text. The original record
stays beside the edited one; a retry sends the edited one. Columns of the key stay as they are. ${CHANGE_DETAILS}`,
  options: INSTANCE_OPTIONS,
  maxWords: 1_000,
  async run(context) {
    const id = wordOf(context, 'dlq edit', 'dead letter');
    const columns = Object.fromEntries(context.words.slice(1).map(assignment));
    if (Object.keys(columns).length === 0) {
      throw new TailraceError('cli.usage', 'nothing to write', { remedy: 'name columns and values: price=12.5' });
    }
    const body = { columns, by: userName() };
    const letter = await call<DeadLetterSummary>(context, { method: 'POST', path: letterPath(id), body });
    const summary = `edited; tailrace dlq retry ${letter.id} sends it`;
    return { exitCode: 0, summary, result: letter, text: () => `${summary}\n` };
  },
};

function assignment(word: string): readonly [string, string] {
  const at = word.indexOf('=');
  if (at < 1) {
    throw new TailraceError('cli.usage', `${quoted(word)} is not COLUMN=VALUE`, { remedy: 'write price=12.5' });
  }
  return [word.slice(0, at), word.slice(at + 1)];
}
