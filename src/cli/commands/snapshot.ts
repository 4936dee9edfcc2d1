import type { CommandGroup } from '../command.ts';
import { snapshotCancel, snapshotPause, snapshotResume } from './snapshot-change.ts';
import { snapshotStart } from './snapshot-start.ts';
import { snapshotStatus } from './snapshot-status.ts';

export const snapshot: CommandGroup = {
  kind: 'group',
  name: 'snapshot',
  summary: 'read tables once more beside their stream; pause, resume and cancel that',
  commands: [snapshotStatus, snapshotStart, snapshotPause, snapshotResume, snapshotCancel],
};
