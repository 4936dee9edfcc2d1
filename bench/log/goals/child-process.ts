/** `node child-process.js <goal> <dir>`: measures one goal in a process of its own, whose memory and time are its own. */
import { mkdirSync } from 'node:fs';
import type { Goal } from './goal.ts';

const goals: Readonly<Record<string, () => Promise<Goal>>> = {
  'in-process': async () => (await import('./in-process.ts')).inProcess,
  'active-partitions': async () => (await import('./partitions.ts')).activePartitions,
  'idle-partitions': async () => (await import('./partitions.ts')).idlePartitions,
  'idle-partitions-opened': async () => (await import('./partitions.ts')).idlePartitionsOpened,
};

const [goal = '', dir = ''] = process.argv.slice(2);
mkdirSync(dir, { recursive: true });
const run = await goals[goal]!();
process.stdout.write(JSON.stringify(await run(dir)));
