import type { TopicStatus } from '../../contracts/control.ts';
import type { AnswerCommand } from '../command.ts';
import { bytes, count, counted, table } from '../format.ts';
import { INSTANCE_OPTIONS, LOOK_DETAILS, look } from '../instance.ts';

export const topicsList: AnswerCommand = {
  kind: 'answer',
  name: 'topics ls',
  summary: 'list what is in the log',
  arguments: '',
  details: LOOK_DETAILS,
  options: INSTANCE_OPTIONS,
  maxWords: 0,
  async run(context) {
    const found = await look(context, '/topics', ({ topics }) => topics.list());
    return { exitCode: 0, summary: counted(found.length, 'topic'), result: found, text: () => topicsText(found) };
  },
};

const HEAD = ['topic', 'cleanup', 'records', 'offsets', 'size'];

function topicsText(found: readonly TopicStatus[]): string {
  if (found.length === 0) return 'no topics\n';
  return table([HEAD, ...found.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(topicRow)]);
}

function topicRow({ name, cleanup, partitions }: TopicStatus): string[] {
  let records = 0n;
  let size = 0;
  for (const { startOffset, endOffset, sizeBytes } of partitions) {
    records += BigInt(endOffset) - BigInt(startOffset);
    size += sizeBytes;
  }
  const offsets = partitions.map(({ startOffset, endOffset }) => `${startOffset}..${endOffset}`).join(' ');
  return [name, cleanup, count(records), offsets, bytes(size)];
}
