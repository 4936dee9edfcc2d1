import { z } from 'zod';
import { seekPlanAnswer } from '../answers/operations.ts';
import { listOf, offset, wholeNumber } from '../fields.ts';
import { route } from '../route.ts';

const seekTo = z.discriminatedUnion(
  'to',
  [
    z.strictObject({ to: z.enum(['earliest', 'latest']) }),
    z.strictObject({ to: z.literal('time'), ms: wholeNumber() }),
    z.strictObject({ to: z.literal('offset'), offset: offset() }),
    z.strictObject({ to: z.literal('group'), group: z.string() }),
  ],
  { error: 'must be earliest, latest, time, offset or group' },
);

export const planSeek = route({
  method: 'POST',
  path: '/groups/:group/plan',
  summary: 'What a seek would do. Without `topics` and `partitions`: all that the group has offsets of.',
  access: 'change',
  body: z.strictObject({
    seek: seekTo,
    topics: listOf(z.string()).optional(),
    partitions: listOf(wholeNumber()).optional(),
  }),
  answers: seekPlanAnswer,
  async answer({ operations, params, body: { seek, topics = null, partitions = null } }) {
    const plan = await operations.seeker.plan({ group: params.group!, seek, topics, partitions });
    return { status: 200, body: plan };
  },
});
