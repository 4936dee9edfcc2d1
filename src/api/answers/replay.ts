/** Replays in answers: the contract of `contracts/replay.ts` as schemas. */
import { z } from 'zod';
import type { ReplayPlan } from '../../contracts/replay.ts';

export const replayPlanAnswer: z.ZodType<ReplayPlan> = z.object({
  ranges: z
    .array(z.object({ topic: z.string(), from: z.string(), until: z.string().describe('not included') }))
    .readonly(),
  records: z.number().describe('offsets in the ranges; compacted ones count'),
  notes: z.array(z.string()).readonly().describe('history that the log has no more'),
});
