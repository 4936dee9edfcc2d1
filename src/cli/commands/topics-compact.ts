import type { Compacted } from '../../contracts/operations.ts';
import type { AnswerCommand } from '../command.ts';
import { bytes, table } from '../format.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { wordOf } from '../places.ts';

export const topicsCompact: AnswerCommand = {
  kind: 'answer',
  name: 'topics compact',
  summary: 'compact a topic now: of each key only the last record stays',
  arguments: 'TOPIC',
  details: `What min.compaction.lag.ms protects is left alone. ${CHANGE_DETAILS}`,
  options: INSTANCE_OPTIONS,
  maxWords: 1,
  async run(context) {
    const topic = wordOf(context, 'topics compact', 'topic');
    const path = `/topics/${encodeURIComponent(topic)}/compact`;
    const done = await call<readonly Compacted[]>(context, { method: 'POST', path, body: {} });
    const total = (one: 'bytesBefore' | 'bytesAfter') =>
      bytes(done.reduce((sum, partition) => sum + partition[one], 0));
    const rows = done.map(({ partition, bytesBefore, bytesAfter }) => [
      String(partition),
      bytes(bytesBefore),
      bytes(bytesAfter),
    ]);
    return {
      exitCode: 0,
      summary: `compacted ${topic}: ${total('bytesBefore')} to ${total('bytesAfter')}`,
      result: done,
      text: () => table([['partition', 'before', 'after'], ...rows]),
    };
  },
};
