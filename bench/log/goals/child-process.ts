/** `node child-process.js <goal> <dir>`: measures one goal in a process of its own, whose memory and time are its own. */
import { mkdirSync } from 'node:fs';
import type { Goal } from './goal.ts';

const goals: Readonly<Record<string, () => Promise<Goal>>> = {
  'in-process': async () => (await import('./in-process.ts')).inProcess,
  'active-partitions': async () => (await import('./partitions.ts')).activePartitions,
  'idle-partitions': async () => (await import('./partitions.ts')).idlePartitions,
  'long-polls': async () => (await import('./long-polls.ts')).longPolls,
  'large-log': async () => (await import('./large-log.ts')).largeLog,
  'large-log-filled': async () => (await import('./large-log.ts')).largeLogFilled,
  'large-log-opened': async () => (await import('./large-log.ts')).largeLogOpened,
  'compaction-under-load': async () => (await import('./compaction.ts')).compactionUnderLoad,
  'idle-partitions-opened': async () => (await import('./partitions.ts')).idlePartitionsOpened,
};

const [goal = '', dir = ''] = process.argv.slice(2);
mkdirSync(dir, { recursive: true });
const run = await goals[goal]!();
process.stdout.write(JSON.stringify(await run(dir)));
