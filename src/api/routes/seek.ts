import type { Route } from '../route.ts';

export const seek: Route = {
  method: 'POST',
  path: '/groups/:group/seek',
  summary:
    'Does the `moves` of a plan, all or none: refused while the group has members, or when its offsets have changed.',
  needsToken: true,
  async answer({ operations, params, body }) {
    const moves = body
      .only('moves')
      .each('moves')
      .map((move) => ({
        topic: move.only('topic', 'partition', 'from', 'to').text('topic'),
        partition: move.number('partition'),
        from: move.value('from') === null ? null : move.offset('from'),
        to: move.offset('to'),
      }));
    const group = params.text('group');
    await operations.seeker.apply({ group, moves });
    return { status: 200, body: operations.groups.describe(group) };
  },
};
