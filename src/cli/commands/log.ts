import type { CommandGroup } from '../command.ts';
import { logBackup } from './log-backup.ts';
import { logDump } from './log-dump.ts';
import { logRepair } from './log-repair.ts';
import { logRestore } from './log-restore.ts';
import { logVerify } from './log-verify.ts';

export const log: CommandGroup = {
  kind: 'group',
  name: 'log',
  summary: 'check, look at, save and restore the data of a stopped instance',
  commands: [logVerify, logRepair, logDump, logBackup, logRestore],
};
