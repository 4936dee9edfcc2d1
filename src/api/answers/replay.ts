/** Replays in answers: the contract of `contracts/replay.ts` as schemas. */
import { z } from 'zod';
import type { ReplayPlan, SinkJob } from '../../contracts/replay.ts';
import { replayProgress } from './status.ts';

export const replayPlanAnswer: z.ZodType<ReplayPlan> = z.object({
  ranges: z
    .array(z.object({ topic: z.string(), from: z.string(), until: z.string().describe('not included') }))
    .readonly(),
  records: z.number().describe('offsets in the ranges; compacted ones count'),
  notes: z.array(z.string()).readonly().describe('history that the log has no more'),
});

export const jobAnswer: z.ZodType<SinkJob> = z.object({
  pipeline: z.string(),
  sink: z.string(),
  kind: z.enum(['replay', 'rebuild']),
  state: z.enum(['running', 'done', 'cancelled', 'failed']),
  step: z.string(),
  startedMs: z.number().describe('ms since 1970'),
  endedMs: z.number().nullable(),
  progress: replayProgress.nullable(),
  notes: z.array(z.string()).readonly().describe('where the old target is, and what it had that the new one has not'),
  problem: z.object({ code: z.string(), message: z.string(), remedy: z.string().nullable() }).nullable(),
}) as z.ZodType<SinkJob>;
