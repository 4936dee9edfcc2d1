import type { TopicDescription } from '../../contracts/operations.ts';
import type { AnswerCommand } from '../command.ts';
import { counted } from '../format.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { numberOption, wordOf } from '../places.ts';
import { settingOf } from '../topic-setting.ts';
import { topicText } from './topics-describe.ts';

export const topicsCreate: AnswerCommand = {
  kind: 'answer',
  name: 'topics create',
  summary: 'create a topic',
  arguments: 'TOPIC [setting=value…]',
  details: `Settings have Kafka's names, e.g. cleanup.policy=compact retention.ms=-1; tailrace topics describe shows all of them.
${CHANGE_DETAILS}`,
  options: { partitions: { type: 'string', value: 'N', summary: 'number of partitions (1)' }, ...INSTANCE_OPTIONS },
  maxWords: Number.POSITIVE_INFINITY,
  async run(context) {
    const topic = wordOf(context, 'topics create', 'topic');
    const partitions = numberOption(context, 'partitions') ?? 1;
    const settings = Object.fromEntries(context.words.slice(1).map(settingOf));
    const body = { topic, partitions, settings };
    const created = await call<TopicDescription>(context, { method: 'POST', path: '/topics', body });
    return {
      exitCode: 0,
      summary: `created ${topic} with ${counted(created.partitions.length, 'partition')}`,
      result: created,
      text: (style) => topicText(created, style),
    };
  },
};
