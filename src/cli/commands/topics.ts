import type { CommandGroup } from '../command.ts';
import { topicsAlter } from './topics-alter.ts';
import { topicsCompact } from './topics-compact.ts';
import { topicsCreate } from './topics-create.ts';
import { topicsDelete } from './topics-delete.ts';
import { topicsDescribe } from './topics-describe.ts';
import { topicsList } from './topics-list.ts';
import { topicsRead } from './topics-read.ts';
import { topicsWrite } from './topics-write.ts';

export const topics: CommandGroup = {
  kind: 'group',
  name: 'topics',
  summary: 'look at the topics of the log, read and write them, change them',
  commands: [
    topicsList,
    topicsDescribe,
    topicsRead,
    topicsWrite,
    topicsCreate,
    topicsAlter,
    topicsDelete,
    topicsCompact,
  ],
};
