import type { GroupDescription } from '../../contracts/operations.ts';
import type { AnswerCommand } from '../command.ts';
import { count, table } from '../format.ts';
import { INSTANCE_OPTIONS, LOOK_DETAILS, look } from '../instance.ts';
import { wordOf } from '../places.ts';
import type { Style } from '../style.ts';

export const groupsDescribe: AnswerCommand = {
  kind: 'answer',
  name: 'groups describe',
  summary: 'show the members and offsets of a consumer group',
  arguments: 'GROUP',
  details: LOOK_DETAILS,
  options: INSTANCE_OPTIONS,
  maxWords: 1,
  async run(context) {
    const group = wordOf(context, 'groups describe', 'group');
    const path = `/groups/${encodeURIComponent(group)}`;
    const found = await look(context, path, ({ groups }) => groups.describe(group));
    return {
      exitCode: 0,
      summary: `${group} is ${found.state}`,
      result: found,
      text: (style) => groupText(found, style),
    };
  },
};

function groupText({ name, state, members, offsets }: GroupDescription, style: Style): string {
  const places = offsets.map(({ topic, partition, offset, end, lag }) => [
    topic,
    String(partition),
    offset,
    end ?? 'gone',
    lag === null ? '' : count(BigInt(lag)),
  ]);
  const who = members.map(({ id, clientId, host }) => [id, clientId, host]);
  const head = `${style.paint('bold', name)}  ${state}\n`;
  const memberTable = who.length === 0 ? '' : `\n${table([['member', 'client', 'host'], ...who], 2)}`;
  return `${head}${table([['topic', 'partition', 'offset', 'end', 'behind'], ...places], 2)}${memberTable}`;
}
