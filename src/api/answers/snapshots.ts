/** What is being read looks like this in answers: the contract of `contracts/control.ts` as a schema. */
import { z } from 'zod';
import type { SourceSnapshots } from '../../contracts/control.ts';
import { snapshotAnswer, taskState } from './status.ts';

export const snapshotsAnswer: z.ZodType<SourceSnapshots> = z.object({
  pipeline: z.string(),
  source: z.string(),
  state: taskState.describe('of the source'),
  snapshots: z.array(snapshotAnswer).describe('tables that are read, or wait for it'),
});
