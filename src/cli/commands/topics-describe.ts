import type { TopicDescription } from '../../contracts/operations.ts';
import type { AnswerCommand } from '../command.ts';
import { bytes, count, counted, table } from '../format.ts';
import { INSTANCE_OPTIONS, LOOK_DETAILS, look } from '../instance.ts';
import { wordOf } from '../places.ts';
import type { Style } from '../style.ts';

export const topicsDescribe: AnswerCommand = {
  kind: 'answer',
  name: 'topics describe',
  summary: 'show the partitions and settings of a topic',
  arguments: 'TOPIC',
  details: LOOK_DETAILS,
  options: INSTANCE_OPTIONS,
  maxWords: 1,
  async run(context) {
    const topic = wordOf(context, 'topics describe', 'topic');
    const path = `/topics/${encodeURIComponent(topic)}`;
    const found = await look(context, path, ({ topics }) => topics.describe(topic));
    return {
      exitCode: 0,
      summary: `${topic} has ${counted(found.partitions.length, 'partition')}`,
      result: found,
      text: (style) => topicText(found, style),
    };
  },
};

export function topicText({ name, partitions, settings, isOpen }: TopicDescription, style: Style): string {
  const rows = partitions.map(({ partition, startOffset, endOffset, sizeBytes }) => [
    String(partition),
    startOffset,
    endOffset,
    count(BigInt(endOffset) - BigInt(startOffset)),
    bytes(sizeBytes),
  ]);
  const owner = isOpen ? '' : '  (only Tailrace itself writes to it)';
  const values = settings.map((one) => [one.name, one.value, one.isDefault ? 'default' : '']);
  const head = ['partition', 'start', 'end', 'offsets', 'size'];
  return `${style.paint('bold', name)}${owner}\n${table([head, ...rows], 2)}\n${table(values, 2)}`;
}
