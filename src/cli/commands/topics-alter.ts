import { TailraceError } from '../../contracts/errors.ts';
import type { TopicDescription } from '../../contracts/operations.ts';
import type { AnswerCommand } from '../command.ts';
import { counted } from '../format.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { numberOption, wordOf } from '../places.ts';
import { settingOf } from '../topic-setting.ts';
import { topicText } from './topics-describe.ts';

export const topicsAlter: AnswerCommand = {
  kind: 'answer',
  name: 'topics alter',
  summary: 'change settings of a topic, add partitions',
  arguments: 'TOPIC [setting=value…]',
  details: `Settings have Kafka's names; a setting without a value (retention.ms=) goes back to its default. Partitions can only
be added: records with a key that are written later may then go to other partitions than those before. ${CHANGE_DETAILS}`,
  options: { partitions: { type: 'string', value: 'N', summary: 'new number of partitions' }, ...INSTANCE_OPTIONS },
  maxWords: Number.POSITIVE_INFINITY,
  async run(context) {
    const topic = wordOf(context, 'topics alter', 'topic');
    const partitions = numberOption(context, 'partitions') ?? null;
    const settings = Object.fromEntries(
      context.words.slice(1).map((word) => {
        const [name, value] = settingOf(word);
        return [name, value === '' ? null : value];
      }),
    );
    if (partitions === null && Object.keys(settings).length === 0) {
      throw new TailraceError('cli.usage', 'nothing is to be changed', {
        remedy: 'write setting=value, or --partitions N',
      });
    }
    const path = `/topics/${encodeURIComponent(topic)}`;
    const changed = await call<TopicDescription>(context, { method: 'POST', path, body: { partitions, settings } });
    return {
      exitCode: 0,
      summary: `changed ${topic}: ${counted(changed.partitions.length, 'partition')}`,
      result: changed,
      text: (style) => topicText(changed, style),
    };
  },
};
