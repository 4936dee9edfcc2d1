import { TailraceError } from '../../contracts/errors.ts';
import type { SeekMove, SeekPlan, SeekTo } from '../../contracts/operations.ts';
import type { AnswerCommand, CommandContext } from '../command.ts';
import { CONFIRM_OPTIONS, confirmed } from '../confirm.ts';
import { counted, table } from '../format.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { partitionsOption, TIME_WORDS, textOption, timeOf, wordOf } from '../places.ts';

export const groupsSeek: AnswerCommand = {
  kind: 'answer',
  name: 'groups seek',
  summary: 'move the offsets of a consumer group',
  arguments: 'GROUP',
  details: `Shows what would move, and asks; then exactly that is done, or nothing when the offsets have changed meanwhile. A
group with members is refused: their commits would undo it. ${CHANGE_DETAILS}

${TIME_WORDS}`,
  options: {
    'to-earliest': { type: 'boolean', summary: 'to the first record there is' },
    'to-latest': { type: 'boolean', summary: 'to the end' },
    'to-time': { type: 'string', value: 'TIME', summary: 'to the first record of that time or later' },
    'to-offset': { type: 'string', value: 'N', summary: 'to that offset' },
    'to-group': { type: 'string', value: 'GROUP', summary: 'to where another group is' },
    topic: { type: 'string', value: 'TOPIC,…', summary: 'only these topics; they may be new to the group' },
    partition: { type: 'string', value: 'N,…', summary: 'only these partitions' },
    ...CONFIRM_OPTIONS,
    ...INSTANCE_OPTIONS,
  },
  maxWords: 1,
  async run(context) {
    const group = wordOf(context, 'groups seek', 'group');
    const path = `/groups/${encodeURIComponent(group)}`;
    const topics = textOption(context, 'topic')?.split(',');
    const partitions = partitionsOption(context);
    const body = {
      seek: seekOf(context),
      ...(topics === undefined ? {} : { topics }),
      ...(partitions === null ? {} : { partitions }),
    };
    const plan = await call<SeekPlan>(context, { method: 'POST', path: `${path}/plan`, body });
    const preview = planText(plan);
    if (plan.members > 0 && context.options['dry-run'] !== true) throw hasMembers(plan);
    const isDone = await confirmed(context, preview, `Move ${group}?`);
    if (isDone) await call(context, { method: 'POST', path: `${path}/seek`, body: { moves: plan.moves } });
    const summary = `${isDone ? 'moved' : 'would move'} ${counted(plan.moves.length, 'partition')} of ${group}`;
    return { exitCode: 0, summary, result: { moved: isDone, plan }, text: () => `${preview}${summary}\n` };
  },
};

const TARGETS = ['to-earliest', 'to-latest', 'to-time', 'to-offset', 'to-group'];

function seekOf(context: CommandContext): SeekTo {
  const given = TARGETS.filter((name) => context.options[name] !== undefined);
  if (given.length !== 1) {
    const found = given.length === 0 ? 'nowhere to' : given.map((name) => `--${name}`).join(' and ');
    throw new TailraceError('cli.usage', `one place to go to is needed, not ${found}`, {
      remedy: `add one of ${TARGETS.map((name) => `--${name}`).join(', ')}`,
    });
  }
  const text = (name: string) => textOption(context, name) ?? '';
  switch (given[0]) {
    case 'to-earliest':
      return { to: 'earliest' };
    case 'to-latest':
      return { to: 'latest' };
    case 'to-time':
      return { to: 'time', ms: timeOf('to-time', text('to-time'), Date.now()) };
    case 'to-group':
      return { to: 'group', group: text('to-group') };
    default:
      return { to: 'offset', offset: text('to-offset') };
  }
}

function hasMembers({ group, members }: SeekPlan): TailraceError {
  return new TailraceError('group.active', `${group} has ${counted(members, 'member')}, whose commits would undo it`, {
    remedy: `stop its consumers, wait until tailrace groups describe ${group} shows it Empty, and seek again`,
  });
}

function planText({ moves }: SeekPlan): string {
  return table([['topic', 'partition', 'from', 'to', ''], ...moves.map(moveRow)]);
}

function moveRow({ topic, partition, from, to }: SeekMove): string[] {
  const distance = from === null ? 0n : BigInt(to) - BigInt(from);
  const words = distance > 0n ? `skips ${distance}` : distance < 0n ? `reads ${-distance} again` : '';
  return [topic, String(partition), from ?? 'nothing', to, from === null ? '' : words];
}
