import { z } from 'zod';
import { planAnswer, reloadedAnswer } from '../answers/reload.ts';
import { route } from '../route.ts';

export const plan = route({
  method: 'POST',
  path: '/plan',
  summary: 'What the pipeline files, as they are now, would change, and what would come of it. Changes nothing.',
  access: 'change',
  answers: planAnswer,
  answer: async ({ reloader }) => ({ status: 200, body: await reloader.plan() }),
});

export const apply = route({
  method: 'POST',
  path: '/apply',
  summary: 'Runs the pipeline files as they are now. What they do not change goes on untouched.',
  access: 'change',
  body: z.strictObject({ hash: z.string().optional().describe('of the plan that was looked at; refused for another') }),
  answers: reloadedAnswer,
  answer: async ({ reloader, body: { hash = null } }) => ({ status: 200, body: await reloader.apply(hash) }),
});
