import type { TopicDescription } from '../../contracts/operations.ts';
import type { AnswerCommand } from '../command.ts';
import { CONFIRM_OPTIONS, confirmed } from '../confirm.ts';
import { bytes, count } from '../format.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS, look } from '../instance.ts';
import { wordOf } from '../places.ts';

export const topicsDelete: AnswerCommand = {
  kind: 'answer',
  name: 'topics delete',
  summary: 'delete a topic and its records',
  arguments: 'TOPIC',
  details: `Shows what would go, and asks. ${CHANGE_DETAILS}`,
  options: { ...CONFIRM_OPTIONS, ...INSTANCE_OPTIONS },
  maxWords: 1,
  async run(context) {
    const topic = wordOf(context, 'topics delete', 'topic');
    const path = `/topics/${encodeURIComponent(topic)}`;
    const found = await look(context, path, ({ topics }) => topics.describe(topic));
    const what = contents(found);
    const isDone = await confirmed(context, `${topic} has ${what}\n`, `Delete ${topic}?`);
    if (isDone) await call(context, { method: 'DELETE', path });
    const summary = `${isDone ? 'deleted' : 'would delete'} ${topic} with ${what}`;
    return { exitCode: 0, summary, result: { deleted: isDone, topic: found }, text: () => `${summary}\n` };
  },
};

function contents({ partitions }: TopicDescription): string {
  let offsets = 0n;
  let size = 0;
  for (const { startOffset, endOffset, sizeBytes } of partitions) {
    offsets += BigInt(endOffset) - BigInt(startOffset);
    size += sizeBytes;
  }
  return `${count(offsets)} ${offsets === 1n ? 'record' : 'records'}, ${bytes(size)}`;
}
