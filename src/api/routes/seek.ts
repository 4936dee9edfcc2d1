import { z } from 'zod';
import { groupAnswer, seekMove } from '../answers/operations.ts';
import { listOf } from '../fields.ts';
import { route } from '../route.ts';

export const seek = route({
  method: 'POST',
  path: '/groups/:group/seek',
  summary:
    'Does the `moves` of a plan, all or none: refused while the group has members, or when its offsets have changed.',
  access: 'change',
  body: z.strictObject({ moves: listOf(seekMove) }),
  answers: groupAnswer,
  async answer({ operations, params, body: { moves } }) {
    const group = params.group!;
    await operations.seeker.apply({ group, moves });
    return { status: 200, body: operations.groups.describe(group) };
  },
});
