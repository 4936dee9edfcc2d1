import type { CommandGroup } from '../command.ts';
import { dlqDiscard } from './dlq-discard.ts';
import { dlqEdit } from './dlq-edit.ts';
import { dlqList } from './dlq-ls.ts';
import { dlqRetry } from './dlq-retry.ts';
import { dlqShow } from './dlq-show.ts';

export const dlq: CommandGroup = {
  kind: 'group',
  name: 'dlq',
  summary: 'work dead letters: list, show, retry, edit, discard',
  commands: [dlqList, dlqShow, dlqRetry, dlqEdit, dlqDiscard],
};
