/** Goals of the log that no peer is needed for: a row of `npm run bench -- log` each. */
import { built } from '../../build.ts';
import { currentCommit, publish } from '../../report.ts';
import { childFigures } from './child-figures.ts';
import { inDirectory } from './goal.ts';

export const GOALS = [
  'in-process',
  'active-partitions',
  'idle-partitions',
  'long-polls',
  'large-log',
  'compaction-under-load',
] as const;

export async function runGoal(name: (typeof GOALS)[number]): Promise<void> {
  const program = built('bench/log/goals/child-process.ts');
  const figures = await inDirectory((dir) => childFigures(name, dir, program));
  publish({
    name: 'log-goals',
    title: 'The log by itself, held against goals',
    header: ['what', 'measured', 'goal', 'met', 'beside it in the same run', 'commit'],
    rows: figures.map(({ what, measured, goal, met, beside }) => {
      return [what, measured, goal, met ? 'yes' : 'no', beside, currentCommit()];
    }),
    merge: true,
    notes: ['Each row is measured in a process of its own, with the defaults of the product.'],
  });
}
