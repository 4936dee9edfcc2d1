import type { AnswerCommand } from '../command.ts';
import { count, counted, table } from '../format.ts';
import { INSTANCE_OPTIONS, LOOK_DETAILS, look } from '../instance.ts';

export const groupsList: AnswerCommand = {
  kind: 'answer',
  name: 'groups ls',
  summary: 'list consumer groups, sinks among them',
  arguments: '',
  details: LOOK_DETAILS,
  options: INSTANCE_OPTIONS,
  maxWords: 0,
  async run(context) {
    const found = await look(context, '/groups', ({ groups }) => groups.list());
    const rows = found.map(({ name, state, members, lag }) => [name, state, String(members), count(BigInt(lag))]);
    return {
      exitCode: 0,
      summary: counted(found.length, 'group'),
      result: found,
      text: () => (rows.length === 0 ? 'no groups\n' : table([['group', 'state', 'members', 'behind'], ...rows])),
    };
  },
};
