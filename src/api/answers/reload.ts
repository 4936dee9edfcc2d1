/** What another set of pipeline files changes, in answers: the contract of `contracts/reload.ts` as schemas. */
import { z } from 'zod';
import type { PlanChange, Reloaded, ReloadPlan } from '../../contracts/reload.ts';

const change: z.ZodType<PlanChange> = z.object({
  change: z.enum(['added', 'removed', 'changed']),
  pipeline: z.string(),
  kind: z.enum(['pipeline', 'source', 'sink']),
  name: z.string(),
  fields: z.array(
    z.object({
      name: z.string(),
      before: z.string().nullable().describe('null for keys of a connector: they may be secrets'),
      after: z.string().nullable(),
    }),
  ),
  consequences: z.array(z.string()),
  remedy: z.string().nullable(),
});

export const planAnswer: z.ZodType<ReloadPlan> = z.object({
  hash: z.string().describe('of exactly these changes'),
  changes: z.array(change),
  untouched: z.array(z.string()),
});

export const reloadedAnswer: z.ZodType<Reloaded> = z.object({
  plan: planAnswer,
  started: z.array(z.string()),
  restarted: z.array(z.string()),
  stopped: z.array(z.string()),
});
