import type { CommandGroup } from '../command.ts';
import { groupsDescribe } from './groups-describe.ts';
import { groupsList } from './groups-list.ts';
import { groupsSeek } from './groups-seek.ts';

export const groups: CommandGroup = {
  kind: 'group',
  name: 'groups',
  summary: 'look at consumer groups and move their offsets',
  commands: [groupsList, groupsDescribe, groupsSeek],
};
